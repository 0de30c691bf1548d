"""Meanings as JSON, from a file that may be damaged or made up."""
from ..messages import InputError
from .air import AirConstants
from .flir import FlirParameters
from .linear import LinearScale
from .meaning import GreyLevels, Temperatures
from .planck import PlanckConstants
from .scene import Scene


def meaning_of(document):
    """The meaning that a ``to_dict`` described.

    Args:
        document: parsed JSON of any kind.
    Returns:
        FlirParameters, Temperatures or GreyLevels
    Raises:
        InputError: ``radiometry-stored`` for a document of another shape, ``radiometry-constant`` or
            ``radiometry-value`` for values that cannot be.
    """
    kind = document.get('kind') if isinstance(document, dict) else None
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise _not_a_meaning('kind')
    try:
        return make({name: value for name, value in document.items() if name != 'kind'})
    except (TypeError, KeyError, ValueError) as error:
        raise _not_a_meaning(str(error))


def _flir(document):
    planck, air, scene = (document.pop(name) for name in ('planck', 'air', 'scene'))
    return FlirParameters(PlanckConstants(**planck), Scene(**scene), AirConstants(**air), **document)


def _temperatures(document):
    scale, stated, true = (document.pop(name) for name in ('scale', 'stated', 'true'))
    return Temperatures(None if scale is None else LinearScale(**scale), dict(stated), dict(true), **document)


_KINDS = {FlirParameters.kind: _flir, Temperatures.kind: _temperatures,
          GreyLevels.kind: lambda document: GreyLevels(**document)}


def _not_a_meaning(detail):
    return InputError('radiometry-stored', 'What makes its values temperatures is stated in a way that this program '
                      'does not know; write the file again.', detail=detail)
