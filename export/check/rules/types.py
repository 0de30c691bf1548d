"""Types of tensors: at the borders of the network, at each operator, and numbers that narrowing would change."""
import numpy as np

from ..graph import type_name
from ..registry import rule

#: The input whose type a table means, where that is not the first.
_MAIN_INPUT = {'Where': 1, 'OneHot': 2}
#: Operators whose table means what they give, and not what they take.
_BY_OUTPUT = ('ConstantOfShape', 'RandomNormal', 'RandomUniform', 'Constant')
#: Bodies of control flow are judged node by node; Q/DQ pairs have rules of their own.
_NOT_JUDGED = ('If', 'Loop', 'Scan', 'QuantizeLinear', 'DequantizeLinear')

_REMEDIES = {'INT64': 'Cast it to INT32 before: .to(torch.int32).', 'UINT8': 'Cast it to FLOAT or INT32.',
             'BOOL': 'Cast it to FLOAT or INT32.', 'FP64': 'Cast it to FLOAT: .float().'}
_OTHER = 'Cast it to a type of that list.'


@rule('io-type')
def io_type(graph):
    """Inputs and outputs of a type that cannot cross the border, or that changes there without a word."""
    target = graph.target
    for kind, values in (('Input', graph.inputs), ('Output', graph.outputs)):
        for value in values:
            found = graph.type_of(value.name)
            if found is not None and found not in target.io_types:
                yield ((value.name, kind), 'It is %s; %s carries %s there.'
                       % (found, target.runtime, ', '.join(target.io_types)), _REMEDIES.get(found, _OTHER))


@rule('type')
def operator_type(graph):
    """Operators fed with a type that their importer does not take."""
    target = graph.target
    if target.table is None:
        return
    for node in graph.nodes:
        allowed = target.table.types.get(node.operator)
        found = _main_type(graph, node)
        if allowed is None or found is None or node.operator in _NOT_JUDGED:
            continue
        read = found if target.restriction(node.operator, 'exact_types') else target.narrowed.get(found, found)
        if read not in allowed:
            yield (node.where, 'It works on %s; %s imports it for %s.' % (found, target.runtime, ', '.join(allowed)),
                   _REMEDIES.get(found, _OTHER))


@rule('cast-type')
def cast_type(graph):
    """Casts to a type that the target has not."""
    target = graph.target
    if target.table is None:
        return
    for node in graph.of('Cast'):
        found = type_name(node.number('to', 0))
        if target.narrowed.get(found, found) not in target.table.types['Cast']:
            yield (node.where, 'It casts to %s; %s casts to %s.'
                   % (found, target.runtime, ', '.join(target.table.types['Cast'])),
                   'Stay in one of those types, such as FLOAT or INT32.')


@rule('int64-range')
def int64_range(graph):
    """Constants beyond INT32, which narrowing clamps; the open ends of a Slice are meant so."""
    if 'INT64' not in graph.target.narrowed:
        return
    limits = np.iinfo(np.int32)
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) == 'INT64' else None
        if values is None or not values.size or limits.min <= values.min() <= values.max() <= limits.max:
            continue
        for node in graph.users(name):
            if node.operator != 'Slice':
                yield (node.where, 'Its constant %s holds INT64 values beyond INT32, to which %s clamps them.'
                       % (name, graph.target.runtime), 'Use values within INT32.')


def _main_type(graph, node):
    if node.operator in _BY_OUTPUT:
        return graph.type_of(node.output(0))
    return graph.type_of(node.input(_MAIN_INPUT.get(node.operator, 0)))
