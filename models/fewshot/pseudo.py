"""Labels that a network gives to patients nobody has labelled, for its own further training."""
import dataclasses
import functools

import numpy as np
import torch

from service.chains import get_chain
from service.decode import tidy
from service.regions import FLIPPED


def pseudo_labelled(network, recipe, collection):
    """The same samples with the network's own labels, and without their class.

    Args:
        network (torch.nn.Module): with a region head, in evaluation mode.
        recipe (Recipe): chain and input size.
        collection (Collection): any samples; labels they have are not looked at.
    Returns:
        Collection: every sample labelled.
    """
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    found = []
    for sample in collection:
        prepared = chain.apply(sample.thermogram())
        labels = prepared.fit.enlarge(tidy(prepared.fit.cut(mirrored_labels(network, prepared.tensor)))[0])
        found.append(dataclasses.replace(sample, klass=None, read_labels=functools.partial(_given, labels)))
    return dataclasses.replace(collection, samples=tuple(found))


def mirrored_labels(network, tensor):
    """Labels by the mean of what a network says of a picture and of its mirror image: uint8 HxW.

    Args:
        network (torch.nn.Module): with a region head, in evaluation mode.
        tensor (numpy.ndarray): float32 1xCxHxW, as a chain gives it.
    """
    picture = torch.from_numpy(np.concatenate([tensor, tensor[..., ::-1]]))
    with torch.no_grad():
        shares = torch.softmax(network(picture).regions, 1).numpy()
    # A mirrored picture has its sides swapped: back through the same table.
    both = shares[0] + shares[1][FLIPPED][..., ::-1]
    return both.argmax(0).astype(np.uint8)


def relabelled(collection):
    """The labelled samples without their class.

    The finding is learned from phantoms, where it is known what was planted. A diagnosis is another thing, and in
    the public data it follows the era of the picture.
    """
    kept = collection.labelled()
    return dataclasses.replace(kept, samples=tuple(dataclasses.replace(sample, klass=None) for sample in kept))


def _given(labels, height, width):
    return labels
