"""One network in several files: FP32 and FP16, with its answers or with its region scores.

Names of nodes and tensors are the same in all of them, so that a calibration cache or a profile of one fits the
others.
"""
import onnx
from onnx.utils import Extractor

from service.bundle import LOGITS
from service.messages import InputError

from .check.read import read_model
from .deliverable import OUTPUTS
from .half import make_fp16

__all__ = ['FILES', 'LOGITS', 'make_fp16', 'make_logits', 'make_variants']

#: Variant name to the name of its file in a bundle.
FILES = {'fp16': 'model.fp16.onnx', 'fp32-logits': 'model.logits.onnx', 'fp16-logits': 'model.fp16.logits.onnx',
         'int8-qdq': 'model.int8.onnx'}

_LABELS, _CONFIDENCE = OUTPUTS[:2]


def make_variants(model, fp16=True, logits=True):
    """The variants of a model that need no data.

    Args:
        model (bytes): FP32 ONNX file, as `export.onnx_export` writes it.
        fp16, logits (bool): which are wanted; a network without regions has no logits variant.
    Returns:
        dict: variant name to bytes, in the order of `FILES`.
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


def make_logits(model):
    """The twin of a model that leaves its region scores where the answers began.

    TensorRT has no tactic for the ArgMax over a whole picture on some boards ("Could not find any implementation
    for node ... ArgMax"); there the processor takes labels and confidence from the scores.

    Args:
        model (bytes): ONNX file with ``labels`` (ArgMax over the scores) and ``confidence`` (largest softmax).
    Returns:
        bytes: ONNX file with the same input, opset and IR version; output ``logits`` (region scores before softmax,
        float32 1xRxHxW), then ``finding`` where there is one.
    Raises:
        InputError: ``onnx-unreadable``; ``logits-none``: labels and confidence do not come from one tensor of scores.
    """
    found = read_model(model)
    scores = _scores(found.graph)
    found = _outlined(found, scores)
    others = [output.name for output in found.graph.output if output.name not in OUTPUTS[:2]]
    cut = Extractor(found).extract_model([entry.name for entry in found.graph.input], [scores] + others)
    _rename(cut.graph, scores, LOGITS)
    cut.ir_version, cut.graph.name = found.ir_version, found.graph.name
    cut.producer_name, cut.producer_version = found.producer_name, found.producer_version
    onnx.checker.check_model(cut, full_check=True)
    return cut.SerializeToString()


def _scores(graph):
    """Name of the tensor that both ArgMax and Softmax take."""
    makers = {name: node for node in graph.node for name in node.output}
    ends = [_back(makers, _LABELS, ('Cast', 'ArgMax')), _back(makers, _CONFIDENCE, ('ReduceMax', 'Softmax'))]
    if None in ends or ends[0] != ends[1]:
        raise InputError('logits-none', 'Labels and confidence of this network do not come from one tensor of region '
                         'scores by ArgMax and Softmax, so there is no variant without them; export with '
                         '--no-logits.', detail=str(ends))
    return ends[0]


def _back(makers, name, operators):
    """The tensor before a chain of operators (last first) that makes `name`; None where another chain does."""
    for operator in operators:
        node = makers.get(name)
        if node is None or node.op_type != operator:
            return None
        name = node.input[0]
    return name


def _outlined(model, name):
    """The model with the shape of a tensor stated, so that it may become an output."""
    if all(info.name != name for info in model.graph.value_info):
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    return model


def _rename(graph, old, new):
    """Give a tensor another name wherever it stands."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for output in graph.output:
        output.name = new if output.name == old else output.name
    between = [info for info in graph.value_info if info.name != old]
    del graph.value_info[:]
    graph.value_info.extend(between)
