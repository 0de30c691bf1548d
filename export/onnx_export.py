"""PyTorch to ONNX as the device can compile it: opset 13, IR 7, batch 1, static, one file.

TensorRT 8.2 (JetPack 4.6) takes neither uint8 nor int64 outputs, so labels leave as int32; ONNX
Runtime 1.10, the last for Python 3.6, reads IR 7.
"""
import io
import warnings
from pathlib import Path

import onnx
import onnxsim
import torch

OPSET = 13
IR_VERSION = 7
INPUT = 'thermogram'
OUTPUTS = ('labels', 'confidence', 'finding')


class Deliverable(torch.nn.Module):
    """A network with its answers instead of its scores.

    Args:
        network (torch.nn.Module): maps Nx1xHxW to (region logits Nx8xHxW, finding logit Nx1).
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, thermogram):
        """Labels int32 1xHxW, confidence float32 1xHxW (largest probability), finding float32 1x1."""
        scores, finding = self.network(thermogram)
        labels = torch.argmax(scores, 1).to(torch.int32)
        confidence = torch.softmax(scores, 1).max(1).values
        return labels, confidence, torch.sigmoid(finding)


def export_onnx(network, path, height, width):
    """Write a network as one ONNX file.

    Args:
        network (torch.nn.Module): as for `Deliverable`; switched to evaluation mode.
        path (str or Path): file to write.
        height, width (int): input size, pixels.

    Returns:
        onnx.ModelProto: what was written.

    Raises:
        onnx.checker.ValidationError: the graph is not valid ONNX.
        RuntimeError: simplification changed the answers.
    """
    # Channels-last weights would be written as strided copies.
    network = network.eval().to(memory_format=torch.contiguous_format)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # PyTorch prefers its newer exporter, which does not write opset 13. Constants of the trace are meant.
        warnings.simplefilter('ignore', DeprecationWarning)
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        # All of it in evaluation mode: the exporter restores the mode it found, and that of the outermost module
        # would put the network back into training.
        torch.onnx.export(Deliverable(network).eval(), torch.zeros(1, 1, height, width), buffer, dynamo=False,
                          opset_version=OPSET, input_names=[INPUT], output_names=list(OUTPUTS))
    model, same = onnxsim.simplify(onnx.load_from_string(buffer.getvalue()))
    if not same:
        raise RuntimeError('the simplified graph gives other answers than the exported one')
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = 'thermoscreen', ''
    for number, node in enumerate(model.graph.node):
        node.name = '%s_%03d' % (node.op_type, number)
    model = _named_nicely(model)
    onnx.checker.check_model(model, full_check=True)
    Path(path).write_bytes(model.SerializeToString())
    return model


def _named_nicely(model):
    """Number the inner tensors, so that two exports of one architecture differ in weights only."""
    keep = {INPUT, *OUTPUTS}
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
