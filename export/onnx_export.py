"""PyTorch to ONNX as the device can compile it: opset 13, IR 7, batch 1, static, one file.

TensorRT 8.2 (JetPack 4.6) takes neither uint8 nor int64 outputs, so labels leave as int32; ONNX
Runtime 1.10, the last for Python 3.6, reads IR 7.
"""
import io
import warnings

import onnx
import onnxsim
import torch

from service.durable import atomic_write
from service.messages import InputError

from .deliverable import OUTPUTS, Deliverable, WithRegions

__all__ = ['INPUT', 'IR_VERSION', 'OPSET', 'OUTPUTS', 'Deliverable', 'WithRegions', 'export_onnx', 'make_onnx',
           'refuse_mask_channel']

OPSET = 13
IR_VERSION = 7
INPUT = 'thermogram'


def export_onnx(network, path, height, width, channels=1, study=False):
    """Write a network as one ONNX file, whole or not at all: `make_onnx` to a path (str or Path).

    Raises:
        StorageError: it cannot be written.
    """
    model = make_onnx(network, height, width, channels, study)
    atomic_write(path, model.SerializeToString())
    return model


def make_onnx(network, height, width, channels=1, study=False):
    """A network as an ONNX model.

    Args:
        network (torch.nn.Module): as for `Deliverable`; switched to evaluation mode.
        height, width (int): input size, pixels.
        channels (int): input channels, a mask channel included.
        study (bool): allow a network that needs a mask; such a file is not for a bundle.

    Returns:
        onnx.ModelProto: outputs are those of `Deliverable.outputs`, in that order; two calls for one network give
        the same bytes.

    Raises:
        InputError: ``mask-channel``: the network needs a mask, and `study` is not set.
        onnx.checker.ValidationError: the graph is not valid ONNX.
        RuntimeError: simplification changed the answers.
    """
    if not study:
        refuse_mask_channel(network)
    # Channels-last weights would be written as strided copies.
    network = network.eval().to(memory_format=torch.contiguous_format)
    # All of it in evaluation mode: the exporter restores the mode it found, and that of the outermost module
    # would put the network back into training.
    deliverable = Deliverable(network).eval()
    picture = torch.zeros(1, channels, height, width)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # PyTorch prefers its newer exporter, which does not write opset 13. Constants of the trace are meant.
        warnings.simplefilter('ignore', DeprecationWarning)
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        # The simplification below folds what the exporter cannot (paddings of repeated edges).
        warnings.filterwarnings('ignore', 'Constant folding', UserWarning)
        outputs = deliverable.outputs(picture)
        torch.onnx.export(deliverable, picture, buffer, dynamo=False, opset_version=OPSET,
                          input_names=[INPUT], output_names=list(outputs))
    model, same = onnxsim.simplify(onnx.load_from_string(buffer.getvalue()))
    if not same:
        raise RuntimeError('the simplified graph gives other answers than the exported one')
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = 'thermoscreen', ''
    for number, node in enumerate(model.graph.node):
        node.name = '%s_%03d' % (node.op_type, number)
    model = _named_nicely(model, {INPUT, *outputs})
    onnx.checker.check_model(model, full_check=True)
    return model


def refuse_mask_channel(network):
    """Refuse to deploy a network that takes a mask beside the picture.

    Raises:
        InputError: ``mask-channel``.
    """
    if any(getattr(module, 'needs_mask', False) for module in network.modules()):
        raise InputError(
            'mask-channel', 'This network was trained with true masks as an extra channel. At the bedside '
            'only predicted masks exist, and a segmenter that never saw normals draws regions on them, which '
            'biases the classifier; train it without the mask channel, or export it for study only.')


def _named_nicely(model, keep):
    """Number the inner tensors, so that two exports of one architecture differ in weights only."""
    names = {}
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            if name and name not in keep:
                names[name] = 't%03d' % len(names)
                node.output[i] = names[name]
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model)
