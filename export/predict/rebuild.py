"""``python -m export.predict.rebuild``: networks with published figures, as tables of kernels.

Run by hand when a figure is added; `preflight` reads the tables only.
"""
import functools
import gc
import io
import json
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import click
import timm
import torch
import torchvision

from export.check.graph import Graph, read_model
from export.targets import load_target
from service.durable import atomic_write

from .fusion import fuse
from .kernel import count_layers, merge_equal, total_macs
from .networks import (
    EFFICIENTDETS,
    DenseNet2019,
    EfficientDet,
    FastScnn,
    FcnResnet18,
    FromPicture,
    Lanes,
    SsdFpn,
    SsdLiteMobilenetV3,
    SsdMobilenet,
    SsdMobilenetV1,
    TinyYolov3,
    Unet,
    Yolo,
    Yolov8nClassifier,
    YoloxSmall,
)
from .published import LAYERS

_OPSET = 13

class Subject(NamedTuple):
    """A network and its input.

    Attributes:
        make: returns the network.
        shape: of its input.
        gmac, million_weights: as published; None where they were not.
        origin: who published them.
    """

    make: Callable[[], torch.nn.Module]
    shape: Tuple[int, ...]
    gmac: Optional[float] = None
    million_weights: Optional[float] = None
    origin: str = ''


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the tables, such as %s.' % LAYERS.name)
@click.option('--only', multiple=True, metavar='TEXT', help='Only graphs whose name contains this; repeatable. '
              'Others in the file stay as they are.')
def main(out: Path, only: Tuple[str, ...]) -> None:
    """Rebuild every network that has a published figure on a Jetson Nano and write its kernels.

    Weights are random, because only shapes matter. Prints the published size beside each.

    \b
    Example:
      python -m export.predict.rebuild --out build/layers.json
    """
    tables = json.loads(out.read_text(encoding='utf-8')) if only and out.exists() else {}
    for name, subject in subjects().items():
        if not only or any(text in name for text in only):
            tables[name] = table = make_table(subject)
            click.echo(describe(name, subject, table), err=True)
            gc.collect()
            atomic_write(out, dump({name: tables[name] for name in subjects() if name in tables}).encode('utf-8'))


def to_onnx(network: torch.nn.Module, shape: Tuple[int, ...]) -> bytes:
    """A network with one input of a shape as an ONNX file, the graph as the exporter writes it."""
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(network.eval(), torch.zeros(shape), buffer, dynamo=False, opset_version=_OPSET)
    return buffer.getvalue()


def make_table(subject: Subject) -> Dict[str, Any]:
    """The table of a network: its size, what was published about it, and ``rows`` of `Kernel.row`."""
    torch.manual_seed(0)
    network = subject.make()
    data = to_onnx(network, subject.shape)
    kernels = fuse(Graph(read_model(data), load_target('jetson-nano'), len(data))).kernels
    return {'weights': sum(parameter.numel() for parameter in network.parameters()), 'layers': count_layers(kernels),
            'gmac': round(total_macs(kernels) / 1e9, 4), 'published_gmac': subject.gmac,
            'published_million_weights': subject.million_weights, 'origin': subject.origin,
            'rows': [kernel.row() for kernel in merge_equal(kernels)]}


def describe(name: str, subject: Subject, table: Dict[str, Any]) -> str:
    """One line that compares the network with what was published."""
    parts = ['%s: %d layers' % (name, table['layers'])]
    for title, built, published in (('GMAC', table['gmac'], subject.gmac),
                                    ('million weights', table['weights'] / 1e6, subject.million_weights)):
        parts.append('%.3f %s' % (built, title) + (
            ' (published %g, %+.1f %%)' % (published, 100 * (built / published - 1)) if published else ''))
    return ', '.join(parts)


def dump(tables: Dict[str, Dict[str, Any]]) -> str:
    """Tables as JSON, one kernel per line."""
    parts = []
    for name, table in tables.items():
        head = json.dumps({key: value for key, value in table.items() if key != 'rows'})
        rows = ',\n  '.join(json.dumps(row) for row in table['rows'])
        parts.append('"%s": %s, "rows": [\n  %s]}' % (name, head[:-1], rows))
    return '{\n%s\n}\n' % ',\n'.join(parts)


def subjects() -> Dict[str, Subject]:
    """Every rebuilt network by the name of its graph."""
    return {**_torchvision(), **_segmenters(), **_detectors(), **_others()}


#: torchvision's own table (GFLOPS there are multiply-accumulates) and parameters, input 224x224.
_TORCHVISION = {
    'alexnet': (0.714, 61.10), 'squeezenet1_0': (0.819, 1.248), 'squeezenet1_1': (0.349, 1.235),
    'resnet18': (1.814, 11.69), 'resnet34': (3.664, 21.80), 'resnet50': (4.089, 25.56), 'resnet101': (7.801, 44.55),
    'resnet152': (11.514, 60.19), 'densenet121': (2.834, 7.979), 'densenet169': (3.360, 14.15),
    'densenet201': (4.291, 20.01), 'densenet161': (7.728, 28.68), 'vgg11': (7.609, 132.86), 'vgg13': (11.308, 133.05),
    'vgg16': (15.470, 138.36), 'vgg19': (19.632, 143.67)}


def _torchvision():
    networks = {'%s-224' % name: Subject(functools.partial(_classifier, name), (1, 3, 224, 224), gmac, weights,
                                      'torchvision') for name, (gmac, weights) in _TORCHVISION.items()}
    networks.update({'%s-256' % name: Subject(functools.partial(_classifier, name), (1, 3, 256, 256), None,
                                           _TORCHVISION[name][1], 'torchvision')
                  for name in ('resnet18', 'resnet34', 'resnet50')})
    networks.update({'mobilenet_v2-%d' % side: Subject(lambda: _classifier('mobilenet_v2'), (1, 3, side, side),
                                                       0.301 if side == 224 else None, 3.505, 'torchvision')
                     for side in (224, 300)})
    networks['inception_v4-299'] = Subject(lambda: timm.create_model('inception_v4'), (1, 3, 299, 299), 12.28, 42.68,
                                        'timm')
    return networks


def _classifier(name):
    if 'densenet' in name:
        return DenseNet2019(name)
    return torchvision.models.get_model(name, weights=None, **({'init_weights': False} if 'vgg' in name else {}))


def _segmenters():
    networks = {'fast_scnn-%dx%d' % size: Subject(FastScnn, (1, 3, *size), None, 1.11, 'Poudel 2019')
                for size in ((384, 384), (384, 576), (576, 576), (576, 768), (768, 1344))}
    networks.update({'fcn_resnet18-%dx%d' % (height, width): Subject(FcnResnet18, (1, 3, height, width))
                     for width, height in ((512, 256), (1024, 512), (2048, 1024), (576, 320), (864, 480), (512, 320),
                                           (640, 360), (320, 320), (512, 400), (640, 512))})
    networks['unet-400'] = Subject(Unet, (1, 5, 400, 400), None, 1.93, 'the figure\'s own page')
    networks['lanes-288x800'] = Subject(Lanes, (1, 3, 288, 800))
    return networks


#: Multiply-accumulates (Tan 2020) and parameters (google/automl).
_EFFICIENTDETS = {
    'efficientdet-lite0': (None, 3.24), 'efficientdet-lite1': (None, 4.25), 'efficientdet-lite2': (None, 5.25),
    'efficientdet-lite3': (None, 8.35), 'efficientdet-lite3x': (None, 9.28), 'efficientdet-lite4': (None, 15.1),
    'efficientdet-d0': (2.5, 3.88), 'efficientdet-d1': (6.1, 6.63), 'efficientdet-d2': (11.0, 8.10),
    'efficientdet-d3': (25.0, 12.03)}


def _detectors():
    networks = {}
    for name, (gmac, weights) in _EFFICIENTDETS.items():
        side = EFFICIENTDETS[name][1]
        networks[name] = Subject(functools.partial(_efficientdet, name), (1, side, side, 3), gmac, weights,
                              'Tan 2020, google/automl')
    networks['ssd_mobilenet_v1-300'] = Subject(lambda: FromPicture(SsdMobilenetV1()), (1, 300, 300, 3))
    networks['ssdlite_mobilenet_v3-320'] = Subject(lambda: FromPicture(SsdLiteMobilenetV3()), (1, 320, 320, 3), 0.583,
                                                   3.440, 'torchvision')
    networks['ssd_mobilenet_v2-300'] = Subject(lambda: FromPicture(SsdMobilenet()), (1, 300, 300, 3))
    for side in (320, 640):
        networks['ssd_mobilenet_v2_fpnlite-%d' % side] = Subject(
            lambda: FromPicture(SsdFpn('mobilenet_v2')), (1, side, side, 3))
    networks['ssd_resnet50_fpn-640'] = Subject(lambda: FromPicture(SsdFpn('resnet50')), (1, 640, 640, 3), 89.34, None,
                                            'Open Model Zoo')
    return networks


def _efficientdet(name):
    return FromPicture(EfficientDet(name))


def _others():
    return {'yolov8n-cls-224': Subject(Yolov8nClassifier, (1, 3, 224, 224), None, 2.719, 'ultralytics'),
            'yolov3-tiny-416': Subject(TinyYolov3, (1, 3, 416, 416), 2.785, 8.86, 'darknet'),
            # Four classes, as the figures' own data have.
            'yolov8n_4-640': Subject(functools.partial(Yolo, 8, 0.25, 4, 640), (1, 3, 640, 640), None, 3.012,
                                     'ultralytics'),
            'yolov8s_4-640': Subject(functools.partial(Yolo, 8, 0.5, 4, 640), (1, 3, 640, 640), None, 11.137,
                                     'ultralytics'),
            'yolov5su_4-640': Subject(functools.partial(Yolo, 5, 0.5, 4, 640), (1, 3, 640, 640), None, 9.12,
                                      'ultralytics'),
            'yolox_s_leaky-640': Subject(YoloxSmall, (1, 3, 640, 640), 13.37, 8.97, 'Ge 2021, hailo_model_zoo')}


if __name__ == '__main__':
    main()
