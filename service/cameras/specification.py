"""Camera specifications: ``KIND``, ``KIND:WHERE`` or ``KIND:WHERE?option=value&...``."""
from typing import Dict, List, Optional, Sequence, Tuple
from urllib.parse import parse_qsl

from ..messages import CameraError, did_you_mean


def split_spec(spec: str) -> Tuple[str, str, Dict[str, str]]:
    """Kind, where (``''`` if absent) and options of a specification.

    Raises:
        CameraError: ``camera-spec``.
    """
    kind, _, rest = spec.partition(':')
    where, mark, query = rest.rpartition('?') if '?' in rest else (rest, '', '')
    if '?' in kind:
        kind, mark, query = kind.partition('?')
    try:
        if mark and not query:
            raise ValueError('nothing follows the question mark')
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(mark))
    except ValueError:
        raise CameraError('camera-spec', 'The options of the camera %r are not of the form name=value&name=value.'
                          % spec)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise CameraError('camera-spec', 'The camera %r gives an option twice.' % spec)
    return kind, where, options


class Options:
    """Options of one specification, taken out one by one; whatever is left over is a mistake.

    Args:
        spec: the whole specification, for error messages.
        values: option texts by name.
    """

    def __init__(self, spec: str, values: Dict[str, str]) -> None:
        self._spec = spec
        self._values = dict(values)
        self._names: List[str] = []

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """An option as a float within bounds."""
        text = self._take(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise self.error('needs %s between %g and %g' % (name, low, high))
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """An option as an int within bounds."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise self.error('needs a whole number as %s' % name)
        return int(value)

    def choice(self, name: str, default: Optional[str], choices: Sequence[str]) -> Optional[str]:
        """An option as one of several words."""
        text = self._take(name)
        if text is None:
            return default
        if text not in choices:
            raise self.error('needs %s to be one of %s' % (name, ', '.join(sorted(choices))),
                             did_you_mean(text, choices))
        return text

    def finish(self) -> None:
        """Refuse options that nobody asked for."""
        if self._values:
            unknown = sorted(self._values)[0]
            raise self.error('has no option %s (it has %s)' % (unknown, ', '.join(self._names)),
                             did_you_mean(unknown, self._names))

    def error(self, what: str, next_step: str = '') -> CameraError:
        """The error for this specification."""
        return CameraError('camera-spec', 'The camera %r %s.' % (self._spec, what), next_step)

    def _take(self, name: str) -> Optional[str]:
        self._names.append(name)
        return self._values.pop(name, None)
