"""From a plan to an engine: the bytes of a plan, Runtime, and ICudaEngine.

An engine has bindings by number, tensors by name, or both, as the release has it. The first 28 bytes of a plan are
those of newer releases, as NVIDIA's samples read them: magic, zero, and the version in the last four. Lengths,
checksum, a description as JSON and the ONNX file follow; only the double can read them.
"""
import json
import struct
import weakref
import zlib

from .bindings import instead, keep, make
from .onnx_file import numpy_type, open_session

#: What an execution context is said to need; the double's own memory is ordinary memory.
_WORKING_BYTES = 1 << 20


@keep('error_recorder')
class ICudaEngine:
    """A network ready to run on the fake device."""

    def _setup(self, voice, plan, description, model):
        library = self._lib
        self._voice, self._plan, self._description = voice, plan, description
        kinds = library.enums['DataType']
        self._tensors = [(name, tuple(shape), getattr(kinds, kind))
                         for name, shape, kind in description['inputs'] + description['outputs']]
        self._inputs = len(description['inputs'])
        self._session = open_session(model)
        self._home, self._plain = library.home(), {'error_recorder': None}
        library.world.reserved += len(model)
        weakref.finalize(self, _give_back, library.world, len(model))
        library.world.dependants.add(self)

    def _home_of(self):
        return self._home

    def _index(self, which):
        if isinstance(which, str):
            for index, (name, _, _) in enumerate(self._tensors):
                if name == which:
                    return index
            self._voice.failed(3, 'engine.cpp::getBindingIndex::1', 'Given invalid tensor name: %s. Get valid tensor '
                               'names with getIOTensorName()' % which)
            return -1
        return which if 0 <= which < len(self._tensors) else -1

    def _shape_of(self, which):
        index = self._index(which)
        return self._lib.dims(self._tensors[index][1] if index >= 0 else ())

    def _type_of(self, which):
        index = self._index(which)
        return self._tensors[index][2] if index >= 0 else self._lib.enums['DataType'].FLOAT

    # Bindings by number.

    @property
    def num_bindings(self):
        return len(self._tensors)

    def __len__(self):
        return len(self._tensors)

    def __getitem__(self, which):
        if isinstance(which, str):
            return self._index(which)
        if not 0 <= which < len(self._tensors):
            raise IndexError('out of bounds')
        return self._tensors[which][0]

    @instead('get_tensor_name')
    def get_binding_name(self, index):
        return self._tensors[index][0] if self._index(index) >= 0 else None

    def get_binding_index(self, name):
        return self._index(name)

    @instead('get_tensor_mode')
    def binding_is_input(self, which):
        return 0 <= self._index(which) < self._inputs

    @instead('get_tensor_shape')
    def get_binding_shape(self, which):
        return self._shape_of(which)

    @instead('get_tensor_dtype')
    def get_binding_dtype(self, which):
        return self._type_of(which)

    def get_binding_format(self, index):
        return self._lib.enums['TensorFormat'].LINEAR

    def get_location(self, which):
        return self._lib.enums['TensorLocation'].DEVICE

    def get_binding_bytes_per_component(self, index):
        return numpy_type(self._tensors[index][2]).itemsize

    def get_binding_components_per_element(self, index):
        return 1

    def get_binding_vectorized_dim(self, index):
        return -1

    def is_shape_binding(self, binding):
        return False

    def is_execution_binding(self, binding):
        return True

    def get_profile_shape(self, profile_index, binding):
        name = self._tensors[self._index(binding)][0]
        return [self._lib.dims(shape) for shape in self._profile(profile_index, name)]

    def _profile(self, index, name):
        profiles = self._description['profiles']
        shape = self._description['shapes'][name]
        return profiles[index].get(name, [shape] * 3) if profiles else [shape] * 3

    # Tensors by name.

    @property
    def num_io_tensors(self):
        return len(self._tensors)

    def get_tensor_name(self, index):
        if self._index(index) < 0:
            raise IndexError('out of bounds')
        return self._tensors[index][0]

    def get_tensor_mode(self, name):
        index, modes = self._index(name), self._lib.enums['TensorIOMode']
        return modes.NONE if index < 0 else modes.INPUT if index < self._inputs else modes.OUTPUT

    def get_tensor_shape(self, name):
        return self._shape_of(name)

    def get_tensor_dtype(self, name):
        return self._type_of(name)

    def get_tensor_location(self, name):
        return self._lib.enums['TensorLocation'].DEVICE

    def get_tensor_format(self, name, profile_index=0):
        return self._lib.enums['TensorFormat'].LINEAR

    def get_tensor_bytes_per_component(self, name, profile_index=0):
        return numpy_type(self._tensors[self._index(name)][2]).itemsize

    def get_tensor_components_per_element(self, name, profile_index=0):
        return 1

    def get_tensor_vectorized_dim(self, name, profile_index=0):
        return -1

    def get_tensor_profile_shape(self, name, profile_index):
        return [self._lib.dims(shape) for shape in self._profile(profile_index, name)]

    def is_shape_inference_io(self, name):
        return False

    # The engine as a whole.

    @property
    def has_implicit_batch_dimension(self):
        return False

    @property
    def max_batch_size(self):
        return 1

    @property
    def num_layers(self):
        return len(self._description['layers'])

    @property
    def name(self):
        return self._description['name'] or 'Unnamed Network 0'

    @property
    def num_optimization_profiles(self):
        return max(len(self._description['profiles']), 1)

    @property
    def device_memory_size(self):
        return _WORKING_BYTES

    device_memory_size_v2 = device_memory_size

    @property
    def refittable(self):
        return 'REFIT' in self._description['flags']

    @property
    def tactic_sources(self):
        return self._description['sources']

    @property
    def engine_capability(self):
        return self._lib.enums['EngineCapability'].STANDARD

    @property
    def profiling_verbosity(self):
        return self._lib.member('ProfilingVerbosity', self._description['verbosity'])

    @property
    def hardware_compatibility_level(self):
        return self._lib.member('HardwareCompatibilityLevel', 'NONE')

    @property
    def num_aux_streams(self):
        return 0

    def serialize(self):
        return make(self._lib.classes['IHostMemory'], self._plan)

    def create_execution_context(self, strategy=None):
        world = self._lib.world
        if self._lib.faults.no_context or world.free_bytes() < _WORKING_BYTES:
            self._voice.failed(2, 'defaultAllocator.cpp::allocate::19', 'Requested amount of GPU memory (%d bytes) '
                               'could not be allocated.' % _WORKING_BYTES)
            return None
        return make(self._lib.classes['IExecutionContext'], self)

    def create_engine_inspector(self):
        return make(self._lib.classes['EngineInspector'], self)


@keep('execution_context', 'error_recorder')
class EngineInspector:
    """Tells the layers of an engine."""

    def _setup(self, engine):
        self._layers = engine._description['layers']
        self._plain = {'execution_context': None, 'error_recorder': None}

    def get_layer_information(self, layer_index, format):
        name = self._layers[layer_index]
        return json.dumps(name) if format._name == 'JSON' else name + '\n'

    def get_engine_information(self, format):
        if format._name == 'JSON':
            return json.dumps({'Layers': self._layers, 'Bindings': []})
        return '\n'.join(['Layers:'] + self._layers) + '\n'


def _give_back(world, nbytes):
    world.reserved -= nbytes


MAGIC = 0x74727466
_HEAD = struct.Struct('<II16s4B')
_SIZES = struct.Struct('<III')


class DamagedError(Exception):
    """Bytes that are no plan, or no longer."""


def write_plan(version, description, model):
    """A plan (bytes).

    Args:
        version (tuple): release, three numbers.
        description (dict): everything else; see `builder`.
        model (bytes): the ONNX file with its weights as the precision has them.
    """
    text = json.dumps(description, sort_keys=True).encode()
    body = text + model
    return (_HEAD.pack(MAGIC, 0, b'', *(tuple(version) + (0,)))
            + _SIZES.pack(len(text), len(model), zlib.crc32(body) & 0xFFFFFFFF) + body)


def plan_version(data):
    """The release that wrote a plan, three numbers; DamagedError where the bytes are no plan."""
    if len(data) < _HEAD.size + _SIZES.size:
        raise DamagedError('Magic tag does not match')
    magic, zero, _, major, minor, patch, _ = _HEAD.unpack_from(data)
    if (magic, zero) != (MAGIC, 0):
        raise DamagedError('Magic tag does not match')
    return major, minor, patch


def read_plan(data):
    """Description and ONNX file of a plan; DamagedError where a byte is wrong or missing."""
    plan_version(data)
    text, model, checksum = _SIZES.unpack_from(data, _HEAD.size)
    body = data[_HEAD.size + _SIZES.size:]
    if len(body) != text + model or zlib.crc32(body) & 0xFFFFFFFF != checksum:
        raise DamagedError('Size specified in header does not match archive size')
    return json.loads(body[:text].decode()), body[text:]


@keep('DLA_core', 'error_recorder', 'max_threads', 'engine_host_code_allowed')
class Runtime:
    """Reads plans for the fake device."""

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
