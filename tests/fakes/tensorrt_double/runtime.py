"""Runtime: from a plan to an engine, or to a logged error and None."""
from .guard import make
from .plain import keep
from .plan import DamagedError, plan_version, read_plan


@keep('DLA_core', 'error_recorder', 'max_threads', 'engine_host_code_allowed')
class Runtime:
    """Reads plans for the pretended device."""

    def __init__(self, logger):
        self._voice = self._lib.voice(logger)
        self._lib.need_device(self._voice)
        self._plain = {'DLA_core': -1, 'error_recorder': None, 'max_threads': 1, 'engine_host_code_allowed': False}
        self._ready = True

    def deserialize_cuda_engine(self, serialized_engine):
        data = self._lib.buffer(serialized_engine, 'deserialize_cuda_engine')
        self._lib.home()
        if not data:
            self._voice.failed(3, 'runtime.cpp::deserializeCudaEngine::36', 'Parameter check failed at: runtime.cpp::'
                               'deserializeCudaEngine::36, condition: (blob) != nullptr')
            return None
        try:
            description, model = self._accept(data)
        except DamagedError as error:
            self._voice.error(str(error))
            self._voice.failed(4, 'runtime.cpp::deserializeCudaEngine::50', 'Engine deserialization failed.')
            return None
        if self._lib.world.sticky:
            self._voice.failed(1, 'checkMacros.cpp::catchCudaError::272', self._lib.world.sticky)
            return None
        if len(model) > self._lib.world.free_bytes():
            self._voice.failed(2, 'defaultAllocator.cpp::allocate::19', 'Requested amount of GPU memory (%d bytes) '
                               'could not be allocated. There may not be enough free memory for allocation to '
                               'succeed.' % len(model))
            return None
        if description['device'] != self._lib.board.device:
            self._voice.warning('Using an engine plan file across different models of devices is not recommended and '
                                'is likely to affect performance or even cause errors.')
        return make(self._lib.classes['ICudaEngine'], self._voice, data, description, model)

    def _accept(self, data):
        """Description and model of a plan made for this release and this chip; DamagedError says why not."""
        library = self._lib
        if library.faults.bad_plan:
            data = bytes(data[:len(data) // 2])
        assertion = '1: [stdArchiveReader.cpp::StdArchiveReader::32] Error Code 1: Serialization (Serialization ' \
                    'assertion failed.%s)'
        try:
            version = plan_version(data)
            if version != library.release:
                raise DamagedError('6: The engine plan file is not compatible with this version of TensorRT, expecting '
                                   'library version %s got %d.%d.%d, please rebuild.' % ((library.version,) + version))
            description, model = read_plan(data)
        except DamagedError as error:
            raise error if str(error).startswith('6:') else DamagedError(assertion % error)
        here, there = library.board.sm, description['sm']
        if here != there:
            raise DamagedError('6: The engine plan file is generated on an incompatible device, expecting compute '
                               '%d.%d got compute %d.%d, please rebuild.' % (divmod(here, 10) + divmod(there, 10)))
        return description, model

    @property
    def logger(self):
        return self._voice.logger

    @property
    def num_DLA_cores(self):  # noqa: N802, its name in tensorrt
        return 2 if self._lib.board.sm == 72 else 0

    def get_plugin_registry(self):
        return make(self._lib.classes['IPluginRegistry'])
