"""The way from a frame to an encoded picture, ours against the same job as published systems do it.

All ways run in one process, in turns, on one simulated 640x480 frame. Ours is `Pipeline.analyse` and the live picture.
The others are what published systems do between a frame and the picture that they show, in PyTorch, each with an
overlay by OpenCV and with one by matplotlib:

- ResNet18 [He2016], a whole-picture classifier on the equalised TURBO heat map;
- latents H/H [Shor2024]: regions and finding from a heat map;
- U-Net on ResNet34 [Ronneberger2015]: regions from an equalised grey picture.

Their networks are those of `models.architectures` with random weights, which take as long as trained ones; what they
show means nothing. Needs the workstation half and matplotlib.

    python -m benchmarks.peers [--threads 2] [--seconds 60] [--bundle DIR]
"""
import functools
import io
import time
from typing import Callable, Dict, List, Optional, Tuple

import click
import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from models.architectures import ARCHITECTURES, build
from service.live import Painter
from service.pipeline import Pipeline
from service.regions import REGIONS
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.stopwatch import Stopwatch
from service.thermogram import Thermogram

from .conditions import conditions

_FRAME = (480, 640)
_LOW_C, _HIGH_C = 18.0, 40.0
_WARM_UP = 2
#: Between two ways: the threads of one keep spinning for a moment after it and would slow the other down.
_REST_S = 0.01
#: Size and resolution of a figure with about as many pixels as our picture.
_INCHES, _DPI = (7.06, 5.24), 100
#: At least so many times our time; the aims of the design, with OpenCV and with matplotlib.
_AIMS = {'resnet18': (2.5, 6), 'latents H/H': (25, 30), 'unet_resnet34': (7, 10)}

#: Labels uint8 HxW at the frame's size, None from a classifier; and a score, None from a segmenter.
Answer = Tuple[Optional[np.ndarray], Optional[float]]


class Peer:
    """A published system: equalisation, network and answer, without the overlay.

    Args:
        architecture: of `models.architectures`.
        heat: whether the network takes the TURBO heat map rather than the grey picture.
        options: of the architecture.
    """

    def __init__(self, architecture: str, heat: bool, **options: str) -> None:
        entry = ARCHITECTURES[architecture]
        torch.manual_seed(0)
        self._network = build(architecture, **options).eval()
        self._size = entry.width, entry.height
        self._heat = heat

    def analyse(self, celsius: np.ndarray) -> Tuple[np.ndarray, Answer]:
        """The heat map, uint8 HxWx3 (BGR), and the answer for a frame of float32 HxW in degrees."""
        grey = np.clip((celsius - _LOW_C) / (_HIGH_C - _LOW_C) * 255, 0, 255).astype(np.uint8)
        equalised = cv2.equalizeHist(grey)
        heat_map = cv2.applyColorMap(equalised, cv2.COLORMAP_TURBO)
        picture = cv2.cvtColor(heat_map, cv2.COLOR_BGR2RGB) if self._heat else equalised[:, :, np.newaxis]
        small = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA).reshape(*self._size[::-1], -1)
        with torch.inference_mode():
            scores = self._network(torch.from_numpy(small).permute(2, 0, 1)[np.newaxis].float() / 255)
        labels = score = None
        if scores.regions is not None:
            ids = scores.regions.softmax(1).argmax(1)[0].numpy().astype(np.uint8)
            labels = cv2.resize(ids, celsius.shape[::-1], interpolation=cv2.INTER_NEAREST)
        if scores.finding is not None:
            score = float(scores.finding.sigmoid()[0, 0])
        return heat_map, (labels, score)


def draw_with_opencv(celsius: np.ndarray, heat_map: np.ndarray, answer: Answer) -> bytes:
    """Contours and the score on the heat map, as JPEG."""
    labels, score = answer
    picture = heat_map.copy()
    if labels is not None:
        for region in range(1, len(REGIONS)):
            mask = cv2.inRange(labels, region, region)
            contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[-2]
            cv2.drawContours(picture, contours, -1, (255, 255, 255), 2)
    cv2.putText(picture, '%.1f to %.1f C' % (celsius.min(), celsius.max()), (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7,
                (255, 255, 255), 2)
    if score is not None:
        cv2.putText(picture, '%.3f' % score, (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    return cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def draw_with_matplotlib(celsius: np.ndarray, heat_map: np.ndarray, answer: Answer) -> bytes:
    """A figure with contours, the score as its title and a colour bar, as JPEG."""
    labels, score = answer
    figure = Figure(figsize=_INCHES, dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = axes.imshow(celsius, cmap='turbo')
    if labels is not None:
        for region in np.unique(labels[labels > 0]):
            axes.contour(labels == region, levels=[0.5], colors='white', linewidths=1.5)
    figure.colorbar(shown, ax=axes)
    axes.set_axis_off()
    if score is not None:
        axes.set_title('%.3f' % score)
    stream = io.BytesIO()
    figure.savefig(stream, format='jpg')
    return stream.getvalue()


def ways_of(pipeline: Pipeline, thermogram: Thermogram) -> Dict[str, Callable[[], bytes]]:
    """Name to a function that goes the whole way once and returns the picture; the first is ours."""
    painter, celsius = Painter(), thermogram.pixels
    ways: Dict[str, Callable[[], bytes]] = {'ours': lambda: painter.paint(pipeline.analyse(thermogram), Stopwatch())}
    peers = {'resnet18': Peer('resnet18', heat=True),
             'latents H/H': Peer('latents', heat=True, encoder='H', decoder='H'),
             'unet_resnet34': Peer('unet_resnet34', heat=False)}
    for name, peer in peers.items():
        for library, draw in (('OpenCV', draw_with_opencv), ('matplotlib', draw_with_matplotlib)):
            ways['%s, %s' % (name, library)] = functools.partial(_go, peer, draw, celsius)
    return ways


def _go(peer: Peer, draw: Callable[..., bytes], celsius: np.ndarray) -> bytes:
    return draw(celsius, *peer.analyse(celsius))


@click.command()
@click.option('--threads', default=2, show_default=True, type=click.IntRange(min=1), help='Threads of every network.')
@click.option('--seconds', default=60.0, show_default=True, help='How long to measure; at least three rounds.')
@click.option('--bundle', default=SHIPPED_BUNDLE, help='Bundle folder.')
def main(threads: int, seconds: float, bundle: str) -> None:
    """Print how many times as long as ours every other way takes."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    thermogram = Thermogram.from_celsius(make_phantom(1, *_FRAME).celsius, source='phantom')
    with Pipeline.from_folder(bundle, threads=threads) as pipeline:
        identity = pipeline.bundle.manifest.identity
        samples_ms = measure(ways_of(pipeline, thermogram), seconds)
    print(conditions(threads))
    print('PyTorch %s, bundle %s %s, frame %dx%d to the encoded picture, n = %d each way, in turns; others with random '
          'weights' % (torch.__version__, identity['id'], identity['version'], *_FRAME[::-1], len(samples_ms['ours'])))
    for name, values in samples_ms.items():
        line = '%-26s median %7.1f ms, p90 %7.1f ms' % (name, np.median(values), np.percentile(values, 90))
        if name != 'ours':
            peer, library = name.split(', ')
            line += ', %5.2f times ours (95 %% interval %.2f to %.2f; aim %g)' % (
                *ratio(values, samples_ms['ours']), _AIMS[peer][library == 'matplotlib'])
        print(line)


def measure(ways: Dict[str, Callable[[], bytes]], seconds: float, least: int = 3) -> Dict[str, np.ndarray]:
    """Milliseconds of every way, all ways in turns until the time is over, and at least so many rounds."""
    samples_ms: Dict[str, List[float]] = {name: [] for name in ways}
    for run in ways.values():
        for _ in range(_WARM_UP):
            run()
    end = time.perf_counter() + seconds
    while len(samples_ms['ours']) < least or time.perf_counter() < end:
        for name, run in ways.items():
            time.sleep(_REST_S)
            start = time.perf_counter()
            run()
            samples_ms[name].append((time.perf_counter() - start) * 1e3)
    return {name: np.array(values) for name, values in samples_ms.items()}


def ratio(peer_ms: np.ndarray, ours_ms: np.ndarray, draws: int = 2000) -> Tuple[float, float, float]:
    """Ratio of the medians, with the ends of its 95 % interval by bootstrap over rounds."""
    chosen = np.random.default_rng(0).integers(0, len(ours_ms), (draws, len(ours_ms)))
    low, high = np.percentile(np.median(peer_ms[chosen], axis=1) / np.median(ours_ms[chosen], axis=1), (2.5, 97.5))
    return float(np.median(peer_ms) / np.median(ours_ms)), float(low), float(high)


if __name__ == '__main__':
    main()
