"""Networks by name, one module or folder per architecture; each maps NxCxHxW to `Scores`."""
import inspect

from service.messages import InputError

from .attention_unet import AttentionUnet
from .base import FINDING, REGIONS, Architecture, Scores
from .betti import betti_classifier
from .classifiers import googlenet, resnet18, resnet50
from .cost import count_cost
from .half_unet import HalfUnet
from .latents import Latents
from .segmenters import deeplabv3plus_mobilenetv2, segformer_b0, unet_resnet34
from .unet_lite import UnetLite

_R, _F, _BOTH = frozenset({REGIONS}), frozenset({FINDING}), frozenset({REGIONS, FINDING})
_USUAL = {'channels': 1, 'height': 240, 'width': 320}
_SMALL = {'channels': 1, 'height': 120, 'width': 160}

_ENTRIES = [
    Architecture('half_unet', HalfUnet, tasks=_BOTH, limit_parameters=2_500_000, limit_macs=2e9, **_USUAL,
                 source='Own: a residual U-Net at half resolution with a left-right finding head.'),
    Architecture('latents', Latents, tasks=_BOTH, **_SMALL,
                 source='Shor, Baskin, Bronstein 2024: a CUTS encoder trained without labels, a U-Net a task.'),
    Architecture('betti', betti_classifier, tasks=_F, kind='curves', **_SMALL,
                 source='ToFi-ML (P21): Betti curves and scikit-learn.'),
]
_ENTRIES += [Architecture(name, create, tasks=_F, source=source, **_USUAL) for name, create, source in (
    ('resnet18', resnet18, 'He 2016, by torchvision; the Jetson project of Milon, and Bocconi 2024.'),
    ('resnet50', resnet50, 'He 2016, by torchvision; the Jetson project of Milon.'),
    ('googlenet', googlenet, 'Szegedy 2015, by torchvision; the Jetson project of Milon.'),
)]
_ENTRIES += [Architecture(name, create, tasks=_R, source=source, **_USUAL) for name, create, source in (
    ('attention_unet', AttentionUnet, 'Oktay 2018, own implementation; breast ultrasound of Bocconi 2024 and P23.'),
    ('unet_lite', UnetLite, 'The narrow U-Net that P08 compares SegFormer with.'),
    ('unet_resnet34', unet_resnet34,
     'Ronneberger 2015 on He 2016, by segmentation_models_pytorch; histopathology of GITAM.'),
    ('segformer_b0', segformer_b0, 'Xie 2021, by segmentation_models_pytorch; P06 and P08.'),
    ('deeplabv3plus_mobilenetv2', deeplabv3plus_mobilenetv2,
     'Chen 2018 on Sandler 2018, by segmentation_models_pytorch; P02.'),
)]

#: Every architecture by its name.
ARCHITECTURES = {entry.name: entry for entry in _ENTRIES}


def build(name, **options):
    """A fresh network, or estimator where the entry's kind is ``'curves'``.

    Args:
        name (str): key of `ARCHITECTURES`.
        options: of that architecture, such as ``classes`` or ``findings``.

    Raises:
        InputError: ``architecture-unknown``, or ``architecture-options`` for options it does not take.
    """
    if name not in ARCHITECTURES:
        raise InputError('architecture-unknown', 'There is no architecture %r; choose one of %s.'
                         % (name, ', '.join(sorted(ARCHITECTURES))))
    create = ARCHITECTURES[name].build
    try:
        inspect.signature(create).bind(**options)
    except TypeError:
        raise InputError('architecture-options', 'Architecture %s takes %s, not %s; correct the recipe.' % (
            name, ', '.join(inspect.signature(create).parameters), ', '.join(sorted(options))))
    return create(**options)


__all__ = ['ARCHITECTURES', 'Architecture', 'FINDING', 'REGIONS', 'Scores', 'build', 'count_cost']
