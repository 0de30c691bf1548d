"""What a network answers to frames it was not trained on."""
import typing

import numpy as np
import torch

from .sources import as_frames
from .stream import UNKNOWN, Loader, Stream


class Answers(typing.NamedTuple):
    """Answers and truth, one row a frame.

    Attributes:
        confusion (numpy.ndarray or None): int64 NxRxR pixels at network size, [true id, answered id]; zeros
            for a frame without labels; None where the task has no regions.
        probabilities (numpy.ndarray or None): float32 NxK: of the abnormal class where K is 1, of every class
            otherwise; None where the task has no finding.
        klass (numpy.ndarray): int64 N, `UNKNOWN` where the class is not known.
    """

    confusion: typing.Optional[np.ndarray]
    probabilities: typing.Optional[np.ndarray]
    klass: np.ndarray


def ask(network, samples, recipe, transform=None):
    """Run a network over samples as they are.

    Args:
        network (torch.nn.Module): switched to evaluation mode.
        samples (PhantomSet or Collection): held-out samples.
        recipe (Recipe): task, chain, size and batch.
        transform (callable or None): as for `models.training.fit`.

    Returns:
        Answers: in the order of the samples.
    """
    frames = as_frames(samples, recipe)
    loader = Loader(Stream(frames, recipe, transform, plain=True), recipe.training.batch)
    count = len(frames.regions)
    confusion, probabilities, klass = [], [], []
    network = network.eval()
    with torch.no_grad():
        for batch in loader:
            regions, finding = network(batch.pictures.to(memory_format=torch.channels_last))
            if regions is not None and 'regions' in recipe.task:
                confusion += [_confusion(*pair, count) for pair in zip(batch.labels, regions.argmax(1))]
            if finding is not None and 'finding' in recipe.task:
                probabilities.append(torch.sigmoid(finding) if finding.shape[1] == 1 else torch.softmax(finding, 1))
            klass.append(batch.klass)
    return Answers(np.stack(confusion) if confusion else None,
                   torch.cat(probabilities).numpy() if probabilities else None, torch.cat(klass).numpy())


def _confusion(labels, answered, count):
    known = labels != UNKNOWN
    pairs = labels[known] * count + answered[known]
    return torch.bincount(pairs, minlength=count * count).reshape(count, count).numpy()
