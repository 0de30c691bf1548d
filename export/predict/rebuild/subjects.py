"""Which networks are rebuilt, at which input, and what was published about their size."""
import typing

import timm
import torchvision

from .classifiers import TinyYolov3, Yolov8nClassifier
from .detectors import EFFICIENTDETS, EfficientDet, SsdFpn, SsdMobilenet
from .parts import FromPicture
from .segmenters import FastScnn, FcnResnet18, Lanes, Unet


class Subject(typing.NamedTuple):
    """A network and an input.

    Attributes:
        make (callable): gives the network.
        shape (tuple): of its input.
        gmac, million_weights (float or None): published; None where nobody did.
        origin (str): who published those.
    """

    make: typing.Callable
    shape: tuple
    gmac: typing.Optional[float] = None
    million_weights: typing.Optional[float] = None
    origin: str = ''


def subjects():
    """Every rebuilt network by the name of its graph (dict of Subject)."""
    return {**_torchvision(), **_segmenters(), **_detectors(), **_others()}


#: torchvision's own table (GFLOPS there are multiply-accumulates) and parameters, input 224x224.
_TORCHVISION = {
    'alexnet': (0.714, 61.10), 'squeezenet1_0': (0.819, 1.248), 'squeezenet1_1': (0.349, 1.235),
    'resnet18': (1.814, 11.69), 'resnet34': (3.664, 21.80), 'resnet50': (4.089, 25.56), 'resnet101': (7.801, 44.55),
    'resnet152': (11.514, 60.19), 'densenet121': (2.834, 7.979), 'densenet169': (3.360, 14.15),
    'densenet201': (4.291, 20.01), 'densenet161': (7.728, 28.68), 'vgg11': (7.609, 132.86), 'vgg13': (11.308, 133.05),
    'vgg16': (15.470, 138.36), 'vgg19': (19.632, 143.67)}


def _torchvision():
    found = {'%s-224' % name: Subject(lambda name=name: _classifier(name), (1, 3, 224, 224), gmac, weights,
                                      'torchvision') for name, (gmac, weights) in _TORCHVISION.items()}
    found.update({'%s-256' % name: Subject(lambda name=name: _classifier(name), (1, 3, 256, 256), None,
                                           _TORCHVISION[name][1], 'torchvision')
                  for name in ('resnet18', 'resnet34', 'resnet50')})
    found['mobilenet_v2-300'] = Subject(lambda: _classifier('mobilenet_v2'), (1, 3, 300, 300), None, 3.505,
                                        'torchvision')
    found['inception_v4-299'] = Subject(lambda: timm.create_model('inception_v4'), (1, 3, 299, 299), 12.28, 42.68,
                                        'timm')
    return found


def _classifier(name):
    return torchvision.models.get_model(name, weights=None, **({'init_weights': False} if 'vgg' in name else {}))


def _segmenters():
    found = {'fast_scnn-%dx%d' % size: Subject(FastScnn, (1, 3, *size), None, 1.11, 'Poudel 2019')
             for size in ((384, 384), (384, 576), (576, 576), (576, 768), (768, 1344))}
    found.update({'fcn_resnet18-%dx%d' % (height, width): Subject(FcnResnet18, (1, 3, height, width))
                  for width, height in ((512, 256), (1024, 512), (2048, 1024), (576, 320), (864, 480), (512, 320),
                                        (640, 360), (320, 320), (512, 400), (640, 512))})
    found['unet-400'] = Subject(Unet, (1, 5, 400, 400), None, 1.93, 'the figure\'s own page')
    found['lanes-288x800'] = Subject(Lanes, (1, 3, 288, 800))
    return found


#: Multiply-accumulates (Tan 2020) and parameters (google/automl).
_EFFICIENTDETS = {
    'efficientdet-lite0': (None, 3.24), 'efficientdet-lite1': (None, 4.25), 'efficientdet-lite2': (None, 5.25),
    'efficientdet-lite3': (None, 8.35), 'efficientdet-lite3x': (None, 9.28), 'efficientdet-lite4': (None, 15.1),
    'efficientdet-d0': (2.5, 3.88), 'efficientdet-d1': (6.1, 6.63), 'efficientdet-d2': (11.0, 8.10),
    'efficientdet-d3': (25.0, 12.03)}


def _detectors():
    found = {}
    for name, (gmac, weights) in _EFFICIENTDETS.items():
        side = EFFICIENTDETS[name][1]
        found[name] = Subject(lambda name=name: FromPicture(EfficientDet(name)), (1, side, side, 3), gmac, weights,
                              'Tan 2020, google/automl')
    found['ssd_mobilenet_v2-300'] = Subject(lambda: FromPicture(SsdMobilenet()), (1, 300, 300, 3))
    for side in (320, 640):
        found['ssd_mobilenet_v2_fpnlite-%d' % side] = Subject(
            lambda: FromPicture(SsdFpn('mobilenet_v2')), (1, side, side, 3))
    found['ssd_resnet50_fpn-640'] = Subject(lambda: FromPicture(SsdFpn('resnet50')), (1, 640, 640, 3), 89.34, None,
                                            'Open Model Zoo')
    return found


def _others():
    return {'yolov8n-cls-224': Subject(Yolov8nClassifier, (1, 3, 224, 224), None, 2.719, 'ultralytics'),
            'yolov3-tiny-416': Subject(TinyYolov3, (1, 3, 416, 416), 2.785, 8.86, 'darknet')}
