"""One network in several files: FP32 and FP16, with labels or with logits.

Names of nodes and tensors are the same in all of them, so that a calibration cache or a profile of one fits the others.

TensorRT before 11 makes FP16 of the FP32 file by a flag; 11 has no such flag and takes the FP16 file. The conversion is
ONNX Runtime's (`onnxruntime.transformers.float16`), which is maintained with the runtime. The older
onnxconverter-common clips at 10 000 by default and cannot convert a Resize with mixed inputs.
"""
from dataclasses import dataclass
from typing import Dict, Iterator, Tuple

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.utils import Extractor
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from service.bundle import LOGITS
from service.messages import InputError

from .check.graph import read_model
from .onnx_export import OUTPUTS

#: File name in a bundle by the name of the variant.
FILES = {'fp16': 'model.fp16.onnx', 'fp32-logits': 'model.logits.onnx', 'fp16-logits': 'model.fp16.logits.onnx',
         'int8-qdq': 'model.int8.onnx'}

#: Largest finite float16, and the smallest above zero (IEEE 754 binary16).
LARGEST, SMALLEST = 65504.0, 2.0 ** -24

_LABELS, _CONFIDENCE = OUTPUTS[:2]

#: Operators with float inputs that float16 cannot hold: the scales of a Resize stay exact, in TensorRT as well.
_KEPT = ('Resize',)


@dataclass(frozen=True)
class WeightConversion:
    """What happens to weights on their way to float16.

    Attributes:
        count: numbers that were float32.
        clipped: of these, beyond `LARGEST`; they become that.
        raised: not zero, but closer to it than `SMALLEST`; they become that, so that a small number that prevents a
            division by zero still does.
        clipped_names: tensors with clipped numbers.
    """

    count: int
    clipped: int
    raised: int
    clipped_names: Tuple[str, ...]


def make_variants(model: bytes, fp16: bool = True, logits: bool = True) -> Dict[str, bytes]:
    """The variants of a model that need no data.

    Args:
        model: FP32 ONNX file, as `export.onnx_export` writes it.
        fp16, logits: which ones to make; a network without regions has no logits variant.

    Returns:
        ONNX files by the name of the variant, in the order of `FILES`.

    Raises:
        InputError: ``onnx-unreadable``.
    """
    variants = {}
    if logits and any(output.name == _LABELS for output in read_model(model).graph.output):
        variants['fp32-logits'] = make_logits(model)
    if fp16:
        variants.update({name.replace('fp32', 'fp16'): make_fp16(data) for name, data in variants.items()},
                        fp16=make_fp16(model))
    return {name: variants[name] for name in FILES if name in variants}


def make_logits(model: bytes) -> bytes:
    """The variant of a model that outputs region logits instead of labels and confidence.

    On some boards TensorRT has no implementation of ArgMax over a whole picture ("Could not find any implementation for
    node ... ArgMax"); there the processor computes labels and confidence from the logits.

    Args:
        model: ONNX file with ``labels`` (ArgMax of the logits) and ``confidence`` (largest softmax).

    Returns:
        ONNX file with the same input, opset and IR version. Its outputs are ``logits`` (before softmax, float32
        1xRxHxW) and, where there is one, ``finding``.

    Raises:
        InputError: ``onnx-unreadable``; ``logits-none``: labels and confidence do not come from one tensor of logits.
    """
    source = read_model(model)
    scores = _logits_tensor(source.graph)
    source = _with_shape_of(source, scores)
    others = [output.name for output in source.graph.output if output.name not in OUTPUTS[:2]]
    cut = Extractor(source).extract_model([entry.name for entry in source.graph.input], [scores] + others)
    _rename(cut.graph, scores, LOGITS)
    cut.ir_version, cut.graph.name = source.ir_version, source.graph.name
    cut.producer_name, cut.producer_version = source.producer_name, source.producer_version
    onnx.checker.check_model(cut, full_check=True)
    data: bytes = cut.SerializeToString()
    return data


def make_fp16(model: bytes) -> bytes:
    """The FP16 variant of a model.

    Args:
        model: FP32 ONNX file, as `export.onnx_export` writes it.

    Returns:
        ONNX file with the same inputs and outputs (float32, int32), names, opset and IR version. It casts after the
        inputs and before the outputs.

    Raises:
        InputError: ``onnx-unreadable``.
        onnx.checker.ValidationError: the result is not valid ONNX.
    """
    source = read_model(model)
    _constants_to_initializers(source.graph)
    ir_version = source.ir_version
    half = convert_float_to_float16(source, SMALLEST, LARGEST, keep_io_types=True)
    # The casts are at the end of the list, but ONNX wants every node after those that it reads from.
    nodes = sorted(half.graph.node, key=lambda node: not node.name.startswith('graph_input_cast'))
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    OnnxModel.graph_topological_sort(half.graph)
    half.ir_version = ir_version
    onnx.checker.check_model(half, full_check=True)
    data: bytes = half.SerializeToString()
    return data


def describe_weights(model: bytes) -> WeightConversion:
    """What `make_fp16` does to the weights of an FP32 model."""
    count = clipped = raised = 0
    clipped_names = []
    for name, values in _float_weights(read_model(model).graph):
        magnitude = np.abs(values)
        beyond = int((magnitude > LARGEST).sum())
        count, clipped = count + magnitude.size, clipped + beyond
        raised += int(((magnitude > 0) & (magnitude < SMALLEST)).sum())
        clipped_names += [name] * bool(beyond)
    return WeightConversion(count, clipped, raised, tuple(clipped_names))


def _logits_tensor(graph):
    """Name of the tensor that both ArgMax and Softmax read."""
    producers = {name: node for node in graph.node for name in node.output}
    ends = [_before(producers, _LABELS, ('Cast', 'ArgMax')), _before(producers, _CONFIDENCE, ('ReduceMax', 'Softmax'))]
    if None in ends or ends[0] != ends[1]:
        raise InputError('logits-none', 'Labels and confidence of this network do not come from one tensor of region '
                         'logits by ArgMax and Softmax, so there is no variant without them.',
                         'Export with --no-logits.', detail=str(ends))
    return ends[0]


def _before(producers, name, operators):
    """The tensor before a chain of operators (last first) that ends in `name`; None where the chain is another one."""
    for operator in operators:
        node = producers.get(name)
        if node is None or node.op_type != operator:
            return None
        name = node.input[0]
    return name


def _with_shape_of(model, name):
    """The model with the shape of a tensor in the file, so that the tensor can become an output."""
    if all(info.name != name for info in model.graph.value_info):
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    return model


def _rename(graph, old, new):
    """Rename a tensor everywhere."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for output in graph.output:
        output.name = new if output.name == old else output.name
    between = [info for info in graph.value_info if info.name != old]
    del graph.value_info[:]
    graph.value_info.extend(between)


def _float_weights(graph: onnx.GraphProto) -> Iterator[Tuple[str, np.ndarray]]:
    """(name, float32 array) of the weights that `make_fp16` converts."""
    exact = {name for node in graph.node if node.op_type in _KEPT for name in node.input[1:]}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in exact:
            yield tensor.name, numpy_helper.to_array(tensor)


def _constants_to_initializers(graph):
    """Make constants initializers: the conversion keeps the scales of a Resize exact only there."""
    kept = []
    for node in graph.node:
        if node.op_type == 'Constant' and node.attribute[0].name == 'value':
            tensor = TensorProto()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    # An initializer that is also listed in value_info would be taken for a tensor between nodes, and cast.
    weights = {tensor.name for tensor in graph.initializer}
    between = [info for info in graph.value_info if info.name not in weights]
    del graph.value_info[:]
    graph.value_info.extend(between)
