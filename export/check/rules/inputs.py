"""Inputs and outputs of a node: which must be constants, how many there may be, how many dimensions they have."""
import onnx.defs

from ..registry import rule

#: The axes of these moved from an attribute to an input at opset 18.
_REDUCE_REMEDY = 'Export it at opset 13, where its axes are an attribute.'

_REMEDIES = {
    'Clip': 'Clamp between plain numbers: torch.clamp(x, 0, 1).',
    'Conv': 'Keep weights and bias in the file as initializers; a Q/DQ pair on the weights is fine.',
    'ConvTranspose': 'Keep weights and bias in the file as initializers; a Q/DQ pair on the weights is fine.',
    'Slice': 'Slice along axes that are known when exporting: x[:, a:b] instead of computed axes.',
    'TopK': 'Give k as a plain number.',
}
_OTHER = 'Make it a plain number or weight when exporting, then fold constants with onnxsim.'


@rule('constant-input')
def constant_input(graph):
    """Inputs that are computed where the importer wants them in the file."""
    for node in graph.nodes:
        for index in graph.target.restriction(node.operator, 'constant_inputs', ()):
            # Resize is judged by its own rule: which input holds its scales depends on the opset.
            name = '' if node.operator == 'Resize' else node.input(index)
            if name and not _constant_or_dequantized(graph, name):
                yield (node.where, 'Its input %s (%s) is computed; %s wants an initializer there.'
                       % (_role(node, index, graph), name, graph.target.runtime),
                       _REMEDIES.get(node.operator, _OTHER))


@rule('float-range')
def float_range(graph):
    """A Range of floats with computed limits."""
    for node in graph.of('Range'):
        computed = [name for name in node.proto.input if not graph.is_constant(name)]
        if (graph.target.restriction('Range', 'float_needs_constants') and computed
                and graph.type_of(node.input(0)) not in ('INT32', 'INT64')):
            yield (node.where, 'It counts in floats to computed limits; %s does that for integers only.'
                   % graph.target.runtime, 'Count in integers and cast the result, or fold it into a constant.')


@rule('input-count')
def input_count(graph):
    """Too few inputs for the importer, or more than it looks at."""
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
def output_count(graph):
    """Outputs that the importer does not give."""
    for node in graph.nodes:
        most = graph.target.restriction(node.operator, 'outputs_at_most')
        given = [name for name in node.proto.output if name]
        if most is not None and len(given) > most:
            yield (node.where, 'It gives %d outputs; %s gives %d.' % (len(given), graph.target.runtime, most),
                   'Use its first output only; unpooling by indices is written as Resize or ConvTranspose.'
                   if node.operator == 'MaxPool' else 'Use its first output only.')


@rule('input-rank')
def input_rank(graph):
    """Inputs of a number of dimensions that the importer does not take."""
    for node in graph.nodes:
        shape = graph.shape_of(node.input(0))
        for kind, extra, words in (('input_rank', 0, 'dimensions'), ('spatial_rank', 2, 'spatial dimensions')):
            limits = graph.target.restriction(node.operator, kind)
            if limits and shape is not None and not limits[0] <= len(shape) - extra <= limits[1]:
                yield (node.where, 'Its input has %d %s; %s takes %s.' % (
                    len(shape) - extra, words, graph.target.runtime, ' to '.join(map(str, sorted(set(limits))))),
                    'Reshape it before, and back afterwards.')


def _constant_or_dequantized(graph, name):
    """Whether a tensor is a constant, or a constant behind a Q/DQ pair, as quantised weights are."""
    if graph.is_constant(name):
        return True
    giver = graph.giver(name)
    return (giver is not None and giver.operator in ('DequantizeLinear', 'QuantizeLinear')
            and _constant_or_dequantized(graph, giver.input(0)))


def _role(node, index, graph):
    """What the standard calls an input."""
    try:
        formal = onnx.defs.get_schema(node.operator, graph.opset).inputs
    except onnx.defs.SchemaError:
        return str(index)
    return formal[index].name if index < len(formal) else str(index)
