"""INT8: ranges of a network's tensors, and the network with Q/DQ pairs as TensorRT accepts them.

Ranges and pairs are onnxruntime's. The pairs are symmetric int8 with zero points 0, weights per output channel (axis 0
of Conv, 1 of ConvTranspose), bias in floating point, a separate pair for every reader of a tensor, and pairs on the
weights too, which TensorRT 8 requires.

Where a convolution feeds a ReLU, both of its ends get a pair with the ReLU's range: what the first one cuts off below,
the ReLU cuts off as well, so that the second pair changes nothing. onnxruntime fuses a convolution only between pairs:
without the first one it computes in floating point, with it INT8 is faster than FP32 on its CPU backend.
"""
import contextlib
import io
import logging
import os
import tempfile
import warnings
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import (
    EntropyCalibrater,
    HistogramCollector,
    MinMaxCalibrater,
    PercentileCalibrater,
    TensorsData,
)

from calibration.cache import LARGEST_SCALE, SMALLEST_SCALE, scale_of
from service.messages import InputError

METHODS = ('minmax', 'percentile', 'entropy')

#: Share of the values, in percent, that a percentile range contains. Onnxruntime's own 99.999 leaves one value in
#: 100 000 outside: of a tensor with 16 channels of 320x240 that is a dozen per frame.
PERCENTILE = 99.999

#: Histogram bins of the entropy method, over both signs, and the levels they are reduced to: those of int8.
#: onnxruntime has 128 of either, so that it compares a histogram with itself and keeps the largest value. Twice as many
#: bins as levels let a range shrink to half; time grows with the square.
ENTROPY_BINS, ENTROPY_LEVELS = 512, 256

#: Histogram bins of the percentile method, as in onnxruntime.
PERCENTILE_BINS = 2048

#: Operators that compute in INT8 on every TensorRT from 8.0 on. Its operator table for 8.2 lists MatMul in floating
#: point only, and the Gemms of these networks are small heads.
WEIGHTED = ('Conv', 'ConvTranspose')

#: Range of a tensor that was zero throughout: every range contains zero.
_RANGE_OF_ZEROS = np.float32(1)

_OPTIONS = {'ActivationSymmetric': True, 'WeightSymmetric': True, 'QuantizeBias': False, 'DedicatedQDQPair': True,
            'AddQDQPairToWeight': True}


def quantise(model: bytes, frames: Iterable[np.ndarray], method: str = 'entropy',
             keep_float: Iterable[str] = ()) -> Tuple[bytes, Dict[str, np.float32]]:
    """Calibrate a network and give it Q/DQ pairs.

    Args:
        model: ONNX file in FP32, opset 13, one input.
        frames: float32 1xCxHxW each, as the chain prepares them.
        method: one of `METHODS`.
        keep_float: nodes to leave in floating point in addition to the heads.

    Returns:
        The ONNX file with Q/DQ pairs, and amax / 127 by tensor for `calibration.write_cache`: the very scales of the
        file, bit by bit.

    Raises:
        InputError: as `measure_ranges` and `insert_pairs`.
    """
    ranges = measure_ranges(model, frames, method)
    return insert_pairs(model, ranges, keep_float), scales_of(model, ranges, keep_float)


def scales_of(model: bytes, ranges: Dict[str, np.float32], keep_float: Iterable[str] = ()) -> Dict[str, np.float32]:
    """Scales (amax / 127) by tensor, as the Q/DQ file has them, without those that no cache can hold."""
    shared = _with_relu_ranges(onnx.load_from_string(model), ranges, keep_float)
    scales = {name: scale_of(amax) for name, amax in shared.items()}
    return {name: scale for name, scale in scales.items() if SMALLEST_SCALE <= scale <= LARGEST_SCALE}


# -- Q/DQ pairs


def insert_pairs(model: bytes, ranges: Dict[str, np.float32], keep_float: Iterable[str] = ()) -> bytes:
    """Give a network Q/DQ pairs.

    Args:
        model: ONNX file in FP32, opset 13.
        ranges: amax of every activation next to a convolution.
        keep_float: nodes to leave in floating point in addition to the heads.

    Returns:
        ONNX file with the same opset, IR version, inputs and outputs; it imports only domains in use.

    Raises:
        InputError: ``nothing-to-quantise``, or ``nodes-unknown`` for a name in `keep_float` that no node has.
    """
    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(model))
    unknown = sorted(set(keep_float) - {node.name for node in proto.graph.node})
    if unknown:
        raise InputError('nodes-unknown', 'The model has no node %s to leave in floating point.' % unknown[0])
    nodes = weighted_nodes(proto, keep_float)
    if not nodes:
        raise InputError('nothing-to-quantise', 'The model has no convolution between its input and its heads.',
                         'Deliver it in FP16.')
    versions = proto.ir_version, [(entry.domain, entry.version) for entry in proto.opset_import]
    shared = _with_relu_ranges(proto, ranges, keep_float)
    quantiser = QDQQuantizer(
        proto, True, False, QuantType.QInt8, QuantType.QInt8, TensorsData(
            CalibrationMethod.MinMax, {name: (np.float32(-amax), np.float32(amax)) for name, amax in shared.items()}),
        nodes, [], list(WEIGHTED), dict(_OPTIONS))
    quantiser.quantize_model()
    return _cleaned(quantiser.model.model, *versions)


def _with_relu_ranges(proto, ranges, keep_float):
    """Ranges, where a convolution before a ReLU has the range of the ReLU."""
    shared = dict(ranges)
    for before, after in _relu_outputs(proto, weighted_nodes(proto, keep_float)).items():
        if after in ranges:
            shared[before] = ranges[after]
    return shared


def _cleaned(proto, ir_version, opsets):
    """The file without traces of the quantiser: its name, shapes of removed tensors, and unused imports.

    onnxruntime 1.10 refuses a file for an import that it does not know.
    """
    used = {node.domain for node in proto.graph.node}
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in opsets
                              if domain in used or domain in ('', 'ai.onnx'))
    proto.ir_version = ir_version
    proto.producer_name, proto.producer_version = 'thermoscreen', ''
    del proto.metadata_props[:]
    del proto.graph.value_info[:]
    _separate_readers(proto.graph)
    _sort(proto.graph)
    proto = onnx.shape_inference.infer_shapes(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


def _separate_readers(graph):
    """Give every reader of a dequantised tensor a pair of its own.

    The quantiser does so for the readers that it quantises. Others, such as the sum at the end of a residual block,
    share a pair, which TensorRT 8 does not allow.
    """
    producers = {node.output[0]: node for node in graph.node}
    for back in [node for node in graph.node if node.op_type == 'DequantizeLinear']:
        readers = [node for node in graph.node if back.output[0] in node.input]
        for number, reader in enumerate(readers[1:], 1):
            pair = [onnx.NodeProto() for _ in range(2)]
            for copy, node in zip(pair, (producers[back.input[0]], back)):
                copy.CopyFrom(node)
                copy.name, copy.output[0] = ('%s_part%d' % (name, number) for name in (node.name, node.output[0]))
            pair[1].input[0] = pair[0].output[0]
            graph.node.extend(pair)
            reader.input[list(reader.input).index(back.output[0])] = pair[1].output[0]


def _sort(graph):
    """Put nodes after what they read: the quantiser appends its own at the end."""
    available = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input} | {''}
    waiting, nodes = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if available.issuperset(node.input)]
        available.update(name for node in ready for name in node.output)
        nodes += ready
        done = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in done]
    del graph.node[:]
    graph.node.extend(nodes)


# -- nodes to quantise


def weighted_nodes(model: onnx.ModelProto, keep_float: Iterable[str] = ()) -> List[str]:
    """Names of the nodes to quantise: convolutions with constant weights, without the first and the heads.

    The first reads the input itself, whose thousand levels would become 127. A head is the last convolution on the way
    to an output, such as the one whose logits become labels, or the one whose features determine the finding: nothing
    after it can absorb its error. Both are a small part of the work. With entropy ranges, the finding of the shipped
    network is off by up to 0.15 if all but the labels' head are quantised, and by 0.03 this way (200 phantoms).

    Args:
        model: its nodes have names.
        keep_float: further nodes to leave in floating point.

    Returns:
        Names in the graph's order.
    """
    constant = {tensor.name for tensor in model.graph.initializer}
    inputs = {value.name for value in model.graph.input}
    spared = _heads(model, constant) | set(keep_float)
    return [node.name for node in model.graph.node
            if _is_weighted(node, constant) and node.input[0] not in inputs and node.name not in spared]


def _relu_outputs(model, nodes):
    """Output of a quantised node to output of the ReLU that is its only reader."""
    readers: Dict[str, List[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in model.graph.output}
    relus = {}
    for node in model.graph.node:
        if node.name in nodes and node.output[0] not in outputs:
            following = readers.get(node.output[0], [])
            if len(following) == 1 and following[0].op_type == 'Relu':
                relus[node.output[0]] = following[0].output[0]
    return relus


def _heads(model, constant):
    """Names of the convolutions with no other one between them and an output."""
    producers = {name: node for node in model.graph.node for name in node.output}
    waiting = [value.name for value in model.graph.output]
    visited: Set[str] = set()
    heads: Set[str] = set()
    while waiting:
        name = waiting.pop()
        node = producers.get(name)
        if node is None or name in visited:
            continue
        visited.add(name)
        if _is_weighted(node, constant):
            heads.add(node.name)
        else:
            waiting.extend(node.input)
    return heads


def _is_weighted(node, constant):
    return node.op_type in WEIGHTED and node.input[1] in constant



# -- ranges


class _OneFrame:
    """A data reader for onnxruntime with one frame."""

    def __init__(self, name: str, frame: np.ndarray) -> None:
        self._waiting = [{name: frame}]

    def get_next(self) -> Optional[Dict[str, np.ndarray]]:
        """The feed, then None."""
        return self._waiting.pop() if self._waiting else None


def measure_ranges(model: bytes, frames: Iterable[np.ndarray], method: str) -> Dict[str, np.float32]:
    """Measure the ranges of all float tensors of a network.

    Args:
        model: ONNX file with one input.
        frames: float32 1xCxHxW each; kept in memory until the end.
        method: one of `METHODS`: ``'minmax'`` (largest value seen), ``'percentile'`` (contains `PERCENTILE` of the
            values) or ``'entropy'`` (least Kullback-Leibler divergence between the histogram and its quantised form).

    Returns:
        amax by tensor, the range being -amax to amax; sorted by name, without constants.

    Raises:
        InputError: ``calibration-method``, ``calibration-empty``, ``calibration-frame``.
    """
    if method not in METHODS:
        raise InputError('calibration-method', 'There is no calibration method %s.' % method,
                         'Choose one of %s.' % ', '.join(METHODS))
    constant = {name for node in onnx.load_from_string(model).graph.node if node.op_type == 'Constant'
                for name in node.output}
    frames = list(frames)
    with tempfile.TemporaryDirectory(prefix='thermoscreen-') as folder, _quiet():
        path, augmented = (os.path.join(folder, name) for name in ('model.onnx', 'augmented.onnx'))
        with open(path, 'wb') as stream:
            stream.write(model)
        ranges = _collected(MinMaxCalibrater(path, None, augmented, symmetric=True), frames)
        if method == 'percentile':
            ranges = _collected(PercentileCalibrater(path, None, augmented, symmetric=True, percentile=PERCENTILE),
                                frames, _absolute_bins(ranges))
        elif method == 'entropy':
            ranges = _collected(EntropyCalibrater(path, None, augmented, symmetric=True), frames, _bins(ranges))
    return {name: amax for name, amax in sorted(ranges.items()) if name not in constant}


def _collected(calibrater, frames, collector=None):
    """Amax by tensor, from frames run through a calibrater."""
    calibrater.augment_graph()
    calibrater.create_inference_session()
    calibrater.collector = collector
    spec, = calibrater.infer_session.get_inputs()
    if not frames:
        raise InputError('calibration-empty', 'There is no frame to calibrate with.', 'Name some frames.')
    for number, frame in enumerate(frames, 1):
        frame = np.asarray(frame)
        if frame.dtype != np.float32 or list(frame.shape) != spec.shape or not np.isfinite(frame).all():
            raise InputError('calibration-frame', 'Calibration frame %d is %s%s or not finite; the model takes '
                             'float32%s.' % (number, frame.dtype, list(frame.shape), spec.shape))
        # One frame at a time: a calibrater keeps every tensor of all frames that it is given at once.
        calibrater.collect_data(_OneFrame(spec.name, frame))
    return {name: _amax(data) for name, data in calibrater.compute_data().items()}


def _bins(ranges):
    """A collector whose histograms span the known ranges.

    onnxruntime's own histograms start with the first frame's range and keep the width of its bins when a later frame
    has a larger one: a tensor that is nearly zero in the first frame then gets millions of bins.
    """
    collector = HistogramCollector('entropy', True, ENTROPY_BINS, ENTROPY_LEVELS, None, None)
    collector.histogram_dict = {
        name: (np.zeros(ENTROPY_BINS, np.int64), np.linspace(-amax, amax, ENTROPY_BINS + 1, dtype=np.float32),
               np.float32(0), np.float32(0), amax) for name, amax in ranges.items()}
    return collector


def _absolute_bins(ranges):
    """The same for histograms of absolute values."""
    collector = HistogramCollector('percentile', True, PERCENTILE_BINS, None, PERCENTILE, None)
    collector.histogram_dict = {
        name: (np.zeros(PERCENTILE_BINS, np.int64), np.linspace(0, amax, PERCENTILE_BINS + 1, dtype=np.float32),
               np.float32(0), np.float32(0)) for name, amax in ranges.items()}
    return collector


def _amax(data):
    return np.float32(max(np.abs(np.asarray(end)).max() for end in data.range_value)) or _RANGE_OF_ZEROS


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence onnxruntime's calibraters, which print their progress and log advice."""
    level = logging.root.level
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        logging.root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.root.setLevel(level)
