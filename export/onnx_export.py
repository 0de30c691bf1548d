"""PyTorch to ONNX as the device can compile it: opset 13, IR version 7, batch 1, static shapes, one file.

TensorRT 8.2 (JetPack 4.6) takes neither uint8 nor int64 outputs, so labels are int32; ONNX Runtime 1.10, the last for
Python 3.6, reads IR version 7.
"""
import io
import os
import warnings
from typing import Dict, Optional, Set, Tuple, Union

import onnx
import onnxsim
import torch

from service.durable import atomic_write
from service.messages import InputError

OPSET = 13
IR_VERSION = 7
INPUT = 'thermogram'

#: Outputs that a network may have, in the order of the ONNX file.
OUTPUTS = ('labels', 'confidence', 'finding', 'view')

#: Region logits NxRxHxW, finding logits NxK and, where a network names the view, view logits NxV; None for what the
#: network does not have.
Logits = Tuple[Optional[torch.Tensor], ...]


class DeployedNetwork(torch.nn.Module):
    """A network with labels and probabilities instead of logits.

    Args:
        network: maps a picture NxCxHxW to `Logits`.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: torch.Tensor) -> Tuple[torch.Tensor, ...]:
        """Outputs of a picture NxCxHxW, in the order of `OUTPUTS`.

        Returns:
            Labels int32 NxHxW; confidence float32 NxHxW, the largest probability; finding float32 NxK, a probability
            that sums to 1 where K is 2 or more; view float32 NxV, probabilities. Only those that the network has.
        """
        return answers_of(self.network(picture))

    def outputs(self, picture: torch.Tensor) -> Tuple[str, ...]:
        """Names of the outputs for a picture NxCxHxW."""
        return output_names(self.network(picture))


class CombinedNetwork(torch.nn.Module):
    """A network for the regions and another for the finding as one, over the same picture.

    Each runs once; the other's part of each is ignored.

    Args:
        segmenter: provides the region logits.
        classifier: provides the finding logits.
    """

    def __init__(self, segmenter: torch.nn.Module, classifier: torch.nn.Module) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.classifier = classifier

    def forward(self, picture: torch.Tensor) -> Logits:
        """Logits of a picture NxCxHxW in 0..1."""
        regions, _, *view = self.segmenter(picture)
        return (regions, self.classifier(picture)[1], *view)


def answers_of(logits: Logits) -> Tuple[torch.Tensor, ...]:
    """Labels, confidence, finding and view of some logits, see `DeployedNetwork.forward`."""
    regions, finding, *view = logits
    answers: Tuple[torch.Tensor, ...] = ()
    if regions is not None:
        answers += (torch.argmax(regions, 1).to(torch.int32), torch.softmax(regions, 1).max(1).values)
    if finding is not None:
        answers += (torch.sigmoid(finding) if finding.shape[1] == 1 else torch.softmax(finding, 1),)
    return answers + tuple(torch.softmax(part, 1) for part in view if part is not None)


def output_names(logits: Logits) -> Tuple[str, ...]:
    """Names of the answers to some logits."""
    there = [part is not None for part in logits]
    return tuple(name for name, part in zip(OUTPUTS, there[:1] + there) if part)


def export_onnx(network: torch.nn.Module, path: Union[str, 'os.PathLike[str]'], height: int, width: int,
                channels: int = 1, study: bool = False) -> onnx.ModelProto:
    """Write a network as one ONNX file, completely or not at all; see `make_onnx`.

    Raises:
        StorageError: it cannot be written.
    """
    model = make_onnx(network, height, width, channels, study)
    atomic_write(path, model.SerializeToString())
    return model


def make_onnx(network: torch.nn.Module, height: int, width: int, channels: int = 1,
              study: bool = False) -> onnx.ModelProto:
    """A network as an ONNX model.

    Args:
        network: as for `DeployedNetwork`; switched to evaluation mode.
        height, width: input size, pixels.
        channels: input channels, including a mask channel.
        study: allow a network that needs a mask; such a file is not for a bundle.

    Returns:
        A model with the outputs of `DeployedNetwork.outputs`, in that order; two calls for one network give the same
        bytes.

    Raises:
        InputError: ``mask-channel``: the network needs a mask, and `study` is not set.
        onnx.checker.ValidationError: the graph is not valid ONNX.
        RuntimeError: simplification changed the results.
    """
    if not study:
        refuse_mask_channel(network)
    # Channels-last weights would be written as strided copies.
    network = network.eval().to(memory_format=torch.contiguous_format)
    # The exporter restores the mode of the outermost module, which would put the network back into training.
    deployed = DeployedNetwork(network).eval()
    picture = torch.zeros(1, channels, height, width)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # PyTorch recommends its newer exporter, which does not write opset 13. Constants of the trace are intended.
        warnings.simplefilter('ignore', DeprecationWarning)
        warnings.simplefilter('ignore', torch.jit.TracerWarning)
        # The simplification below folds what the exporter cannot (paddings of repeated edges).
        warnings.filterwarnings('ignore', 'Constant folding', UserWarning)
        outputs = deployed.outputs(picture)
        torch.onnx.export(deployed, picture, buffer, dynamo=False, opset_version=OPSET,
                          input_names=[INPUT], output_names=list(outputs))
    model, same = onnxsim.simplify(onnx.load_from_string(buffer.getvalue()))
    if not same:
        raise RuntimeError('the simplified graph gives other results than the exported one')
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = 'thermoscreen', ''
    for number, node in enumerate(model.graph.node):
        node.name = '%s_%03d' % (node.op_type, number)
    model = _renumber(model, {INPUT, *outputs})
    onnx.checker.check_model(model, full_check=True)
    return model


def refuse_mask_channel(network: torch.nn.Module) -> None:
    """Refuse to deploy a network that takes a mask in addition to the picture.

    Raises:
        InputError: ``mask-channel``.
    """
    if any(getattr(module, 'needs_mask', False) for module in network.modules()):
        raise InputError(
            'mask-channel', 'This network was trained with true masks as an extra channel. At the bedside '
            'only predicted masks exist, and a segmenter that never saw normals draws regions on them, which '
            'biases the classifier.', 'Train it without the mask channel, or export it for study only.')


def _renumber(model: onnx.ModelProto, keep: Set[str]) -> onnx.ModelProto:
    """Number the inner tensors, so that two exports of one architecture differ in their weights only."""
    names: Dict[str, str] = {}
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name and name not in keep:
                names[name] = 't%03d' % len(names)
                node.output[place] = names[name]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model)

