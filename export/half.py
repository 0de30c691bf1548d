"""FP16: the same network with 16-bit weights and arithmetic, inputs and outputs as they were.

TensorRT before 11 makes FP16 of the FP32 file by a flag; 11 has no flag and takes this file. The conversion is ONNX
Runtime's (`onnxruntime.transformers.float16`), which is kept together with the runtime; its older sibling
onnxconverter-common clips at 10 000 unless told otherwise and knows no Resize with mixed inputs.
"""
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from .check.read import read_model

#: Largest finite float16, and the smallest above zero (IEEE 754 binary16).
LARGEST, SMALLEST = 65504.0, 2.0 ** -24

#: Operators whose float inputs float16 cannot hold: factors of a Resize are exact, in TensorRT as well.
_KEPT = ('Resize',)


@dataclass(frozen=True)
class Weights:
    """What became of the weights.

    Attributes:
        count (int): numbers that were float32.
        clipped (int): of these, beyond `LARGEST`; they became that.
        raised (int): not zero, but nearer to it than `SMALLEST`; they became that, so that a small number that keeps
            a division from zero goes on doing so.
        clipped_names (tuple of str): tensors with clipped numbers.
    """

    count: int
    clipped: int
    raised: int
    clipped_names: tuple


def make_fp16(model):
    """The FP16 twin of a model.

    Args:
        model (bytes): FP32 ONNX file, as `export.onnx_export` writes it.
    Returns:
        bytes: ONNX file with the same inputs, outputs (float32, int32), node and tensor names, opset and IR version;
        casts stand behind the inputs and before the outputs.
    Raises:
        InputError: ``onnx-unreadable``.
        onnx.checker.ValidationError: the result is not valid ONNX.
    """
    found = read_model(model)
    _constants_to_initializers(found.graph)
    ir_version = found.ir_version
    half = convert_float_to_float16(found, SMALLEST, LARGEST, keep_io_types=True)
    # The casts stand at the end of the list, and ONNX wants every node behind what it takes from.
    nodes = sorted(half.graph.node, key=lambda node: not node.name.startswith('graph_input_cast'))
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    OnnxModel.graph_topological_sort(half.graph)
    half.ir_version = ir_version
    onnx.checker.check_model(half, full_check=True)
    return half.SerializeToString()


def describe_weights(model):
    """`Weights` of an FP32 model on their way to FP16."""
    count = clipped = raised = 0
    names = []
    for name, values in _float_weights(read_model(model).graph):
        size = np.abs(values)
        large = int((size > LARGEST).sum())
        count, clipped = count + size.size, clipped + large
        raised += int(((size > 0) & (size < SMALLEST)).sum())
        names += [name] * bool(large)
    return Weights(count, clipped, raised, tuple(names))


def _float_weights(graph):
    """(name, float32 array) of the weights that `make_fp16` converts."""
    exact = {name for node in graph.node if node.op_type in _KEPT for name in node.input[1:]}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in exact:
            yield tensor.name, numpy_helper.to_array(tensor)


def _constants_to_initializers(graph):
    """Constants as weights: the conversion keeps a Resize's factors exact only where they are weights."""
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
    # A weight that is also listed among the tensors between nodes is taken for one of these, and cast.
    weights = {tensor.name for tensor in graph.initializer}
    between = [info for info in graph.value_info if info.name not in weights]
    del graph.value_info[:]
    graph.value_info.extend(between)
