"""IBuilderConfig and ITimingCache."""
import json
import operator
import warnings

from .guard import make
from .plain import keep

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
