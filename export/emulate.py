"""FP16 arithmetic on a CPU that has none: every tensor is rounded, and what overflows does.

ONNX Runtime's CPU provider runs an FP16 file by casting to float32 around each operator, and takes casts between two
operators out: numbers beyond 65504 pass where the device has infinity. Here the FP16 file becomes a graph of float32
operators with a cast to float16 and back behind each, run without optimisation.

What stays different from a GPU: sums inside an operator are float32 here. TensorRT on SM 5.3 may sum in float16, and
it fuses operators, which rounds less often. The golden pair on the board has the last word.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.messages import BundleError

from .check.read import read_model
from .session import open_session, run_session

#: Output of the emulation beside the network's own: sum of magnitudes of each rounded tensor, float32 K.
SUMS = 'magnitudes'
_ONE = SUMS + '/shape'

#: Operators that pass numbers on as they are: what was rounded stays rounded.
_PASSES = frozenset((
    'Abs', 'Concat', 'DepthToSpace', 'Expand', 'Flatten', 'Gather', 'GlobalMaxPool', 'Identity', 'Max', 'MaxPool',
    'Min', 'Neg', 'Pad', 'ReduceMax', 'ReduceMin', 'Relu', 'Reshape', 'Slice', 'SpaceToDepth', 'Split', 'Squeeze',
    'Tile', 'Transpose', 'Unsqueeze', 'Where'))


class HalfEmulation:
    """An FP16 file on this machine, as a device with FP16 computes it.

    Args:
        model (bytes): as `export.half.make_fp16` gives it.
        threads (int): of one run.
    Raises:
        InputError: ``onnx-unreadable``.
    """

    def __init__(self, model, threads=1):
        graph, self._rounded = emulate(read_model(model))
        self._session = open_session(graph.SerializeToString(), threads, optimise=False)

    def run(self, feed):
        """Outputs of one run (dict name -> array), whatever overflowed on the way."""
        return self._run(feed)[0]

    def overflow(self, feed):
        """The first node that gives infinity or NaN: ``'Conv_012 (Conv, output t012)'``, or None."""
        return self._first(self._run(feed)[1])

    def answer(self, feed):
        """Outputs of one run, none of which overflowed.

        Raises:
            BundleError: ``fp16-overflow``, with the first node that overflows.
        """
        outputs, sums = self._run(feed)
        node = self._first(sums)
        if node is not None:
            raise BundleError('fp16-overflow', 'In FP16 the network overflows first at node %s: numbers there leave '
                              '+-65504. Export with --no-fp16 and run FP32, or train with smaller activations.'
                              % node, detail=node)
        return outputs

    def _run(self, feed):
        outputs = run_session(self._session, feed)
        return outputs, outputs.pop(SUMS)

    def _first(self, sums):
        wrong = np.flatnonzero(~np.isfinite(sums))
        return self._rounded[wrong[0]] if len(wrong) else None


def emulate(model):
    """The evaluation graph of an FP16 model.

    Args:
        model (onnx.ModelProto): FP16; changed.
    Returns:
        tuple: (onnx.ModelProto with float32 tensors and the output `SUMS`, descriptions of the rounded tensors in
        the order of `SUMS`).
    """
    halves = _half_tensors(model)
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes, rounded, sums = [], [], []
    for node in graph.node:
        _widen(node)
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name not in halves or node.op_type in _PASSES:
                continue
            node.output[place] = name + '/wide'
            nodes += [helper.make_node('Cast', [name + '/wide'], [name + '/half'], to=TensorProto.FLOAT16),
                      helper.make_node('Cast', [name + '/half'], [name], to=TensorProto.FLOAT),
                      helper.make_node('ReduceL1', [name], [name + '/sum'], keepdims=0),
                      helper.make_node('Reshape', [name + '/sum', _ONE], [name + '/item'])]
            rounded.append('%s (%s, output %s)' % (node.name, node.op_type, name))
            sums.append(name + '/item')
    nodes.append(helper.make_node('Concat', sums, [SUMS], axis=0))
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), _ONE))
    graph.output.append(helper.make_tensor_value_info(SUMS, TensorProto.FLOAT, [len(sums)]))
    del graph.value_info[:], graph.node[:]
    graph.node.extend(nodes)
    return model, rounded


def _half_tensors(model):
    """Names of the tensors between nodes that are float16."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {info.name for info in graph.value_info if info.type.tensor_type.elem_type == TensorProto.FLOAT16}


def _widen(node):
    """What a node says of float16 becomes float32."""
    for attribute in node.attribute:
        if node.op_type == 'Cast' and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
        if attribute.HasField('t') and attribute.t.data_type == TensorProto.FLOAT16:
            attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.float32)))
