"""OnnxParser and ParserError."""
from .guard import make
from .onnx_file import has_int64_weights, read_nodes
from .session import open_session, tensors_of

#: Operators that came with a later release, and with which: what an older parser has no importer for. From NVIDIA's
#: operator tables of 8.2 to 10.1.
_SINCE = dict(
    {name: (8, 5) for name in ('GridSample', 'HardSwish', 'MeanVarianceNormalization', 'Mod', 'NonZero', 'OneHot',
                               'RandomNormal', 'RandomNormalLike', 'RoiAlign', 'Shrink', 'Trilu', 'Xor')},
    **dict({name: (8, 6) for name in ('LayerNormalization', 'GroupNormalization', 'IsInf')},
           **{name: (10, 1) for name in ('Gelu', 'Mish', 'DeformConv', 'CastLike', 'Hardmax')}))


class ParserError:
    """One thing that the parser did not like."""

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
