"""Small things that are passed around: shapes, host memory, profiles."""


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
