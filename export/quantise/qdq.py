"""A network with Q/DQ pairs as TensorRT accepts them, through onnxruntime's quantiser.

Symmetric int8 on both sides with zero points 0, weights per output channel (axis 0 of Conv, 1 of ConvTranspose), bias
in floating point, a pair of its own for every reader of a tensor, and pairs on the weights too, which TensorRT 8
insists on.

Where a convolution feeds a ReLU, both of its ends get a pair with the ReLU's range: what the first cuts off below, the
ReLU cuts off as well, so that the second pair changes nothing. onnxruntime fuses a convolution only between pairs;
without the first one it computed in floating point, with it INT8 is faster than FP32 on its CPU backend.
"""
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorsData

from calibration.cache import LARGEST_SCALE, SMALLEST_SCALE, scale_of
from service.messages import InputError

from .placement import WEIGHTED, relu_outputs, weighted_nodes
from .ranges import measure_ranges

_OPTIONS = {'ActivationSymmetric': True, 'WeightSymmetric': True, 'QuantizeBias': False, 'DedicatedQDQPair': True,
            'AddQDQPairToWeight': True}


def quantise(model, frames, method='entropy', keep_float=()):
    """Calibrate a network and give it Q/DQ pairs.

    Args:
        model (bytes): ONNX in FP32, opset 13, one input.
        frames (iterable of numpy.ndarray): float32 1xCxHxW each, as the chain prepares them.
        method (str): key of `METHODS`.
        keep_float (iterable of str): nodes to leave in floating point beside the heads.

    Returns:
        tuple: (bytes of the Q/DQ ONNX; dict of tensor name to float32 amax / 127 for `calibration.write_cache`). The
        scales in the file are those of the dict, to the last bit.

    Raises:
        InputError: as `measure_ranges`, or ``nothing-to-quantise``.
    """
    ranges = measure_ranges(model, frames, method)
    return insert_pairs(model, ranges, keep_float), scales_of(model, ranges, keep_float)


def scales_of(model, ranges, keep_float=()):
    """float32 amax / 127 by tensor, as the Q/DQ file has them; without those that no cache can hold."""
    scales = {name: scale_of(amax) for name, amax in _shared(onnx.load_from_string(model), ranges, keep_float).items()}
    return {name: scale for name, scale in scales.items() if SMALLEST_SCALE <= scale <= LARGEST_SCALE}


def insert_pairs(model, ranges, keep_float=()):
    """A network with Q/DQ pairs.

    Args:
        model (bytes): ONNX in FP32, opset 13.
        ranges (dict): tensor name to amax, of every activation next to a convolution.
        keep_float (iterable of str): nodes to leave in floating point beside the heads.

    Returns:
        bytes: ONNX of the same opset, IR version, inputs and outputs; only domains in use are imported.

    Raises:
        InputError: ``nothing-to-quantise``, or ``nodes-unknown`` for a name in `keep_float` that no node has.
    """
    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(model))
    unknown = sorted(set(keep_float) - {node.name for node in proto.graph.node})
    if unknown:
        raise InputError('nodes-unknown', 'The model has no node %s to leave in floating point.' % unknown[0])
    nodes = weighted_nodes(proto, keep_float)
    if not nodes:
        raise InputError('nothing-to-quantise', 'The model has no convolution between its input and its heads; '
                         'deliver it in FP16.')
    versions = proto.ir_version, [(entry.domain, entry.version) for entry in proto.opset_import]
    shared = _shared(proto, ranges, keep_float)
    quantiser = QDQQuantizer(
        proto, True, False, QuantType.QInt8, QuantType.QInt8, TensorsData(
            CalibrationMethod.MinMax, {name: (np.float32(-amax), np.float32(amax)) for name, amax in shared.items()}),
        nodes, [], list(WEIGHTED), dict(_OPTIONS))
    quantiser.quantize_model()
    return _tidied(quantiser.model.model, *versions)


def _shared(proto, ranges, keep_float):
    """Ranges, with that of a ReLU for the convolution before it."""
    shared = dict(ranges)
    for before, after in relu_outputs(proto, weighted_nodes(proto, keep_float)).items():
        if after in ranges:
            shared[before] = ranges[after]
    return shared


def _tidied(proto, ir_version, opsets):
    """The file without what the quantiser says of itself: imports that nothing uses, which onnxruntime 1.10 refuses
    where it does not know them, its own name, and shapes of tensors that are gone.
    """
    used = {node.domain for node in proto.graph.node}
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in opsets
                              if domain in used or domain in ('', 'ai.onnx'))
    proto.ir_version = ir_version
    proto.producer_name, proto.producer_version = 'thermoscreen', ''
    del proto.metadata_props[:]
    del proto.graph.value_info[:]
    _part_readers(proto.graph)
    _sort(proto.graph)
    proto = onnx.shape_inference.infer_shapes(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


def _part_readers(graph):
    """Give every reader of a dequantised tensor a pair of its own.

    The quantiser does so for the readers that it quantises. Another one, such as the sum at the end of a residual
    block, shares the pair, which TensorRT 8 does not allow.
    """
    makers = {node.output[0]: node for node in graph.node}
    for back in [node for node in graph.node if node.op_type == 'DequantizeLinear']:
        readers = [node for node in graph.node if back.output[0] in node.input]
        for number, reader in enumerate(readers[1:], 1):
            pair = [onnx.NodeProto() for _ in range(2)]
            for copy, node in zip(pair, (makers[back.input[0]], back)):
                copy.CopyFrom(node)
                copy.name, copy.output[0] = ('%s_part%d' % (name, number) for name in (node.name, node.output[0]))
            pair[1].input[0] = pair[0].output[0]
            graph.node.extend(pair)
            reader.input[list(reader.input).index(back.output[0])] = pair[1].output[0]


def _sort(graph):
    """Put nodes after what they read; the quantiser appends its own at the end."""
    made = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input} | {''}
    waiting, nodes = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if made.issuperset(node.input)]
        made.update(name for node in ready for name in node.output)
        nodes += ready
        left = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in left]
    del graph.node[:]
    graph.node.extend(nodes)
