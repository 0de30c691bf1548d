"""Q/DQ pairs: where INT8 exists at all, and as TensorRT wants them: symmetric, INT8, never on a bias."""
import numpy as np

from ..registry import rule

_PAIR = ('QuantizeLinear', 'DequantizeLinear')


@rule('int8')
def int8(graph):
    """Q/DQ pairs for a GPU without INT8: TensorRT issue 3157 shows the error, on another GPU that lacks it."""
    if graph.target.table is None or 'int8' in graph.target.precisions:
        return
    for node in graph.of(*_PAIR):
        yield (node.where, 'The GPU (SM %s) has no INT8, and %s builds no Q/DQ pairs there (its error 9).'
               % (graph.target.sm, graph.target.runtime), 'Take the fp16 variant; INT8 is for targets that have it.')


@rule('zero-point')
def zero_point(graph):
    """Zero points that are not zero, or not of type INT8."""
    for node in _symmetric(graph):
        values = graph.value_of(node.input(2))
        unsigned = 'UINT8' in (graph.type_of(node.input(0)), graph.type_of(node.output(0)))
        if unsigned or values is not None and np.any(values != 0):
            yield (node.where, 'Its zero point is %s; %s quantises symmetrically, with INT8 zeros.'
                   % ('UINT8' if unsigned else 'not 0', graph.target.runtime),
                   'Quantise with QInt8 and ActivationSymmetric, WeightSymmetric; thermoscreen calibrate does.')


@rule('scale')
def scale(graph):
    """Scales that are computed, zero, negative or not finite."""
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
def quantised_bias(graph):
    """A bias behind a DequantizeLinear of INT32, as ONNX Runtime's quantiser writes it by default."""
    if graph.target.table is None:
        return
    for node in graph.of('DequantizeLinear'):
        if graph.type_of(node.input(0)) == 'INT32':
            yield (node.where, 'It dequantises an INT32 bias, which %s does not import.' % graph.target.runtime,
                   'Quantise with QuantizeBias=False; thermoscreen calibrate does.')


def _symmetric(graph):
    return [node for node in graph.of(*_PAIR) if graph.target.restriction(node.operator, 'symmetric')]
