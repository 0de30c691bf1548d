"""Networks by name; each maps NxCxHxW to `Scores`."""
import inspect
from typing import Any, Dict

from service.messages import InputError

from .base import FINDING, REGIONS, Architecture, Scores, count_cost
from .betti import betti_classifier
from .classifiers import googlenet, resnet18, resnet50
from .efficientnet_lite0 import EfficientnetLite0
from .half_unet import HalfUnet
from .latents import Latents
from .quarter_fpn import QuarterFpn
from .segmenters import deeplabv3plus_mobilenetv2, segformer_b0, unet_resnet34
from .unet import AttentionUnet, UnetLite

_R, _F, _BOTH = frozenset({REGIONS}), frozenset({FINDING}), frozenset({REGIONS, FINDING})
_USUAL: Dict[str, Any] = {'channels': 1, 'height': 240, 'width': 320}
_SMALL: Dict[str, Any] = {'channels': 1, 'height': 120, 'width': 160}

_ENTRIES = [
    Architecture('half_unet', HalfUnet, tasks=_BOTH, limit_parameters=2_500_000, limit_macs=2e9, **_USUAL,
                 source='Own: a residual U-Net at half resolution with a left-right finding head.'),
    Architecture('quarter_fpn', QuarterFpn, tasks=_BOTH, limit_parameters=1_310_000, limit_macs=0.6e9, **_USUAL,
                 source='Own: residual stages [He2016] under a feature pyramid [Lin2017], with a head for the view.'),
    Architecture('efficientnet_lite0', EfficientnetLite0, channels=1, height=192, width=256, tasks=_BOTH,
                 limit_parameters=3_050_000, limit_macs=0.4e9,
                 source='EfficientNet-Lite0 [Tan2019] by timm, under the pyramid of quarter_fpn and three heads.'),
    Architecture('latents', Latents, tasks=_BOTH, **_SMALL,
                 source='A CUTS encoder trained without labels, and a U-Net per task [Shor2024].'),
    Architecture('betti', betti_classifier, tasks=_F, kind='curves', **_SMALL,
                 source='Betti curves and scikit-learn [Ahmed2023].'),
]
_ENTRIES += [Architecture(name, create, tasks=_F, source=source, **_USUAL) for name, create, source in (
    ('resnet18', resnet18, 'By torchvision [He2016].'),
    ('resnet50', resnet50, 'By torchvision [He2016].'),
    ('googlenet', googlenet, 'By torchvision [Szegedy2015].'),
)]
_ENTRIES += [Architecture(name, create, tasks=_R, source=source, **_USUAL) for name, create, source in (
    ('attention_unet', AttentionUnet, 'Own implementation of attention gates [Oktay2018].'),
    ('unet_lite', UnetLite, 'A narrow U-Net [Ronneberger2015].'),
    ('unet_resnet34', unet_resnet34, 'U-Net [Ronneberger2015] on ResNet34 [He2016].'),
    ('segformer_b0', segformer_b0, 'SegFormer [Xie2021].'),
    ('deeplabv3plus_mobilenetv2', deeplabv3plus_mobilenetv2, 'DeepLabV3+ [Chen2018] on MobileNetV2 [Sandler2018].'),
)]

#: Every architecture by its name.
ARCHITECTURES: Dict[str, Architecture] = {entry.name: entry for entry in _ENTRIES}


def build(name: str, **options: Any) -> Any:
    """A fresh network, or estimator if the kind of the entry is ``'curves'``.

    Args:
        name: key of `ARCHITECTURES`.
        **options: of that architecture, such as ``classes`` or ``findings``.

    Raises:
        InputError: ``architecture-unknown``, or ``architecture-options`` for options it does not take.
    """
    if name not in ARCHITECTURES:
        raise InputError('architecture-unknown', 'There is no architecture %r.' % (name,),
                         'Choose one of %s.' % ', '.join(sorted(ARCHITECTURES)))
    create = ARCHITECTURES[name].build
    try:
        inspect.signature(create).bind(**options)
    except TypeError:
        raise InputError('architecture-options', 'Architecture %s takes %s, not %s.' % (
            name, ', '.join(inspect.signature(create).parameters), ', '.join(sorted(options))), 'Correct the recipe.')
    return create(**options)


__all__ = ['ARCHITECTURES', 'Architecture', 'FINDING', 'REGIONS', 'Scores', 'build', 'count_cost']
