"""Operators that the target's parser does not import, and those that it imports with surprises."""
from ..read import STANDARD_DOMAINS
from ..registry import rule
from ..violation import WARNING

_AT_13 = 'Export it at opset 13: the exporter then writes it with operators that exist everywhere'
_OUTSIDE = 'Compute it before or after the network, in numpy'

#: What replaces an operator that older releases lack, or that none has.
REMEDIES = {
    'AffineGrid': 'Compute the grid once and store it as a constant, or leave the warp out of the network.',
    'BitShift': 'Multiply or divide by a power of two instead.',
    'Compress': 'Keep every element and multiply by a mask instead: its output has no fixed size.',
    'Det': _OUTSIDE + '.',
    'DynamicQuantizeLinear': 'Quantise statically: thermoscreen calibrate writes Q/DQ pairs with fixed scales.',
    'Gelu': _AT_13 + ' (Erf).',
    'GridSample': 'Resample with Resize or a convolution of fixed weights, or warp the picture before the network.',
    'GroupNormalization': _AT_13 + ' (Reshape, InstanceNormalization, Mul, Add).',
    'HardSwish': 'Write x * HardSigmoid(x), with alpha 1/6 and beta 1/2.',
    'IsInf': 'Compare Abs(x) with a large number.',
    'LayerNormalization': _AT_13 + ' (ReduceMean, Sub, Pow, Sqrt, Div).',
    'MaxRoiPool': 'Cut fixed regions with Slice and pool them.',
    'MaxUnpool': 'Use Resize or ConvTranspose in the decoder; pooling without indices goes with it.',
    'MeanVarianceNormalization': 'Write it with ReduceMean, Sub, Mul, Sqrt and Div.',
    'Mish': _AT_13 + ' (Softplus, Tanh, Mul).',
    'Mod': 'Write a - b * Floor(a / b).',
    'NonZero': 'Keep the full map and multiply by a mask: its output has no fixed size.',
    'OneHot': 'Gather rows of a constant identity matrix, or compare with constants by Equal.',
    'QLinearConv': 'Write Q/DQ pairs instead: quant_format=QuantFormat.QDQ in onnxruntime.quantization.',
    'QLinearMatMul': 'Write Q/DQ pairs instead: quant_format=QuantFormat.QDQ in onnxruntime.quantization.',
    'RandomNormal': 'Leave randomness out of inference: export the network in evaluation mode.',
    'RandomNormalLike': 'Leave randomness out of inference: export the network in evaluation mode.',
    'RoiAlign': 'Cut fixed regions with Slice and resize them.',
    'Trilu': 'Multiply by a constant triangular mask.',
    'Unique': _OUTSIDE + ': its output has no fixed size.',
    'Xor': 'Write Not(Equal(a, b)) over Cast numbers.',
}
_OTHER = 'Write it with other standard operators, compute it outside of the network, or choose a newer target.'

_CONTROL = ('If', 'Loop', 'Scan')


@rule('operator')
def operator(graph):
    """Operators without an importer."""
    table = graph.target.table
    if table is None:
        return
    for node in graph.nodes:
        name = node.proto.op_type
        if node.proto.domain in STANDARD_DOMAINS and name not in table.types:
            yield (node.where, '%s does not import %s.' % (graph.target.runtime, name), REMEDIES.get(name, _OTHER))


@rule('experimental', WARNING)
def experimental(graph):
    """Operators that work, with an output that is not that of ONNX."""
    for node in graph.nodes:
        if graph.target.restriction(node.operator, 'experimental'):
            yield (node.where, '%s imports %s as an experiment: its output has a fixed size and is padded.'
                   % (graph.target.runtime, node.operator),
                   'Expect the padding behind the network, or compute it outside of it.')


@rule('control-flow', WARNING)
def control_flow(graph):
    """Branches and loops: imported with limits of their own, and slow."""
    if graph.target.table is None:
        return
    for node in graph.of(*_CONTROL):
        yield (node.where, '%s imports control flow with limits that only its builder checks, and runs it slowly.'
               % graph.target.runtime,
               'Unroll it: trace the network instead of scripting it, with fixed shapes, and simplify the file.')
