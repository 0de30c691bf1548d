"""What TensorRT makes of an operator: arithmetic, element-wise work, traffic, or nothing."""

#: Without work of their own: a tensor gets another name or shape.
FREE = frozenset({'Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Dropout'})

#: Arithmetic on weights; what follows may be fused into it.
ANCHORS = frozenset({'Conv', 'ConvTranspose', 'Gemm', 'MatMul'})

#: One value from values at one place; neighbours become one kernel (TensorRT's PointWise fusion).
ELEMENTWISE = frozenset({
    'Abs', 'Add', 'And', 'BatchNormalization', 'Cast', 'Ceil', 'Clip', 'Div', 'Elu', 'Equal', 'Erf', 'Exp', 'Floor',
    'Greater', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Less', 'Log', 'Max', 'Min', 'Mul', 'Neg', 'Not', 'Or', 'Pow',
    'PRelu', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Sigmoid', 'Softplus', 'Sqrt', 'Sub', 'Sum', 'Tanh', 'Where'})

POOLS = frozenset({'MaxPool', 'AveragePool'})

#: Values from a whole row, channel or map.
REDUCTIONS = frozenset({
    'ArgMax', 'ArgMin', 'GlobalAveragePool', 'GlobalMaxPool', 'InstanceNormalization', 'LogSoftmax', 'LpNormalization',
    'ReduceL1', 'ReduceL2', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum', 'Softmax', 'TopK',
    'LRN'})

SUPPRESSIONS = frozenset({'NonMaxSuppression', 'EfficientNMS_TRT', 'BatchedNMS_TRT'})

#: Activations that TensorRT 8 fuses into a convolution; every other one is a kernel of its own.
FUSED_ACTIVATIONS = frozenset({'Relu', 'Clip'})


def is_nearest(node):
    """Whether a Resize repeats pixels (bool); it is then a copy, and the linear one has a slow kernel of its own."""
    return node.text('mode', 'nearest') == 'nearest'
