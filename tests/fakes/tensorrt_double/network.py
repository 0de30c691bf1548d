"""INetworkDefinition, its tensors and its layers, as the ONNX parser fills them."""
from .guard import make
from .plain import keep


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
