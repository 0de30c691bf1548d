"""A trained network as the device takes it: an ONNX file, and a bundle if the service can use one."""
import copy
import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from export.onnx_export import INPUT, IR_VERSION, OPSET, OUTPUTS, CombinedNetwork, make_onnx, output_names
from export.runners import open_session, run_session
from service import regions
from service.bundle import (
    CLASSIFY_FIRST,
    JOINT,
    SEGMENT_FIRST,
    Bundle,
    golden_thermogram,
    pack_golden,
    to_counts,
    write_bundle,
)
from service.chains import get_chain
from service.durable import atomic_write
from service.messages import InputError
from service.simulator import make_phantom
from service.views import VIEWS

from .architectures import Scores, count_cost
from .recipe import Recipe

INTENDED_USE = (
    'Shows heat patterns of the breasts and marks seven regions in a frontal thermogram. Research and '
    'adjunct use only. Not for screening or diagnosis. Not a substitute for mammography. A normal result '
    'does not exclude cancer.')

#: The golden thermogram: a phantom that no set of a recipe uses.
GOLDEN_SEED = 7

_MASK = ('It was trained with true masks as an extra channel, and at the bedside there are only predicted ones: a '
         'segmenter that never saw normals draws regions on them, which biases the finding.')
#: What a bundle states of a classifier beside its segmenter, and how the names of that one's files begin.
_OF_CLASSIFIER = ('model', 'input', 'outputs', 'preprocess', 'golden', 'variants', 'parity', 'calibration')
_PREFIX = 'classifier.'

_LIMIT_OF = {
    CLASSIFY_FIRST: 'Below the threshold of the finding no regions are marked and the pose is not checked.',
    SEGMENT_FIRST: 'The finding sees the regions alone; its figures were measured with true regions, and at the '
                   'bedside they are predicted.'}
_DTYPES = dict(dict.fromkeys(OUTPUTS, 'float32'), labels='int32')


class Trained(torch.nn.Module):
    """The scores of a network that its recipe trained.

    Heads of another training are dropped; two finding logits become their difference, which has the same probability.

    Args:
        network: maps NxCxHxW to `Scores`.
        regions, finding: what is kept; regions with the view, if it names one.
    """

    def __init__(self, network: torch.nn.Module, regions: bool, finding: bool) -> None:
        super().__init__()
        self.network, self._regions, self._finding = network, regions, finding

    def forward(self, picture: torch.Tensor) -> Scores:
        """`Scores` of a picture."""
        regions, finding, view = Scores(*self.network(picture))
        if not self._regions:
            regions = view = None
        if not self._finding:
            finding = None
        elif finding is not None and finding.shape[1] == 2:
            finding = finding[:, 1:] - finding[:, :1]
        return Scores(regions, finding, view)


class Statement(NamedTuple):
    """What a bundle states about itself.

    Attributes:
        training_data: what it was trained on.
        limits: where it fails.
        finding: ``name``, ``classes``, ``threshold``, ``threshold_basis``, ``meaning``.
    """

    training_data: str
    limits: Sequence[str]
    finding: Optional[Dict[str, Any]]


@dataclass(frozen=True)
class Package:
    """A bundle before it is written.

    Attributes:
        document: the manifest without ``files``.
        files: file name to bytes.
        network: what was exported, mapping NxCxHxW to `Scores`; None if only its files are available.
        classifier: of a bundle of two networks, whose segmenter the package itself is. Its document is a manifest of
            its own, of which the bundle takes what `paired` says.
    """

    document: Dict[str, Any]
    files: Dict[str, bytes]
    network: Optional[torch.nn.Module] = None
    classifier: Optional['Package'] = None

    def write(self, folder: Path) -> Bundle:
        """Write the bundle folder, see `service.bundle.write_bundle`."""
        return write_bundle(str(folder), *self.whole())

    def whole(self) -> Tuple[Dict[str, Any], Dict[str, bytes]]:
        """Manifest without ``files``, and files, with those of the classifier."""
        if self.classifier is None:
            return self.document, self.files
        own = copy.deepcopy({key: self.classifier.document[key] for key in _OF_CLASSIFIER
                             if key in self.classifier.document})
        entries = [own[key] for key in ('model', 'golden', 'calibration') if key in own]
        for entry in [*entries, *own.get('variants', {}).values()]:
            entry['file'] = _prefixed(entry['file'])
        return (dict(self.document, classifier=own),
                dict(self.files, **{_prefixed(name): data for name, data in self.classifier.files.items()}))


def _prefixed(name: str) -> str:
    """Name of a file of the classifier in a bundle of two networks."""
    return name if name.startswith(_PREFIX) else _PREFIX + name


def paired(segmenter: Package, classifier: Package, order: str) -> Package:
    """A bundle of two networks: named as its classifier, which gives the finding.

    Args:
        order: of `service.bundle.ORDERS`; not the joint one.
    """
    own = classifier.document
    limits = own['limits'] + [limit for limit in segmenter.document['limits'] if limit not in own['limits']]
    document = dict(
        segmenter.document, order=order, limits=limits + [_LIMIT_OF[order]],
        training_data='Finding: %s Regions: %s' % (own['training_data'], segmenter.document['training_data']),
        metrics={'classifier': own['metrics'], 'segmenter': segmenter.document['metrics']},
        **{key: own[key] for key in ('name', 'version', 'created', 'finding')})
    return replace(segmenter, document=document, classifier=replace(classifier, document=dict(own, order=order)))


class WithoutMask(torch.nn.Module):
    """A network that ignores the mask channel after the picture."""

    def __init__(self, network: torch.nn.Module, channels: int) -> None:
        super().__init__()
        self.network, self.channels = network, channels

    def forward(self, picture: torch.Tensor) -> Scores:
        """Scores of the picture without its mask."""
        return self.network(picture[:, :self.channels])


def why_no_bundle(recipe: Recipe, region_count: int, has_regions: bool, order: str = JOINT) -> Optional[str]:
    """Why the service could not use a bundle of this network, one sentence; None if it could.

    Args:
        recipe: task and network.
        region_count: region ids of the training data.
        has_regions: the task has regions, or a segmenter is delivered with it.
        order: of `service.bundle.ORDERS`, in which that segmenter runs.
    """
    if recipe.task == 'latents':
        return 'An encoder answers nothing by itself; train a decoder on it.'
    if recipe.input.regions_only and order != SEGMENT_FIRST:
        return 'It sees regions alone; deliver it by thermoscreen export --regions RUN --order segment-then-classify.'
    if order == SEGMENT_FIRST and not recipe.input.regions_only:
        return ('In this order a classifier sees regions alone; train it with --set input.regions_only=true, or choose '
                'another order.')
    if not has_regions:
        return 'The service needs regions beside a finding; deliver it with a segmenter of the same input by --regions.'
    if 'regions' in recipe.task and region_count != len(regions.REGIONS):
        return 'The service knows the %d ids of breast thermograms, and this network answers %d others.' % (
            len(regions.REGIONS), region_count)
    if 'finding' in recipe.task and recipe.network.options.get('findings', 1) > 2:
        return 'The service shows a finding of two classes, and this network tells %d apart.' % (
            recipe.network.options['findings'])
    return None


def joined(network: torch.nn.Module, recipe: Recipe, segmenter: torch.nn.Module,
           segmenter_recipe: Recipe) -> CombinedNetwork:
    """A classifier with the regions of another run over the same picture.

    Raises:
        InputError: ``regions-other-input``: the two have different inputs.
    """
    own, other = recipe.input, segmenter_recipe.input
    if (own.chain, recipe.chain_constants) != (other.chain, segmenter_recipe.chain_constants) or other.mask:
        raise InputError('regions-other-input', 'The regions were trained on %s at %dx%d and this network on %s at '
                         '%dx%d; one bundle has one input, so train both on the same.'
                         % (other.chain, other.width, other.height, own.chain, own.width, own.height))
    channels = get_chain(own.chain, recipe.chain_constants).channels
    return CombinedNetwork(WithoutMask(segmenter, channels) if own.mask else segmenter, network)


def write_onnx(network: torch.nn.Module, recipe: Recipe, path: Path) -> None:
    """Export a trained network of a recipe to a file, completely or not at all.

    Args:
        network: as trained, or as `joined` gives it.
        recipe: input and finding.
        path: file to write.
    """
    atomic_write(path, onnx_bytes(network, recipe))


def onnx_bytes(network: torch.nn.Module, recipe: Recipe) -> bytes:
    """The ONNX file of a trained network of a recipe; arguments as for `write_onnx`."""
    return _onnx(_trained(network, recipe), recipe)


def deliver(network: torch.nn.Module, recipe: Recipe, metrics: Dict[str, Any], folder: Path,
            statement: Statement) -> Bundle:
    """Export a network and write its bundle: `pack` to a folder, and ``model.onnx`` beside it.

    Returns:
        Opened from disk. One with a mask channel refuses to be deployed.

    Raises:
        BundleError, StorageError: as `service.bundle.write_bundle`.
    """
    package = pack(network, recipe, metrics, statement)
    atomic_write(folder.parent / 'model.onnx', package.files['model.onnx'])
    return package.write(folder)


def pack(network: torch.nn.Module, recipe: Recipe, metrics: Dict[str, Any], statement: Statement) -> Package:
    """Export a network and describe it.

    Args:
        network: maps NxCxHxW to `Scores`; without regions its package is only of use to `paired`.
        recipe: how it was trained.
        metrics: what was measured; goes into the manifest.
        statement: what the bundle states about itself.

    Returns:
        The FP32 variant only; `models.exporting` adds the others.
    """
    network = _trained(network, recipe)
    model = _onnx(network, recipe)
    height, width, channels = recipe.input.height, recipe.input.width, _channels(recipe)
    parameters, gmac = count_cost(network, height, width, channels)
    shapes = {'labels': [1, height, width], 'confidence': [1, height, width], 'finding': [1, 1],
              'view': [1, len(VIEWS)]}
    with torch.no_grad():
        roles = output_names(network(torch.zeros(1, channels, height, width)))
    document: Dict[str, Any] = {
        'schema': 1, 'name': recipe.name, 'version': recipe.version, 'created': datetime.date.today().isoformat(),
        'intended_use': INTENDED_USE, 'training_data': statement.training_data, 'limits': list(statement.limits),
        'model': {'file': 'model.onnx', 'opset': OPSET, 'ir_version': IR_VERSION, 'precision': 'fp32',
                  'parameters': parameters, 'gmac': round(gmac, 4)},
        'input': {'name': INPUT, 'shape': [1, channels, height, width], 'dtype': 'float32'},
        'outputs': {name: {'name': name, 'shape': shapes[name], 'dtype': _DTYPES[name]} for name in roles},
        # All constants, so that later defaults do not change this bundle.
        'preprocess': {'chain': recipe.input.chain,
                       'constants': get_chain(recipe.input.chain, recipe.chain_constants).constants},
        'regions': {'names': list(regions.REGIONS), 'sides': 'patient'},
        'golden': {'file': 'golden.npz'},
        'metrics': metrics,
    }
    if 'view' in roles:
        document['views'] = {'names': list(VIEWS)}
        document['golden']['view_tolerance'] = 0.02
    if 'labels' in roles:
        document['golden'].update(labels_agreement=0.995, confidence_tolerance=0.05)
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
