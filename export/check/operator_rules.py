"""Operators, their attributes and their inputs: what the parser and the builder of a target accept."""
import math
from typing import Dict, Iterator, Set

import numpy as np
import onnx.defs

from .graph import STANDARD_DOMAINS, Graph
from .rule import WARNING, Report, rule

_AT_13 = 'Export it at opset 13: the exporter then writes it with operators that exist everywhere'
_OUTSIDE = 'Compute it before or after the network, in numpy'

#: Replacements for operators that older releases, or all of them, lack.
_OPERATOR_REMEDIES = {
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
_OTHER_OPERATOR = 'Write it with other standard operators, compute it outside of the network, or choose a newer target.'

_CONTROL_FLOW = ('If', 'Loop', 'Scan')


@rule('operator')
def operator(graph: Graph) -> Iterator[Report]:
    """Operators that the parser cannot import."""
    table = graph.target.table
    if table is None:
        return
    for node in graph.nodes:
        name = node.proto.op_type
        if node.proto.domain in STANDARD_DOMAINS and name not in table.types:
            yield (node.where, '%s does not import %s.' % (graph.target.runtime, name),
                   _OPERATOR_REMEDIES.get(name, _OTHER_OPERATOR))


@rule('experimental', WARNING)
def experimental(graph: Graph) -> Iterator[Report]:
    """Operators that work, but whose output differs from that of ONNX."""
    for node in graph.nodes:
        if graph.target.restriction(node.operator, 'experimental'):
            yield (node.where, '%s imports %s as an experiment: its output has a fixed size and is padded.'
                   % (graph.target.runtime, node.operator),
                   'Expect the padding behind the network, or compute it outside of it.')


@rule('control-flow', WARNING)
def control_flow(graph: Graph) -> Iterator[Report]:
    """Branches and loops: imported with limits that only the builder checks, and slow."""
    if graph.target.table is None:
        return
    for node in graph.of(*_CONTROL_FLOW):
        yield (node.where, '%s imports control flow with limits that only its builder checks, and runs it slowly.'
               % graph.target.runtime,
               'Unroll it: trace the network instead of scripting it, with fixed shapes, and simplify the file.')


_ATTRIBUTE_REMEDIES = {
    ('Resize', 'mode'): 'Use bilinear or nearest: interpolate(mode="bilinear").',
    ('Resize', 'coordinate_transformation_mode'): 'Use half_pixel (align_corners=False) or align_corners.',
    ('Resize', 'antialias'): 'Export it at opset 13, without antialias; blur by a convolution before where needed.',
    ('Resize', 'axes'): 'Export it at opset 13, where scales name every dimension.',
    ('Constant', 'sparse_value'): 'Store the constant as a dense tensor.',
    ('Split', 'num_outputs'): 'Export it at opset 13, or give the sizes of the parts.',
    ('Pad', 'mode'): 'Pad by constant, reflect or edge; wrap by Concat of slices.',
    ('TopK', 'sorted'): 'Ask for sorted values.',
    ('BatchNormalization', 'training_mode'): 'Export the network in evaluation mode: network.eval().',
    ('MaxPool', 'dilations'): 'Pool without dilation.',
    ('AveragePool', 'dilations'): 'Pool without dilation.',
}
_OTHER_ATTRIBUTE = 'Use a value of that list, or write it with other operators.'


@rule('attribute')
def attribute(graph: Graph) -> Iterator[Report]:
    """An attribute with a value that the importer does not support."""
    for node in graph.nodes:
        for name, allowed in graph.target.restriction(node.operator, 'attributes', {}).items():
            value = (node.text if isinstance(allowed[0], str) else node.number)(name, allowed[0])
            if value not in allowed:
                yield (node.where, '%s is %s; %s takes %s.'
                       % (name, value, graph.target.runtime, ', '.join(map(str, allowed))),
                       _attribute_remedy(node, name))


@rule('attribute-range')
def attribute_range(graph: Graph) -> Iterator[Report]:
    """Attributes below or above the range of the importer."""
    for node in graph.nodes:
        for kind, words, beyond in (('attribute_minimum', 'at least', lambda number, limit: number < limit),
                                    ('attribute_maximum', 'at most', lambda number, limit: number > limit)):
            for name, limit in graph.target.restriction(node.operator, kind, {}).items():
                numbers = node.numbers(name)
                if any(beyond(number, limit) for number in numbers):
                    yield (node.where, '%s is %s; %s takes %s %s.'
                           % (name, numbers, graph.target.runtime, words, limit), _attribute_remedy(node, name))


@rule('attribute-unread')
def attribute_unread(graph: Graph) -> Iterator[Report]:
    """Attributes of a newer opset that the importer ignores, so that results differ."""
    for node in graph.nodes:
        for name in graph.target.restriction(node.operator, 'refused_attributes', ()):
            if node.has(name):
                yield (node.where, '%s does not read its attribute %s and may answer wrongly without saying so.'
                       % (graph.target.runtime, name), _attribute_remedy(node, name))


@rule('topk-size')
def topk_size(graph: Graph) -> Iterator[Report]:
    """A TopK of more elements than the layer can sort."""
    for node in graph.of('TopK'):
        limit, k = graph.target.restriction('TopK', 'k_below'), graph.value_of(node.input(1))
        if limit is not None and k is not None and k.size and int(k.max()) >= limit:
            yield (node.where, 'K is %d; %s takes less than %d.' % (int(k.max()), graph.target.runtime, limit),
                   'Ask for fewer.')


@rule('einsum')
def einsum(graph: Graph) -> Iterator[Report]:
    """Equations with an ellipsis, a diagonal or a broadcast."""
    for node in graph.of('Einsum'):
        if not graph.target.restriction('Einsum', 'plain_equation'):
            continue
        equation = node.text('equation', '').replace(' ', '')
        terms = equation.split('->')[0].split(',')
        obstacle = ('an ellipsis' if '...' in equation else
                    'a diagonal' if any(len(set(term)) < len(term) for term in terms) else
                    'a broadcast' if _broadcasts(graph, node, terms) else None)
        if obstacle:
            yield (node.where, 'Its equation %s has %s, which %s does not import.'
                   % (equation, obstacle, graph.target.runtime), 'Write it with Transpose, Reshape and MatMul.')


def _broadcasts(graph, node, terms):
    """Whether one letter stands for sides of different lengths."""
    sides: Dict[str, Set[int]] = {}
    for term, name in zip(terms, node.proto.input):
        for letter, side in zip(term, graph.shape_of(name) or ()):
            if side is not None:
                sides.setdefault(letter, set()).add(side)
    return any(len(lengths) > 1 for lengths in sides.values())


def _attribute_remedy(node, name):
    return _ATTRIBUTE_REMEDIES.get((node.operator, name), _OTHER_ATTRIBUTE)


#: Reductions: their axes moved from an attribute to an input at opset 18.
_REDUCE_REMEDY = 'Export it at opset 13, where its axes are an attribute.'

_INPUT_REMEDIES = {
    'Clip': 'Clamp between plain numbers: torch.clamp(x, 0, 1).',
    'Conv': 'Keep weights and bias in the file as initializers; a Q/DQ pair on the weights is fine.',
    'ConvTranspose': 'Keep weights and bias in the file as initializers; a Q/DQ pair on the weights is fine.',
    'Slice': 'Slice along axes that are known when exporting: x[:, a:b] instead of computed axes.',
    'TopK': 'Give k as a plain number.',
}
_OTHER_INPUT = 'Make it a plain number or weight when exporting, then fold constants with onnxsim.'


@rule('constant-input')
def constant_input(graph: Graph) -> Iterator[Report]:
    """Inputs that are computed but must be constants."""
    for node in graph.nodes:
        for index in graph.target.restriction(node.operator, 'constant_inputs', ()):
            # Resize has a rule of its own: which input holds its scales depends on the opset.
            name = '' if node.operator == 'Resize' else node.input(index)
            if name and not _constant_or_dequantized(graph, name):
                yield (node.where, 'Its input %s (%s) is computed; %s wants an initializer there.'
                       % (_role(node, index, graph), name, graph.target.runtime),
                       _INPUT_REMEDIES.get(node.operator, _OTHER_INPUT))


@rule('float-range')
def float_range(graph: Graph) -> Iterator[Report]:
    """A Range of floats with computed limits."""
    for node in graph.of('Range'):
        computed = [name for name in node.proto.input if not graph.is_constant(name)]
        if (graph.target.restriction('Range', 'float_needs_constants') and computed
                and graph.type_of(node.input(0)) not in ('INT32', 'INT64')):
            yield (node.where, 'It counts in floats to computed limits; %s does that for integers only.'
                   % graph.target.runtime, 'Count in integers and cast the result, or fold it into a constant.')


@rule('input-count')
def input_count(graph: Graph) -> Iterator[Report]:
    """Fewer inputs than the importer needs, or more than it reads."""
    for node in graph.nodes:
        fewest = graph.target.restriction(node.operator, 'inputs_at_least', 0)
        most = graph.target.restriction(node.operator, 'inputs_at_most')
        given = [name for name in node.proto.input if name]
        if len(given) < fewest:
            yield (node.where, 'It has %d inputs; %s wants %d, the zero point included.'
                   % (len(given), graph.target.runtime, fewest), 'Write the zero point out, as zeros of type INT8.')
        elif most is not None and len(given) > most:
            yield (node.where, 'It has its axes as an input, as from opset 18 on; %s does not look at them and '
                   'reduces over everything without saying so.' % graph.target.runtime, _REDUCE_REMEDY)


@rule('output-count')
def output_count(graph: Graph) -> Iterator[Report]:
    """Outputs that the importer does not produce."""
    for node in graph.nodes:
        most = graph.target.restriction(node.operator, 'outputs_at_most')
        given = [name for name in node.proto.output if name]
        if most is not None and len(given) > most:
            yield (node.where, 'It gives %d outputs; %s gives %d.' % (len(given), graph.target.runtime, most),
                   'Use its first output only; unpooling by indices is written as Resize or ConvTranspose.'
                   if node.operator == 'MaxPool' else 'Use its first output only.')


@rule('input-rank')
def input_rank(graph: Graph) -> Iterator[Report]:
    """Inputs with too few or too many dimensions."""
    for node in graph.nodes:
        shape = graph.shape_of(node.input(0))
        for kind, extra, words in (('input_rank', 0, 'dimensions'), ('spatial_rank', 2, 'spatial dimensions')):
            limits = graph.target.restriction(node.operator, kind)
            if limits and shape is not None and not limits[0] <= len(shape) - extra <= limits[1]:
                yield (node.where, 'Its input has %d %s; %s takes %s.' % (
                    len(shape) - extra, words, graph.target.runtime, ' to '.join(map(str, sorted(set(limits))))),
                    'Reshape it before, and back afterwards.')


def _constant_or_dequantized(graph, name):
    """Whether a tensor is a constant, or a constant followed by a Q/DQ pair, as quantised weights are."""
    if graph.is_constant(name):
        return True
    producer = graph.producer(name)
    return (producer is not None and producer.operator in ('DequantizeLinear', 'QuantizeLinear')
            and _constant_or_dequantized(graph, producer.input(0)))


def _role(node, index, graph):
    """Name of an input in the ONNX standard."""
    try:
        formal = onnx.defs.get_schema(node.operator, graph.opset).inputs
    except onnx.defs.SchemaError:
        return str(index)
    return formal[index].name if index < len(formal) else str(index)


@rule('resize-scales')
def resize_scales(graph: Graph) -> Iterator[Report]:
    """A Resize with computed scales."""
    for node in graph.of('Resize'):
        scales = node.input(1 if graph.opset < 11 else 2)
        if graph.target.restriction('Resize', 'constant_inputs') and scales and not graph.is_constant(scales):
            yield (node.where, 'Its scales (%s) are computed; %s wants an initializer there.'
                   % (scales, graph.target.runtime),
                   'Export with a fixed size: interpolate(size=(240, 320)), then fold constants with onnxsim.')


@rule('resize-dimensions')
def resize_dimensions(graph: Graph) -> Iterator[Report]:
    """A linear or cubic Resize over more dimensions than the layer supports."""
    for node in graph.of('Resize'):
        mode = node.text('mode', 'nearest')
        limit = graph.target.restriction('Resize', mode + '_rank')
        factors = _factors(graph, node)
        if limit is None or factors is None or len(factors) <= limit:
            continue
        if np.any(factors[:-limit] != 1):
            yield (node.where, 'It changes dimensions before the last %d in mode %s; %s does so over the last %d only.'
                   % (limit, mode, graph.target.runtime, limit),
                   'Resize over height and width alone, after a Reshape or Transpose where needed.')


@rule('resize-rounding')
def resize_rounding(graph: Graph) -> Iterator[Report]:
    """TensorFlow's half-pixel coordinates with a rounding that the importer does not combine with them."""
    if graph.target.table is None:
        return
    for node in graph.of('Resize'):
        if (node.text('coordinate_transformation_mode') == 'tf_half_pixel_for_nn'
                and node.text('nearest_mode', 'round_prefer_floor') != 'round_prefer_floor'):
            yield (node.where, 'tf_half_pixel_for_nn goes with nearest_mode round_prefer_floor only in %s.'
                   % graph.target.runtime, 'Use half_pixel coordinates.')


def _factors(graph, node):
    """Output size over input size of every dimension (array), or None where unknown."""
    scales = graph.value_of(node.input(1 if graph.opset < 11 else 2))
    if scales is not None and scales.size:
        return scales
    before, after = graph.shape_of(node.input(0)), graph.shape_of(node.output(0))
    if not before or not after or len(before) != len(after) or None in before or None in after or 0 in before:
        return None
    return np.divide(after, before)


@rule('argmax', WARNING)
def argmax(graph: Graph) -> Iterator[Report]:
    """ArgMax over a large map: on small boards the builder has been seen to find no implementation."""
    limit = graph.target.argmax_elements
    if limit is None:
        return
    for node in graph.of('ArgMax', 'ArgMin'):
        shape = graph.shape_of(node.input(0))
        if shape and None not in shape and math.prod(side or 0 for side in shape) >= limit:
            yield (node.where, 'Over a map of %s the builder of %s may find no implementation; it depends on the '
                   'workspace.' % ('x'.join(map(str, shape)), graph.target.runtime),
                   'Export the logits variant, which thermoscreen compile takes first on a Nano; or raise its '
                   '--workspace.')
