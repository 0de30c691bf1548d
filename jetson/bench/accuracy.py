"""What a bundle states about the answers of a variant, held against the limits that its exporter had to keep."""
from dataclasses import fields

from calibration import Parity, gate
from service.messages import BundleError

_NUMBERS = ('max_abs_error', 'label_agreement', 'not_finite')


def stated_parity(parity):
    """Parities that a manifest states: one for each set of frames.

    Args:
        parity (dict): free figures of a manifest, with ``frames``: figures by name of the set.
    Returns:
        list of Parity: without sets whose figures are not those of `calibration.Parity`.
    """
    sets = parity.get('frames')
    found = []
    for figures in sets.values() if isinstance(sets, dict) else ():
        if isinstance(figures, dict) and all(_number(figures.get(name)) is not None for name in _NUMBERS):
            values = {entry.name: _number(figures.get(entry.name)) for entry in fields(Parity)}
            found.append(Parity(**dict(values, frames=int(values['frames'] or 0))))
    return found


def miou_change(parity):
    """The worst change of the mIoU that is stated, or None."""
    return min((found.miou_change for found in stated_parity(parity) if found.miou_change is not None), default=None)


def parity_problem(parity, precision):
    """Why the stated parity is too bad for a variant to be used; ``''`` where it is not.

    Args:
        parity (dict): as for `stated_parity`.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
    """
    for found in stated_parity(parity):
        try:
            gate(found, precision)
        except BundleError as error:
            return 'By its own manifest: ' + error.message.text.replace(' It is not written.', '')
    return ''


def _number(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
