"""The network alone in every backend and precision of this machine, with the accuracy that its manifest states."""
import dataclasses
from typing import Any, Callable, Dict, List, Optional

from calibration import Parity, gate
from service.bundle import Bundle
from service.messages import BundleError
from service.selection import Runtime, every_candidate
from service.selection.measurement import feeds, measure
from service.settings import Settings

#: Figures that a stated parity must have.
_REQUIRED = ('max_abs_error', 'label_agreement', 'not_finite')


def measure_variants(bundle: Bundle, settings: Settings, thermograms: int, rounds: int,
                     progress: Callable[[str], None]) -> List[Dict[str, Any]]:
    """Every candidate of this machine, whatever backend the settings choose.

    Args:
        bundle: an opened bundle.
        settings: in force.
        thermograms: simulated thermograms per round, in addition to the golden one.
        rounds: how often each candidate is loaded and run.
        progress: called with a text before each round.
    Returns:
        Rows as of `service.selection.measure`, with ``samples_ms`` and ``parity`` (as the manifest states it).
        ``excluded`` also holds why the stated parity rules a variant out.
    Raises:
        BackendError, BundleError: the baseline does not start or prove itself.
    """
    runtime = dataclasses.replace(Runtime.from_settings(settings), backend='auto', precision='auto')
    samples: Dict[str, List[float]] = {}
    rows = measure(bundle, every_candidate(bundle, runtime), feeds(bundle, thermograms), rounds, runtime.threads,
                   progress, samples)
    measured = []
    for row in rows:
        parity = bundle.variants[row['variant']].parity
        problem = parity_problem(parity, row['precision'])
        if bundle.classifier is not None and not row['problem']:
            other = bundle.classifier.variants[row['backend']['classifier']['variant']]
            problem = problem or parity_problem(other.parity, other.precision)
        measured.append(dict(row, excluded=row['excluded'] or problem, parity=parity,
                             samples_ms=[round(value, 4) for value in samples[row['name']]]))
    return measured


def stated_parity(parity: Dict[str, Any]) -> List[Parity]:
    """Parities that a manifest states, one for each set of frames; sets with other figures are left out.

    Args:
        parity: free figures of a manifest, with ``frames``: figures by name of the set.
    """
    sets = parity.get('frames')
    stated = []
    for figures in sets.values() if isinstance(sets, dict) else ():
        if isinstance(figures, dict) and all(_number(figures.get(name)) is not None for name in _REQUIRED):
            values: Dict[str, Any] = {entry.name: _number(figures.get(entry.name))
                                      for entry in dataclasses.fields(Parity)}
            stated.append(Parity(**dict(values, frames=int(values['frames'] or 0))))
    return stated


def miou_change(parity: Dict[str, Any]) -> Optional[float]:
    """The worst stated change of the mIoU; None where none is stated."""
    return min((entry.miou_change for entry in stated_parity(parity) if entry.miou_change is not None), default=None)


def parity_problem(parity: Dict[str, Any], precision: str) -> str:
    """Why the stated parity rules a variant out; ``''`` where it does not.

    Args:
        parity: as for `stated_parity`.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``.
    """
    for entry in stated_parity(parity):
        try:
            gate(entry, precision)
        except BundleError as error:
            return 'According to its manifest: ' + error.message.sentence.replace(' It is not written.', '')
    return ''


def _number(value: Any) -> Optional[float]:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
