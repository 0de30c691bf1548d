"""INetworkDefinition with its tensors and layers, and the OnnxParser that fills it."""
from .bindings import keep, make
from .onnx_file import has_int64_weights, open_session, read_nodes, tensors_of


class ITensor:
    """A value of the network."""

    def _setup(self, network, name, shape=None, dtype=None):
        self._network, self._name, self._range = network, name, None
        self._shape, self._dtype = self._lib.dims(shape or ()), dtype
        self._formats = 0xFFFF

    @property
    def name(self):
        return self._name

    @name.setter
    def name(self, value):
        raise NotImplementedError('the double keeps the names of the ONNX file')

    @property
    def shape(self):
        return self._shape

    @shape.setter
    def shape(self, value):
        self._shape = self._lib.dims(value)

    @property
    def dtype(self):
        if self._dtype is None:
            raise NotImplementedError('the double knows the types of inputs and outputs only')
        return self._dtype

    @dtype.setter
    def dtype(self, value):
        raise NotImplementedError('the double keeps the types of the ONNX file')

    @property
    def is_network_input(self):
        return self in self._network._inputs

    @property
    def is_network_output(self):
        return self in self._network._outputs

    @property
    def is_shape_tensor(self):
        return False

    @property
    def is_execution_tensor(self):
        return True

    @property
    def location(self):
        return self._lib.enums['TensorLocation'].DEVICE

    @property
    def allowed_formats(self):
        return self._formats

    @allowed_formats.setter
    def allowed_formats(self, value):
        self._formats = value

    @property
    def dynamic_range(self):
        return self._range

    @dynamic_range.setter
    def dynamic_range(self, value):
        self._range = None if value is None else tuple(value)

    def set_dynamic_range(self, min, max):
        self._range = (min, max)
        return True

    def reset_dynamic_range(self):
        self._range = None


class ILayer:
    """One operator of the network."""

    def _setup(self, network, node):
        self._network, self._node, self._precision, self._types = network, node, None, {}

    @property
    def name(self):
        return self._node.name

    @property
    def num_inputs(self):
        return len(self._node.inputs)

    @property
    def num_outputs(self):
        return len(self._node.outputs)

    def get_input(self, index):
        return self._network._tensor(self._node.inputs[index]) if index < self.num_inputs else None

    def get_output(self, index):
        return self._network._tensor(self._node.outputs[index]) if index < self.num_outputs else None

    @property
    def precision(self):
        return self._precision or self._lib.enums['DataType'].FLOAT

    @precision.setter
    def precision(self, value):
        self._precision = value

    @property
    def precision_is_set(self):
        return self._precision is not None

    def reset_precision(self):
        self._precision = None

    def set_output_type(self, index, dtype):
        self._types[index] = dtype

    def get_output_type(self, index):
        return self._types.get(index, self._lib.enums['DataType'].FLOAT)

    def output_type_is_set(self, index):
        return index in self._types

    def reset_output_type(self, index):
        self._types.pop(index, None)


@keep('name', 'error_recorder')
class INetworkDefinition:
    """A network; empty until a parser fills it."""

    def _setup(self, flags, voice):
        self._flags, self._voice = flags, voice
        self._model, self._nodes, self._tensors = None, [], {}
        self._inputs, self._outputs, self._plain = [], [], {'name': '', 'error_recorder': None}

    @property
    def _explicit(self):
        flag = getattr(self._lib.enums['NetworkDefinitionCreationFlag'], 'EXPLICIT_BATCH', None)
        return self._lib.release >= (10,) or bool(self._flags & 1 << int(flag))

    @property
    def _strongly_typed(self):
        flag = getattr(self._lib.enums['NetworkDefinitionCreationFlag'], 'STRONGLY_TYPED', None)
        return self._lib.release >= (11,) or (flag is not None and bool(self._flags & 1 << int(flag)))

    def _fill(self, model, nodes, inputs, outputs):
        """Take over a parsed model; inputs and outputs as (name, shape, DataType)."""
        self._model, self._nodes = model, nodes
        for kept, specs in ((self._inputs, inputs), (self._outputs, outputs)):
            for name, shape, dtype in specs:
                kept.append(make(self._lib.classes['ITensor'], self, name, shape, dtype))
                self._tensors[name] = kept[-1]

    def _tensor(self, name):
        if name not in self._tensors:
            self._tensors[name] = make(self._lib.classes['ITensor'], self, name)
        return self._tensors[name]

    @property
    def num_inputs(self):
        return len(self._inputs)

    @property
    def num_outputs(self):
        return len(self._outputs)

    @property
    def num_layers(self):
        return len(self._nodes)

    def __getitem__(self, index):
        layer = self.get_layer(index)
        if layer is None:
            raise IndexError('out of bounds')
        return layer

    def __len__(self):
        return self.num_layers

    def get_input(self, index):
        return self._at(self._inputs, index)

    def get_output(self, index):
        return self._at(self._outputs, index)

    def get_layer(self, index):
        if not 0 <= index < len(self._nodes):
            return None
        return make(self._lib.classes['ILayer'], self, self._nodes[index])

    def _at(self, tensors, index):
        if 0 <= index < len(tensors):
            return tensors[index]
        self._voice.failed(3, 'network.cpp::getTensor::1', 'Parameter check failed, condition: index < getNbTensors()')
        return None

    def mark_output(self, tensor):
        if tensor not in self._outputs:
            self._outputs.append(tensor)

    def unmark_output(self, tensor):
        self._outputs.remove(tensor)

    @property
    def has_implicit_batch_dimension(self):
        return not self._explicit

    @property
    def has_explicit_precision(self):
        return False

    @property
    def flags(self):
        return self._flags

    def get_flag(self, flag):
        return bool(self._flags & 1 << int(flag))


#: Operators that came with a later release, and with which: what an older parser has no importer for. From NVIDIA's
#: operator tables of 8.2 to 10.1.
_SINCE = dict(
    {name: (8, 5) for name in ('GridSample', 'HardSwish', 'MeanVarianceNormalization', 'Mod', 'NonZero', 'OneHot',
                               'RandomNormal', 'RandomNormalLike', 'RoiAlign', 'Shrink', 'Trilu', 'Xor')},
    **dict({name: (8, 6) for name in ('LayerNormalization', 'GroupNormalization', 'IsInf')},
           **{name: (10, 1) for name in ('Gelu', 'Mish', 'DeformConv', 'CastLike', 'Hardmax')}))


class ParserError:
    """One error of the parser."""

    def _setup(self, code, text, node=-1, operator='', name=''):
        self._code, self._text, self._node, self._operator, self._name = code, text, node, operator, name

    def code(self):
        return self._code

    def desc(self):
        return self._text

    def file(self):
        return 'ModelImporter.cpp'

    def func(self):
        return 'parseGraph'

    def line(self):
        return 773

    def node(self):
        return self._node

    def node_name(self):
        return self._name

    def node_operator(self):
        return self._operator

    def __str__(self):
        return 'In node %d (parseGraph): %s: %s' % (self._node, self._code._name, self._text)

    __repr__ = __str__


class OnnxParser:
    """Fills a network from an ONNX file."""

    def __init__(self, network, logger):
        self._network, self._voice, self._errors = network, self._lib.voice(logger), []
        if not isinstance(network, self._lib.classes['INetworkDefinition']):
            raise TypeError('incompatible constructor arguments: network')
        self._switches = 0
        self._ready = True

    def parse(self, model, path=None):
        data = self._lib.buffer(model, 'parse')
        if not self._network._explicit:
            return self._refuse('INVALID_VALUE', 'Assertion failed: !_importer_ctx.network()->hasImplicitBatchDimension'
                                '() && "This version of the ONNX parser only supports TensorRT INetworkDefinitions '
                                'with an explicit batch dimension. Please ensure the network was created using the '
                                'EXPLICIT_BATCH NetworkDefinitionCreationFlag."')
        try:
            nodes = read_nodes(data)
        except ValueError:
            nodes = []
        if not nodes:
            return self._refuse('MODEL_DESERIALIZE_FAILED', 'Failed to parse ONNX model.')
        for position, node in enumerate(nodes):
            if not self._knows(node):
                return self._refuse('UNSUPPORTED_NODE', 'No importer registered for op: %s' % node.operator,
                                    position, node)
        try:
            session = open_session(data)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            return self._refuse('INVALID_GRAPH', str(error))
        if self._lib.release < (10,) and has_int64_weights(data):
            self._voice.warning('Your ONNX model has been generated with INT64 weights, while TensorRT does not '
                                'natively support INT64. Attempting to cast down to INT32.')
        inputs, outputs = tensors_of(self._lib, session)
        if any(dtype is None for _, _, dtype in inputs + outputs):
            return self._refuse('UNSUPPORTED_GRAPH', 'Found unsupported datatype of an input or output.')
        self._network._fill(data, nodes, inputs, outputs)
        return True

    def _knows(self, node):
        return node.domain in ('', 'ai.onnx') and self._lib.release >= _SINCE.get(node.operator, (0,))

    def _refuse(self, code, text, position=-1, node=None):
        error = make(self._lib.classes['ParserError'], getattr(self._lib.enums['ErrorCode'], code), text, position,
                     node.operator if node else '', node.name if node else '')
        self._errors.append(error)
        self._voice.error(str(error))
        return False

    def parse_from_file(self, model):
        with open(str(model), 'rb') as stream:
            return self.parse(stream.read())

    def supports_operator(self, op_name):
        return self._lib.release >= _SINCE.get(op_name, (0,))

    def supports_model(self, model, path=None):
        return self._supports(model)

    def _supports(self, model):
        nodes = read_nodes(self._lib.buffer(model, 'supports_model'))
        known = all(map(self._knows, nodes))
        return known, [([position], self._knows(node)) for position, node in enumerate(nodes)]

    def supports_model_v2(self, model, path=None):
        return self._supports(model)[0]

    @property
    def num_errors(self):
        return len(self._errors)

    def get_error(self, index):
        return self._errors[index]

    def clear_errors(self):
        self._errors = []

    @property
    def flags(self):
        return self._switches

    @flags.setter
    def flags(self, value):
        self._switches = value

    def set_flag(self, flag):
        self._switches |= 1 << int(flag)

    def clear_flag(self, flag):
        self._switches &= ~(1 << int(flag))

    def get_flag(self, flag):
        return bool(self._switches & 1 << int(flag))
