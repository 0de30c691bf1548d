"""A network as the device meets it: answers instead of scores, one network instead of two."""
import torch

#: Names of everything a network can answer, in the order in which it leaves the ONNX file.
OUTPUTS = ('labels', 'confidence', 'finding')


class Deliverable(torch.nn.Module):
    """A network with its answers instead of its scores.

    Args:
        network (torch.nn.Module): maps NxCxHxW to (region logits NxRxHxW or None, finding logits NxK or
            None).
    """

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, picture):
        """The answers that the network has, as a tuple in the order of `OUTPUTS`.

        Labels int32 NxHxW; confidence float32 NxHxW, the largest probability; finding float32 NxK,
        a probability, which for K >= 2 sums to 1.
        """
        scores, finding = self.network(picture)
        answers = ()
        if scores is not None:
            answers += (torch.argmax(scores, 1).to(torch.int32), torch.softmax(scores, 1).max(1).values)
        if finding is not None:
            answers += (torch.sigmoid(finding) if finding.shape[1] == 1 else torch.softmax(finding, 1),)
        return answers

    def outputs(self, picture):
        """Names of the answers to a picture NxCxHxW: those of `OUTPUTS` that the network has."""
        scores, finding = self.network(picture)
        return OUTPUTS[:2] * (scores is not None) + OUTPUTS[2:] * (finding is not None)


class WithRegions(torch.nn.Module):
    """A network for the regions and another for the finding as one, over the same picture.

    Each runs once; what either answers beyond its part is left out.

    Args:
        segmenter (torch.nn.Module): its region logits are taken.
        classifier (torch.nn.Module): its finding logits are taken.
    """

    def __init__(self, segmenter, classifier):
        super().__init__()
        self.segmenter = segmenter
        self.classifier = classifier

    def forward(self, picture):
        """(region logits NxRxHxW, finding logits NxK) of a picture NxCxHxW in 0..1."""
        return self.segmenter(picture)[0], self.classifier(picture)[1]
