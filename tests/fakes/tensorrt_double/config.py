"""IBuilderConfig, ITimingCache, and the INT8 calibrators with what the builder does with one."""
import json
import operator
import struct
import warnings

import numpy as np

from .bindings import keep, make
from .onnx_file import numpy_type, run

_CACHE_MAGIC = b'trt-double-timing\n'


class ITimingCache:
    """What the builder measured before: names of layers, for one release and one device."""

    def _setup(self, owner, layers):
        self._owner, self._layers = dict(owner), set(layers)

    def serialize(self):
        content = json.dumps({'owner': self._owner, 'layers': sorted(self._layers)}, sort_keys=True)
        return make(self._lib.classes['IHostMemory'], _CACHE_MAGIC + content.encode())

    def combine(self, input_cache, ignore_mismatch):
        if input_cache._owner != self._owner and not ignore_mismatch:
            return False
        self._layers |= input_cache._layers
        return True

    def reset(self):
        self._layers.clear()
        return True


@keep('builder_optimization_level', 'profiling_verbosity', 'avg_timing_iterations', 'min_timing_iterations',
      'max_aux_streams', 'DLA_core', 'hardware_compatibility_level', 'progress_monitor', 'algorithm_selector',
      'profile_stream', 'engine_capability', 'tiling_optimization_level', 'max_num_tactics')
class IBuilderConfig:
    """How to build; what a release does not have cannot be set."""

    def _setup(self, voice):
        self._voice = voice
        self.reset()

    def reset(self):
        library = self._lib
        self._flags = 1 << int(library.enums['BuilderFlag'].TF32)
        self._quantization, self._cache, self._calibrator, self._profiles = 0, None, None, []
        self._calibration_profile = None
        # Before 8.4 nothing is left to tactics unless it is asked for; after that, all there is.
        self._pools = {'WORKSPACE': 0 if library.release < (8, 4) else library.board.free_bytes}
        self._sources = sum(1 << int(member) for member in library.enums['TacticSource'].__members__.values())
        self._plain = {'builder_optimization_level': 3, 'profiling_verbosity': library.default_verbosity,
                       'avg_timing_iterations': 1, 'min_timing_iterations': 2, 'max_aux_streams': -1, 'DLA_core': -1,
                       'hardware_compatibility_level': library.member('HardwareCompatibilityLevel', 'NONE'),
                       'progress_monitor': None, 'algorithm_selector': None, 'profile_stream': 0,
                       'engine_capability': library.member('EngineCapability', 'STANDARD'),
                       'tiling_optimization_level': None, 'max_num_tactics': -1}

    def _wants(self, flag):
        number = self._lib.enums['BuilderFlag'].__members__.get(flag)
        return number is not None and bool(self._flags & 1 << int(number))

    def set_flag(self, flag):
        self._flags |= 1 << self._number(flag)

    def clear_flag(self, flag):
        self._flags &= ~(1 << self._number(flag))

    def get_flag(self, flag):
        return bool(self._flags & 1 << self._number(flag))

    def _number(self, flag):
        if not isinstance(flag, self._lib.enums['BuilderFlag']):
            raise TypeError('incompatible function arguments: flag must be a tensorrt.BuilderFlag')
        return int(flag)

    @property
    def flags(self):
        return self._flags

    @flags.setter
    def flags(self, value):
        self._flags = value

    @property
    def max_workspace_size(self):
        self._deprecated('Use get_memory_pool_limit instead.')
        return self._pools['WORKSPACE']

    @max_workspace_size.setter
    def max_workspace_size(self, value):
        self._deprecated('Use set_memory_pool_limit instead.')
        self._pools['WORKSPACE'] = self._size(value)

    def _deprecated(self, text):
        if self._lib.release >= (8, 4):
            warnings.warn(text, DeprecationWarning, stacklevel=3)

    def _size(self, value):
        size = operator.index(value)
        if size < 0:
            raise TypeError('incompatible function arguments: a size in bytes, not %r' % (value,))
        return size

    def set_memory_pool_limit(self, pool, pool_size):
        self._pools[pool._name] = self._size(pool_size)

    def get_memory_pool_limit(self, pool):
        return self._pools.get(pool._name, 0)

    @property
    def int8_calibrator(self):
        return self._calibrator

    @int8_calibrator.setter
    def int8_calibrator(self, value):
        if value is not None and not isinstance(value, self._lib.classes['IInt8Calibrator']):
            raise TypeError('incompatible function arguments: a tensorrt.IInt8Calibrator')
        self._calibrator = value

    def add_optimization_profile(self, profile):
        self._profiles.append(profile)
        return len(self._profiles) - 1

    @property
    def num_optimization_profiles(self):
        return len(self._profiles)

    def set_calibration_profile(self, profile):
        self._calibration_profile = profile
        return True

    def get_calibration_profile(self):
        return self._calibration_profile

    def set_tactic_sources(self, tactic_sources):
        self._sources = int(tactic_sources)
        return True

    def get_tactic_sources(self):
        return self._sources

    def create_timing_cache(self, serialized_timing_cache):
        data = self._lib.buffer(serialized_timing_cache, 'create_timing_cache')
        if not data:
            return make(self._lib.classes['ITimingCache'], self._lib.identity(), ())
        try:
            content = json.loads(data[len(_CACHE_MAGIC):].decode() if data.startswith(_CACHE_MAGIC) else '')
        except ValueError:
            self._voice.failed(4, 'timingCache.cpp::deserialize::1', 'Timing cache deserialization failed.')
            return None
        return make(self._lib.classes['ITimingCache'], content['owner'], content['layers'])

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache._owner != self._lib.identity() and not ignore_mismatch:
            self._voice.warning('The timing cache was made on another device or by another version.')
            return False
        self._cache = cache
        return True

    def get_timing_cache(self):
        return self._cache


#: Algorithm of each class, as the enum and as a cache's first line name it.
_ALGORITHMS = {'IInt8EntropyCalibrator2': ('ENTROPY_CALIBRATION_2', 'EntropyCalibration2'),
               'IInt8EntropyCalibrator': ('ENTROPY_CALIBRATION', 'EntropyCalibration'),
               'IInt8MinMaxCalibrator': ('MINMAX_CALIBRATION', 'MinMaxCalibration'),
               'IInt8LegacyCalibrator': ('LEGACY_CALIBRATION', 'LegacyCalibration')}


class IInt8Calibrator:
    """Base of the calibrators."""

    def __init__(self):
        self._ready = True

    def get_batch_size(self):
        raise _PureVirtualError('get_batch_size')

    def get_batch(self, names):
        raise _PureVirtualError('get_batch')

    def read_calibration_cache(self):
        raise _PureVirtualError('read_calibration_cache')

    def write_calibration_cache(self, cache):
        raise _PureVirtualError('write_calibration_cache')

    def get_algorithm(self):
        for kind in type(self).__mro__:
            if kind.__name__ in _ALGORITHMS and '_bound' in vars(kind):
                return getattr(self._lib.enums['CalibrationAlgoType'], _ALGORITHMS[kind.__name__][0])
        raise _PureVirtualError('get_algorithm')


class _PureVirtualError(RuntimeError):
    def __init__(self, name):
        super().__init__('Tried to call pure virtual function "IInt8Calibrator::%s"' % name)


class NoScalesError(Exception):
    """Calibration that gave nothing to go by."""


def scales_from(library, calibrator, session, inputs, outputs, voice):
    """Scales by tensor name, from the calibrator's cache or from its batches.

    The batches are read from device memory, where the calibrator says they are, and run; the scale of an input or an
    output is its largest absolute value over all batches, divided by 127. The double sees no values in between.

    Args:
        inputs, outputs (list): (name, shape, DataType).
    Returns:
        dict: tensor name to scale.
    Raises:
        NoScalesError: neither cache nor batches, or a callback that failed where the bindings catch that.
    """
    algorithm = dict(_ALGORITHMS.values())[calibrator.get_algorithm()._name]
    try:
        cache = _call(library, calibrator, 'read_calibration_cache')
        if cache is not None and len(bytes(cache)):
            return _read(library, bytes(cache), algorithm, voice)
        _call(library, calibrator, 'get_batch_size')
        largest = _measure(library, calibrator, session, inputs, outputs)
        if not largest:
            raise NoScalesError()
        scales = {name: float(value) / 127 for name, value in largest.items()}
        _call(library, calibrator, 'write_calibration_cache', _write(library, scales, algorithm))
    except NoScalesError:
        voice.error('1: Unexpected exception _Map_base::at')  # so in [NvidiaTensorrt3871]
        raise
    return scales


def _call(library, calibrator, name, *arguments):
    """What a callback answers; None where it failed and the bindings catch that."""
    try:
        return getattr(calibrator, name)(*arguments)
    except Exception as error:
        return library.raised(name, error)


def _measure(library, calibrator, session, inputs, outputs):
    largest = {}
    names = [name for name, _, _ in inputs]
    while True:
        pointers = _call(library, calibrator, 'get_batch', list(names))
        if not pointers:
            return largest
        feed = {}
        for (name, shape, dtype), pointer in zip(inputs, pointers):
            kind = numpy_type(dtype)
            count = int(np.prod(shape)) * kind.itemsize
            feed[name] = library.world.view(int(pointer), count).copy().view(kind).reshape(shape)
        answers = dict(run(session, feed, [name for name, _, _ in outputs]), **feed)
        for name, array in answers.items():
            largest[name] = max(largest.get(name, 0), np.abs(array.astype(np.float64)).max())


def _write(library, scales, algorithm):
    lines = ['TRT-%s-%s' % (library.cache_version, algorithm)]
    lines += ['%s: %s' % (name, struct.pack('>f', scale).hex()) for name, scale in sorted(scales.items())]
    return '\n'.join(lines).encode() + b'\n'


def _read(library, data, algorithm, voice):
    first, _, rest = data.decode('ascii').partition('\n')
    parts = first.strip().split('-')
    if len(parts) != 3 or parts[0] != 'TRT' or parts[2] != algorithm or (
            library.release >= (10,) and parts[1] != library.cache_version):
        voice.error('Calibration table does not match calibrator algorithm type.')
        raise NoScalesError()
    scales = {}
    for line in rest.splitlines():
        if line.strip():
            name, _, value = line.rpartition(':')
            scales[name] = struct.unpack('>f', bytes.fromhex(value.strip()))[0]
    if not scales:
        raise NoScalesError()
    return scales
