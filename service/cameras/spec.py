"""Camera specifications: ``KIND``, ``KIND:WHERE`` or ``KIND:WHERE?option=value&...``."""
from urllib.parse import parse_qsl

from ..messages import CameraError


def split_spec(spec):
    """The parts of a specification.

    Returns:
        tuple: (kind, where, dict of options); where is ``''`` if not given.
    Raises:
        CameraError: ``camera-spec``.
    """
    kind, _, rest = spec.partition(':')
    where, mark, query = rest.rpartition('?') if '?' in rest else (rest, '', '')
    if '?' in kind:
        kind, mark, query = kind.partition('?')
    try:
        if mark and not query:
            raise ValueError('a question mark and nothing after it')
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(mark))
    except ValueError:
        raise CameraError('camera-spec', 'The camera %r has options that are not name=value&name=value.'
                          % spec)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise CameraError('camera-spec', 'The camera %r gives an option twice.' % spec)
    return kind, where, options


class Options:
    """Options of one specification, taken out one by one; what is left over is a mistake.

    Args:
        spec (str): the whole specification, for sentences.
        values (dict): option texts by name.
    """

    def __init__(self, spec, values):
        self._spec = spec
        self._values = dict(values)
        self._known = []

    def number(self, name, default, low, high):
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

    def whole(self, name, default, low, high):
        """An option as an int within bounds."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise self.error('needs a whole %s' % name)
        return int(value)

    def choice(self, name, default, choices):
        """An option as one of several words."""
        text = self._take(name)
        if text is None:
            return default
        if text not in choices:
            raise self.error('needs %s to be one of %s' % (name, ', '.join(sorted(choices))))
        return text

    def finish(self):
        """Refuse options nobody asked for."""
        if self._values:
            raise self.error('has no option %s (it has %s)'
                             % (sorted(self._values)[0], ', '.join(self._known)))

    def error(self, what):
        """The error for this specification."""
        return CameraError('camera-spec', 'The camera %r %s.' % (self._spec, what))

    def _take(self, name):
        self._known.append(name)
        return self._values.pop(name, None)
