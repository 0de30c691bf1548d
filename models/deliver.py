"""A trained network as what the device takes: an ONNX file, and a bundle where the service can use one."""
import datetime
import typing
from dataclasses import dataclass

import numpy as np
import torch

from export.onnx_export import INPUT, IR_VERSION, OPSET, OUTPUTS, CombinedNetwork, make_onnx
from export.runners import open_session, run_session
from service import regions
from service.bundle import golden_thermogram, pack_golden, to_counts, write_bundle
from service.chains import get_chain
from service.durable import atomic_write
from service.messages import InputError
from service.simulator import make_phantom

from .architectures import Scores, count_cost

INTENDED_USE = (
    'Shows heat patterns of the breasts and marks seven regions in a frontal thermogram. Research and '
    'adjunct use only. Not for screening or diagnosis. Not a substitute for mammography. A normal result '
    'does not exclude cancer.')

#: The golden thermogram: a phantom that no set of a recipe uses.
GOLDEN_SEED = 7

_MASK = ('It was trained with true masks as an extra channel, and at the bedside there are only predicted ones: a '
         'segmenter that never saw normals draws regions on them, which biases the finding.')
_DTYPES = {'labels': 'int32', 'confidence': 'float32', 'finding': 'float32'}


class Trained(torch.nn.Module):
    """A network's answers as far as its recipe trained them.

    Heads that another training left behind are dropped; two finding logits become one with the same probability,
    their difference.

    Args:
        network (torch.nn.Module): maps NxCxHxW to `Scores`.
        regions, finding (bool): what is kept.
    """

    def __init__(self, network, regions, finding):
        super().__init__()
        self.network, self._regions, self._finding = network, regions, finding

    def forward(self, picture):
        """`Scores` of a picture."""
        regions, finding = self.network(picture)
        if self._finding and finding.shape[1] == 2:
            finding = finding[:, 1:] - finding[:, :1]
        return Scores(regions if self._regions else None, finding if self._finding else None)


@dataclass(frozen=True)
class Package:
    """A bundle before it is written.

    Attributes:
        document (dict): the manifest without ``files``.
        files (dict): file name to bytes.
        network (torch.nn.Module or None): what was exported, mapping NxCxHxW to `Scores`; None where only files
            were left of it.
    """

    document: dict
    files: dict
    network: typing.Optional[torch.nn.Module] = None

    def write(self, folder):
        """Write the bundle folder (Path): `service.bundle.write_bundle`."""
        return write_bundle(str(folder), self.document, self.files)


class WithoutMask(torch.nn.Module):
    """A network for a picture that comes with a mask channel behind it, which it does not look at."""

    def __init__(self, network, channels):
        super().__init__()
        self.network, self.channels = network, channels

    def forward(self, picture):
        """Scores of the picture alone."""
        return self.network(picture[:, :self.channels])


def why_no_bundle(recipe, region_count, has_regions):
    """Why the service could not use a bundle of this network, one sentence; None where it could.

    Args:
        recipe (Recipe): task and network.
        region_count (int): region ids of the training data.
        has_regions (bool): the task has regions, or a segmenter is joined to it.
    """
    if recipe.task == 'latents':
        return 'An encoder answers nothing by itself; train a decoder on it.'
    if not has_regions:
        return 'The service needs regions beside a finding; deliver it with a segmenter of the same input by --regions.'
    if 'regions' in recipe.task and region_count != len(regions.REGIONS):
        return 'The service knows the %d ids of breast thermograms, and this network answers %d others.' % (
            len(regions.REGIONS), region_count)
    if 'finding' in recipe.task and recipe.network.options.get('findings', 1) > 2:
        return 'The service shows a finding of two classes, and this network tells %d apart.' % (
            recipe.network.options['findings'])
    return None


def joined(network, recipe, segmenter, segmenter_recipe):
    """A classifier with the regions of another run over the same picture.

    Raises:
        InputError: ``regions-other-input``: the two see other pictures.
    """
    own, other = recipe.input, segmenter_recipe.input
    if (own.chain, recipe.chain_constants) != (other.chain, segmenter_recipe.chain_constants) or other.mask:
        raise InputError('regions-other-input', 'The regions were trained on %s at %dx%d and this network on %s at '
                         '%dx%d; one bundle has one input, so train both on the same.'
                         % (other.chain, other.width, other.height, own.chain, own.width, own.height))
    channels = get_chain(own.chain, recipe.chain_constants).channels
    return CombinedNetwork(WithoutMask(segmenter, channels) if own.mask else segmenter, network)


def write_onnx(network, recipe, path):
    """Export a trained network of a recipe to a file, whole or not at all.

    Args:
        network (torch.nn.Module): as trained, or as `joined` gives it.
        recipe (Recipe): input and finding.
        path (Path): file to write.
    """
    atomic_write(path, _onnx(_trained(network, recipe), recipe))


def deliver(network, recipe, metrics, folder, statement):
    """Export a network and write its bundle: `pack` to a folder (Path), and ``model.onnx`` beside it.

    Returns:
        service.bundle.Bundle: opened from disk. One with a mask channel refuses to be deployed.

    Raises:
        BundleError, StorageError: as `service.bundle.write_bundle`.
    """
    package = pack(network, recipe, metrics, statement)
    atomic_write(folder.parent / 'model.onnx', package.files['model.onnx'])
    return package.write(folder)


def pack(network, recipe, metrics, statement):
    """Export a network and describe it.

    Args:
        network (torch.nn.Module): maps NxCxHxW to `Scores` with regions.
        recipe (Recipe): how it was trained.
        metrics (dict): what was measured; goes into the manifest.
        statement (models.training.statement.Statement): what the bundle says of itself.

    Returns:
        Package: with FP32 alone; `models.exporting` adds the other variants.
    """
    network = _trained(network, recipe)
    model = _onnx(network, recipe)
    height, width, channels = recipe.input.height, recipe.input.width, _channels(recipe)
    parameters, gmac = count_cost(network, height, width, channels)
    shapes = {'labels': [1, height, width], 'confidence': [1, height, width], 'finding': [1, 1]}
    roles = OUTPUTS if statement.finding else OUTPUTS[:2]
    document = {
        'schema': 1, 'name': recipe.name, 'version': recipe.version, 'created': datetime.date.today().isoformat(),
        'intended_use': INTENDED_USE, 'training_data': statement.training_data, 'limits': list(statement.limits),
        'model': {'file': 'model.onnx', 'opset': OPSET, 'ir_version': IR_VERSION, 'precision': 'fp32',
                  'parameters': parameters, 'gmac': round(gmac, 4)},
        'input': {'name': INPUT, 'shape': [1, channels, height, width], 'dtype': 'float32'},
        'outputs': {name: {'name': name, 'shape': shapes[name], 'dtype': _DTYPES[name]} for name in roles},
        # All constants, so that a later default changes nothing about this bundle.
        'preprocess': {'chain': recipe.input.chain,
                       'constants': get_chain(recipe.input.chain, recipe.chain_constants).constants},
        'regions': {'names': list(regions.REGIONS), 'sides': 'patient'},
        'golden': {'file': 'golden.npz', 'labels_agreement': 0.995, 'confidence_tolerance': 0.05},
        'metrics': metrics,
    }
    if statement.finding:
        document['finding'] = statement.finding
        document['golden']['finding_tolerance'] = 0.02
    if recipe.input.mask:
        document['deployment'] = {'refused': _MASK}
    return Package(document, {'model.onnx': model, 'golden.npz': _golden(model, recipe)}, network)


def _trained(network, recipe):
    finds_regions = 'regions' in recipe.task or isinstance(network, CombinedNetwork)
    return Trained(network, finds_regions, 'finding' in recipe.task).eval()


def _onnx(network, recipe):
    return make_onnx(network, recipe.input.height, recipe.input.width, _channels(recipe),
                     study=recipe.input.mask).SerializeToString()


def _channels(recipe):
    return get_chain(recipe.input.chain, recipe.chain_constants).channels + recipe.input.mask


def _golden(model, recipe):
    phantom = make_phantom(GOLDEN_SEED, recipe.input.height, recipe.input.width, abnormal=True)
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    tensor = chain.apply(golden_thermogram(to_counts(phantom.celsius))).tensor
    if recipe.input.mask:
        mask = (phantom.labels > 0)[np.newaxis, np.newaxis].astype(np.float32)
        tensor = np.concatenate([tensor, mask], 1)
    return pack_golden(phantom.celsius, run_session(open_session(model), {INPUT: tensor}))
