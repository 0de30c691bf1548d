"""Objects that are passed around: shapes, host memory, profiles, loggers."""
import sys


class Dims:
    """A shape; compares with tuples and lists."""

    MAX_DIMS = 8

    def __init__(self, shape=()):
        self._setup(shape)
        self._ready = True

    def _setup(self, shape):
        self._sides = [int(side) for side in shape]
        if len(self._sides) > 8:
            raise ValueError('Input length %d. Max expected length is 8' % len(self._sides))

    def __len__(self):
        return len(self._sides)

    def __getitem__(self, index):
        found = self._sides[index]
        return tuple(found) if isinstance(index, slice) else found

    def __setitem__(self, index, value):
        self._sides[index] = value

    def __iter__(self):
        return iter(list(self._sides))

    def __eq__(self, other):
        return list(self) == list(other) if isinstance(other, (tuple, list)) or hasattr(other, '_sides') else False

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __str__(self):
        return str(tuple(self._sides))

    __repr__ = __str__


class IHostMemory(bytearray):
    """Bytes that TensorRT gives back: a buffer and no sequence, as the real one is."""

    def _setup(self, content):
        self[:] = content

    @property
    def nbytes(self):
        return memoryview(self).nbytes

    @property
    def dtype(self):
        return self._lib.enums['DataType'].INT8

    def _refuse(self, *args):
        raise TypeError('tensorrt.IHostMemory is no sequence; take bytes(...) or a memoryview of it')

    __getitem__ = __iter__ = __len__ = __add__ = __mul__ = __contains__ = _refuse

    def __bool__(self):
        return True

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


class IOptimizationProfile:
    """Shapes that an engine is built for."""

    def _setup(self):
        self._shapes, self._extra = {}, 0

    def set_shape(self, input, min, opt, max):
        self._shapes[input] = [self._lib.dims(shape) for shape in (min, opt, max)]

    def get_shape(self, input):
        return self._shapes.get(input, [])

    def __bool__(self):
        return all(len(set(map(len, shapes))) == 1 for shapes in self._shapes.values())

    @property
    def extra_memory_target(self):
        return self._extra

    @extra_memory_target.setter
    def extra_memory_target(self, value):
        self._extra = value


class IPluginRegistry:
    """Holds the plugins; the double has none."""

    def _setup(self):
        pass

    @property
    def plugin_creator_list(self):
        return []


class Base:
    """Anything that a caller may derive from and that does nothing of itself."""

    def __init__(self):
        self._ready = True


class ILogger:
    """Base of a caller's own logger: `log(severity, msg)` is called for every message."""

    def __init__(self):
        self._ready = True

    def log(self, severity, msg):
        raise NotImplementedError('Tried to call pure virtual function "ILogger::log"')


class Logger:
    """The logger that comes with tensorrt: prints what is at least as severe as `min_severity`."""

    def __init__(self, min_severity=None):
        self._least = self._lib.severity.WARNING if min_severity is None else min_severity
        self._ready = True

    @property
    def min_severity(self):
        return self._least

    @min_severity.setter
    def min_severity(self, value):
        self._least = value

    def log(self, severity, msg):
        if int(severity) <= int(self._least):
            mark = {0: 'F', 1: 'E', 2: 'W', 3: 'I', 4: 'V'}[int(severity)]
            sys.stderr.write('[TRT] [%s] %s\n' % (mark, msg))


class Voice:
    """Says things to a caller's logger and keeps them for the test.

    Args:
        library (Library): whose `lines` the messages go to, as (severity name, text).
        logger (ILogger): the caller's.
    """

    def __init__(self, library, logger):
        if not isinstance(logger, library.classes['ILogger']):
            raise TypeError('incompatible constructor arguments: logger must be a tensorrt.tensorrt.ILogger')
        self._library, self.logger = library, logger

    def _say(self, severity, text):
        self._library.lines.append((severity, text))
        try:
            self.logger.log(getattr(self._library.severity, severity), text)
        except Exception as error:
            self._library.raised('log', error)

    def error(self, text):
        self._say('ERROR', text)

    def warning(self, text):
        self._say('WARNING', text)

    def info(self, text):
        self._say('INFO', text)

    def verbose(self, text):
        self._say('VERBOSE', text)

    def failed(self, code, place, text):
        """An error in TensorRT's own form: code, where, kind, and what."""
        kinds = {1: 'Cuda Runtime', 2: 'Internal Error', 3: 'API Usage Error', 4: 'Internal Error',
                 9: 'Internal Error', 10: 'Internal Error'}
        self.error('%d: [%s] Error Code %d: %s (%s)' % (code, place, code, kinds[code], text))
