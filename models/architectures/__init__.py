"""Networks by name, one module or folder per architecture; each maps NxCxHxW to `Scores`."""
import inspect

from service.errors import InputError

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

ARCHITECTURES = {entry.name: entry for entry in (
    Architecture('half_unet', HalfUnet, 1, 240, 320, _BOTH,
                 'Own: a residual U-Net at half resolution with a left-right finding head.',
                 limit_parameters=2_500_000, limit_macs=2e9),
    Architecture('latents', Latents, 1, 120, 160, _BOTH,
                 'Shor, Baskin, Bronstein 2024: a CUTS encoder trained without labels, a U-Net a task.'),
    Architecture('resnet18', resnet18, 1, 240, 320, _F, 'He 2016, by torchvision; the Jetson project of Milon.'),
    Architecture('resnet50', resnet50, 1, 240, 320, _F, 'He 2016, by torchvision; the Jetson project of Milon.'),
    Architecture('googlenet', googlenet, 1, 240, 320, _F,
                 'Szegedy 2015, by torchvision; the Jetson project of Milon.'),
    Architecture('attention_unet', AttentionUnet, 1, 240, 320, _R,
                 'Oktay 2018, own implementation; used on breast ultrasound by Bocconi 2024 and P23.'),
    Architecture('unet_resnet34', unet_resnet34, 1, 240, 320, _R,
                 'Ronneberger 2015 on He 2016, by segmentation_models_pytorch; GITAM histopathology.'),
    Architecture('unet_lite', UnetLite, 1, 240, 320, _R, 'The narrow U-Net that P08 compares SegFormer with.'),
    Architecture('segformer_b0', segformer_b0, 1, 240, 320, _R,
                 'Xie 2021, by segmentation_models_pytorch; P06 and P08.'),
    Architecture('deeplabv3plus_mobilenetv2', deeplabv3plus_mobilenetv2, 1, 240, 320, _R,
                 'Chen 2018 on Sandler 2018, by segmentation_models_pytorch; P02.'),
    Architecture('betti', betti_classifier, 1, 120, 160, _F,
                 'ToFi-ML (P21): Betti curves and scikit-learn.', kind='curves'),
)}


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
