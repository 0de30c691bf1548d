"""Types of tensors, FP16 and INT8: values that a target cannot hold or would change."""
from typing import Iterator, List, Optional, Tuple

import numpy as np

from .graph import Graph, Node, type_name
from .rule import WARNING, Report, rule

_PAIR = ('QuantizeLinear', 'DequantizeLinear')
#: Input whose type the tables state, where it is not the first.
_MAIN_INPUT = {'Where': 1, 'OneHot': 2}
#: Operators whose output type the tables state.
_BY_OUTPUT = ('ConstantOfShape', 'RandomNormal', 'RandomUniform', 'Constant')
#: Bodies of control flow are checked node by node; Q/DQ pairs have rules of their own.
_NOT_CHECKED = ('If', 'Loop', 'Scan', *_PAIR)

_TYPE_REMEDIES = {'INT64': 'Cast it to INT32 before: .to(torch.int32).', 'UINT8': 'Cast it to FLOAT or INT32.',
                  'BOOL': 'Cast it to FLOAT or INT32.', 'FP64': 'Cast it to FLOAT: .float().'}
_OTHER_TYPE = 'Cast it to a type of that list.'


@rule('io-type')
def io_type(graph: Graph) -> Iterator[Report]:
    """Inputs and outputs of a type that TensorRT does not have, or silently changes."""
    target = graph.target
    for kind, values in (('Input', graph.inputs), ('Output', graph.outputs)):
        for value in values:
            element_type = graph.type_of(value.name)
            if element_type is not None and element_type not in target.io_types:
                yield ((value.name, kind), 'It is %s; %s carries %s there.'
                       % (element_type, target.runtime, ', '.join(target.io_types)),
                       _TYPE_REMEDIES.get(element_type, _OTHER_TYPE))


@rule('type')
def operator_type(graph: Graph) -> Iterator[Report]:
    """Operators used with a type that their importer does not accept."""
    target = graph.target
    if target.table is None:
        return
    for node in graph.nodes:
        allowed = target.table.types.get(node.operator)
        element_type = _main_type(graph, node)
        if allowed is None or element_type is None or node.operator in _NOT_CHECKED:
            continue
        imported = (element_type if target.restriction(node.operator, 'exact_types') else
                    target.narrowed.get(element_type, element_type))
        if imported not in allowed:
            yield (node.where, 'It works on %s; %s imports it for %s.'
                   % (element_type, target.runtime, ', '.join(allowed)),
                   _TYPE_REMEDIES.get(element_type, _OTHER_TYPE))


@rule('cast-type')
def cast_type(graph: Graph) -> Iterator[Report]:
    """Casts to a type that the target does not have."""
    target = graph.target
    if target.table is None:
        return
    for node in graph.of('Cast'):
        cast_to = str(type_name(node.number('to', 0)))
        if target.narrowed.get(cast_to, cast_to) not in target.table.types['Cast']:
            yield (node.where, 'It casts to %s; %s casts to %s.'
                   % (cast_to, target.runtime, ', '.join(target.table.types['Cast'])),
                   'Stay in one of those types, such as FLOAT or INT32.')


@rule('int64-range')
def int64_range(graph: Graph) -> Iterator[Report]:
    """Constants beyond INT32, which narrowing clamps. In a Slice they mean an open end and are harmless."""
    if 'INT64' not in graph.target.narrowed:
        return
    limits = np.iinfo(np.int32)
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) == 'INT64' else None
        if values is None or not values.size or limits.min <= values.min() <= values.max() <= limits.max:
            continue
        for node in graph.consumers(name):
            if node.operator != 'Slice':
                yield (node.where, 'Its constant %s holds INT64 values beyond INT32, to which %s clamps them.'
                       % (name, graph.target.runtime), 'Use values within INT32.')


def _main_type(graph: Graph, node: Node) -> Optional[str]:
    if node.operator in _BY_OUTPUT:
        return graph.type_of(node.output(0))
    return graph.type_of(node.input(_MAIN_INPUT.get(node.operator, 0)))


#: Largest and smallest normal FP16 number.
_LARGEST, _SMALLEST = float(np.finfo(np.float16).max), float(np.finfo(np.float16).tiny)


@rule('fp16-overflow', WARNING)
def fp16_overflow(graph: Graph) -> Iterator[Report]:
    """Weights beyond the largest FP16 number: they become infinite, and soon NaN."""
    for name, values, node in _weights(graph):
        largest = float(np.max(np.abs(values)))
        if np.isfinite(largest) and largest > _LARGEST:
            yield (node.where, 'Its constant %s reaches %.3g, beyond the %d of FP16: an fp16 engine gives infinity or '
                   'NaN.' % (name, largest, _LARGEST),
                   'Compile it as fp32, or train with weight decay, or fold the scale into the layer before.')


@rule('fp16-underflow', WARNING)
def fp16_underflow(graph: Graph) -> Iterator[Report]:
    """Weights that are all below the smallest normal FP16 number: they become imprecise, or zero."""
    for name, values, node in _weights(graph):
        largest = float(np.max(np.abs(values)))
        if 0 < largest < _SMALLEST:
            becomes = 'zero' if np.all(values.astype(np.float16) == 0) else 'a few coarse steps'
            yield (node.where, 'Its constant %s is at most %.3g, below %.3g: in FP16 it becomes %s.'
                   % (name, largest, _SMALLEST, becomes),
                   'Compile it as fp32, or use a larger constant (an epsilon of 1e-4).')


@rule('not-finite', WARNING)
def not_finite(graph: Graph) -> Iterator[Report]:
    """Weights with NaN or infinity."""
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) in ('FP32', 'FP16') else None
        if values is not None and not np.all(np.isfinite(values)):
            consumers = graph.consumers(name)
            yield (consumers[0].where if consumers else (name, 'Initializer'),
                   'Its constant %s holds NaN or infinity.' % name,
                   'Train again from a checkpoint that is whole; a mask of -infinity may be -1e4 instead.')


def _weights(graph: Graph) -> Iterator[Tuple[str, np.ndarray, Node]]:
    """(name, values, consumer) of float weights on targets that compute in FP16."""
    if graph.target.table is None or 'fp16' not in graph.target.precisions:
        return
    for name in graph.tensors:
        values = graph.value_of(name) if graph.type_of(name) in ('FP32', 'FP16') else None
        if values is not None and values.size:
            for consumer in graph.consumers(name):
                # Scales of Q/DQ pairs are never computed with in FP16.
                if consumer.operator not in _PAIR:
                    yield name, values, consumer


@rule('int8')
def int8(graph: Graph) -> Iterator[Report]:
    """Q/DQ pairs for a GPU without INT8: the error is that of github.com/NVIDIA/TensorRT issue 3157."""
    if graph.target.table is None or 'int8' in graph.target.precisions:
        return
    for node in graph.of(*_PAIR):
        yield (node.where, 'The GPU (SM %s) has no INT8, and %s builds no Q/DQ pairs there (its error 9).'
               % (graph.target.sm, graph.target.runtime), 'Take the fp16 variant; INT8 is for targets that have it.')


@rule('zero-point')
def zero_point(graph: Graph) -> Iterator[Report]:
    """Zero points that are not zero or not INT8."""
    for node in _symmetric(graph):
        values = graph.value_of(node.input(2))
        unsigned = 'UINT8' in (graph.type_of(node.input(0)), graph.type_of(node.output(0)))
        if unsigned or values is not None and np.any(values != 0):
            yield (node.where, 'Its zero point is %s; %s quantises symmetrically, with INT8 zeros.'
                   % ('UINT8' if unsigned else 'not 0', graph.target.runtime),
                   'Quantise with QInt8 and ActivationSymmetric, WeightSymmetric; thermoscreen calibrate does.')


@rule('scale')
def scale(graph: Graph) -> Iterator[Report]:
    """Scales that are computed, not positive or not finite."""
    for node in _symmetric(graph):
        name = node.input(1)
        values = graph.value_of(name)
        if not graph.is_constant(name):
            yield (node.where, 'Its scale (%s) is computed; %s wants an initializer there.'
                   % (name, graph.target.runtime), 'Quantise statically, with fixed scales.')
        elif values is not None and not (np.all(values > 0) and np.all(np.isfinite(values))):
            yield (node.where, 'Its scale holds values that are not positive; %s wants positive ones.'
                   % graph.target.runtime, 'Calibrate again: a channel or tensor that is always 0 needs a scale of 1.')


@rule('quantised-bias')
def quantised_bias(graph: Graph) -> Iterator[Report]:
    """An INT32 bias with a DequantizeLinear, as ONNX Runtime's quantiser writes it by default."""
    if graph.target.table is None:
        return
    for node in graph.of('DequantizeLinear'):
        if graph.type_of(node.input(0)) == 'INT32':
            yield (node.where, 'It dequantises an INT32 bias, which %s does not import.' % graph.target.runtime,
                   'Quantise with QuantizeBias=False; thermoscreen calibrate does.')


def _symmetric(graph: Graph) -> List[Node]:
    return [node for node in graph.of(*_PAIR) if graph.target.restriction(node.operator, 'symmetric')]
