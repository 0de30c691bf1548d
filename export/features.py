"""Features as one more output of a network: what pictures are compared by, from the pass that runs anyway.

They are added to the ONNX file, so that no weight changes, every variant can have them, and a bundle that is in use
gets them without a new training.
"""
from typing import Dict, List, Set

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.bundle import LOGITS
from service.messages import InputError

from .check.graph import read_model

#: Names of the outputs; the second is for the workstation alone and in no bundle.
FEATURES, LATENTS = 'features', 'latents'

#: Operators of a fully connected layer.
_CONNECTED = ('Gemm', 'MatMul')


def with_features(model: bytes) -> bytes:
    """A network that also gives `FEATURES`: what its finding, or else its view, is decided by, with unit length.

    That is the vector which the first fully connected layer on the way to that answer reads. Pictures that are near
    each other there are near in what the network looks at for this answer (docs/figures.md has the measure).

    Args:
        model: ONNX file of `make_onnx` or of a variant in FP32 or INT8.

    Returns:
        The same nodes and weights with three nodes and one output more, float32 1xN; unchanged where it has one.

    Raises:
        InputError: ``onnx-unreadable``; ``features-none``: there is no such vector.
    """
    proto = read_model(model)
    outputs = [output.name for output in proto.graph.output]
    if FEATURES in outputs:
        return model
    read = next((name for name in (_first_vector(proto.graph, answer) for answer in ('finding', 'view')
                                   if answer in outputs) if name), None)
    if read is None:
        raise InputError('features-none', 'Neither a finding nor a view of this network is decided by a vector, so '
                         'nothing can stand for a picture.', 'Export it without --features.')
    count = int(np.prod(_shapes(proto)[read]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, count], np.int64), FEATURES + '/shape'))
    nodes = [helper.make_node('Reshape', [read, FEATURES + '/shape'], [FEATURES + '/row']),
             helper.make_node('ReduceL2', [FEATURES + '/row'], [FEATURES + '/length'], axes=[1], keepdims=1),
             helper.make_node('Div', [FEATURES + '/row', FEATURES + '/length'], [FEATURES])]
    for node in nodes:
        node.name = '%s_%03d' % (node.op_type, len(proto.graph.node))
        proto.graph.node.append(node)
    proto.graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, [1, count]))
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    return data


def with_latents(model: bytes) -> bytes:
    """A network that also gives `LATENTS`: mean and deviation of its deepest tensor, where odd bodies stand out.

    `FEATURES` tell heat patterns apart and hardly bodies; these tell bodies apart and hardly patterns. The deepest
    tensor is the last one on the way to the regions with the fewest rows by columns, and of these the most channels.

    Args:
        model: ONNX file with region logits, as `make_logits` gives it.

    Returns:
        The same nodes and weights with five nodes and one output more, float32 1xN: means, then root sums of squares of
        the deviations.

    Raises:
        InputError: ``onnx-unreadable``; ``latents-none``: there is no such tensor.
    """
    proto = read_model(model)
    before, shapes = _before(proto.graph, LOGITS), _shapes(proto)
    found = [(-shape[2] * shape[3], shape[1], place, name)
             for place, name in enumerate(name for node in proto.graph.node for name in node.output)
             for shape in [shapes.get(name, [])] if name in before and len(shape) == 4 and shape[2] * shape[3] > 1]
    if not found:
        raise InputError('latents-none', 'This network has no features before its regions.', 'Name another bundle.')
    _, channels, _, deepest = max(found)
    parts = [LATENTS + '/' + part for part in ('centre', 'away', 'mean', 'deviation')]
    nodes = [helper.make_node('ReduceMean', [deepest], parts[:1], axes=[2, 3], keepdims=1),
             helper.make_node('Sub', [deepest, parts[0]], parts[1:2]),
             helper.make_node('ReduceMean', [deepest], parts[2:3], axes=[2, 3], keepdims=0),
             helper.make_node('ReduceL2', parts[1:2], parts[3:], axes=[2, 3], keepdims=0),
             helper.make_node('Concat', parts[2:], [LATENTS], axis=1)]
    proto.graph.node.extend(nodes)
    proto.graph.output.append(helper.make_tensor_value_info(LATENTS, TensorProto.FLOAT, [1, 2 * channels]))
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    return data


def _shapes(proto: onnx.ModelProto) -> Dict[str, List[int]]:
    """Shape of every tensor between inputs and outputs."""
    infos = onnx.shape_inference.infer_shapes(proto, strict_mode=True).graph.value_info
    return {info.name: [side.dim_value for side in info.type.tensor_type.shape.dim] for info in infos}


def _before(graph: onnx.GraphProto, answer: str) -> Set[str]:
    """Names of the tensors that an output is computed from, and its own."""
    makers = {name: node for node in graph.node for name in node.output}
    wanted, seen = [answer], set()
    while wanted:
        name = wanted.pop()
        if name in makers and name not in seen:
            seen.add(name)
            wanted.extend(makers[name].input)
    return seen


def _first_vector(graph: onnx.GraphProto, answer: str) -> str:
    """What the first fully connected layer before an output reads; empty where there is none."""
    weights = {tensor.name for tensor in graph.initializer}
    seen = _before(graph, answer)
    return next((node.input[0] for node in graph.node
                 if node.op_type in _CONNECTED and node.input[1] in weights and seen.intersection(node.output)), '')
