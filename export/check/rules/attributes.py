"""Attributes: values that the importer does not know, and attributes that it does not look at."""
from ..registry import rule

_REMEDIES = {
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
_OTHER = 'Use a value of that list, or write it with other operators.'


@rule('attribute')
def attribute(graph):
    """A value that the importer does not know."""
    for node in graph.nodes:
        for name, allowed in graph.target.restriction(node.operator, 'attributes', {}).items():
            found = (node.text if isinstance(allowed[0], str) else node.number)(name, allowed[0])
            if found not in allowed:
                yield (node.where, '%s is %s; %s takes %s.'
                       % (name, found, graph.target.runtime, ', '.join(map(str, allowed))), _remedy(node, name))


@rule('attribute-range')
def attribute_range(graph):
    """Numbers below or above what the importer takes."""
    for node in graph.nodes:
        for kind, words, beyond in (('attribute_minimum', 'at least', lambda number, limit: number < limit),
                                    ('attribute_maximum', 'at most', lambda number, limit: number > limit)):
            for name, limit in graph.target.restriction(node.operator, kind, {}).items():
                numbers = node.numbers(name)
                if any(beyond(number, limit) for number in numbers):
                    yield (node.where, '%s is %s; %s takes %s %s.'
                           % (name, numbers, graph.target.runtime, words, limit), _remedy(node, name))


@rule('attribute-unread')
def attribute_unread(graph):
    """Attributes that came with a newer opset: the importer does not look at them and answers otherwise."""
    for node in graph.nodes:
        for name in graph.target.restriction(node.operator, 'refused_attributes', ()):
            if node.has(name):
                yield (node.where, '%s does not read its attribute %s and may answer wrongly without saying so.'
                       % (graph.target.runtime, name), _remedy(node, name))


@rule('topk-size')
def topk_size(graph):
    """A TopK of more elements than the layer sorts."""
    for node in graph.of('TopK'):
        limit, k = graph.target.restriction('TopK', 'k_below'), graph.value_of(node.input(1))
        if limit is not None and k is not None and k.size and int(k.max()) >= limit:
            yield (node.where, 'K is %d; %s takes less than %d.' % (int(k.max()), graph.target.runtime, limit),
                   'Ask for fewer.')


@rule('einsum')
def einsum(graph):
    """Equations with an ellipsis, a diagonal or a broadcast."""
    for node in graph.of('Einsum'):
        if not graph.target.restriction('Einsum', 'plain_equation'):
            continue
        equation = node.text('equation', '').replace(' ', '')
        terms = equation.split('->')[0].split(',')
        trouble = ('an ellipsis' if '...' in equation else
                   'a diagonal' if any(len(set(term)) < len(term) for term in terms) else
                   'a broadcast' if _broadcasts(graph, node, terms) else None)
        if trouble:
            yield (node.where, 'Its equation %s has %s, which %s does not import.'
                   % (equation, trouble, graph.target.runtime), 'Write it with Transpose, Reshape and MatMul.')


def _broadcasts(graph, node, terms):
    """Whether one letter stands for sides of several lengths."""
    sides = {}
    for term, name in zip(terms, node.proto.input):
        for letter, side in zip(term, graph.shape_of(name) or ()):
            if side is not None:
                sides.setdefault(letter, set()).add(side)
    return any(len(lengths) > 1 for lengths in sides.values())


def _remedy(node, name):
    return _REMEDIES.get((node.operator, name), _OTHER)
