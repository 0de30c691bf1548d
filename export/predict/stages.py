"""``python -m export.predict.stages``: measures the processor's stages around the network on this machine.

Stages are timed in processor time of the one thread that runs them, with OpenCV on one thread, so that other work on
the machine does not count. `export.predict.pipeline` scales them to a board; these are not a board's figures.
"""
import datetime
import functools
import json
import platform
import time
from pathlib import Path
from typing import Dict, List
from unittest import mock

import click
import cv2
import numpy as np

from service import pipeline as pipelines
from service.durable import atomic_write
from service.live import Painter
from service.machine import board_facts
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.stopwatch import Stopwatch
from service.thermogram import Thermogram

#: Height and width of frames: of a Lepton, of the network's input, and of the largest thermal camera.
FRAMES = ((120, 160), (240, 320), (480, 640))
#: Stages on the processor, in order; the network runs between preprocess and decode.
STAGES = ('quality', 'preprocess', 'decode', 'analyse', 'overlay', 'encode')
_WARM_UP = 5
#: A stopwatch of processor time, which other processes on this machine do not lengthen.
_Watch = functools.partial(Stopwatch, clock=time.thread_time)


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the figures as JSON.')
@click.option('--runs', default=100, show_default=True, type=click.IntRange(min=2), help='Frames of each size.')
@click.option('--bundle', default=SHIPPED_BUNDLE, metavar='DIR', help='Bundle folder.')
def main(out: Path, runs: int, bundle: str) -> None:
    """Measure the stages around the network.

    \b
    Example:
      python -m export.predict.stages --out build/stages.json
    """
    cv2.setNumThreads(1)
    frames = {}
    with mock.patch.object(pipelines, 'Stopwatch', _Watch), Pipeline.from_folder(bundle, threads=1) as pipeline:
        identity = pipeline.bundle.manifest.identity
        for height, width in FRAMES:
            size = '%dx%d' % (width, height)
            frames[size] = _measure(pipeline, height, width, runs)
            click.echo('%s: %s' % (size, ', '.join('%s %.2f' % (stage, figures['median_ms'])
                                                   for stage, figures in frames[size].items())))
    document = {
        'what': 'Stages around the network on a PC, milliseconds of processor time of one thread, n = %d a size' % runs,
        'machine': '%s, Python %s, OpenCV %s on one thread, numpy %s' % (
            board_facts()['board'], platform.python_version(), cv2.__version__, np.__version__),
        'measured': datetime.date.today().isoformat(),
        'bundle': '%(id)s %(version)s' % identity,
        'frames': frames}
    atomic_write(out, (json.dumps(document, indent=1) + '\n').encode('utf-8'))


def _measure(pipeline, height, width, runs):
    """Stage to median and 90th percentile, over simulated patients."""
    painter = Painter()
    laps: Dict[str, List[float]] = {stage: [] for stage in (*STAGES, 'sum')}
    for seed in range(runs + _WARM_UP):
        result = pipeline.analyse(Thermogram.from_celsius(make_phantom(seed, height, width).celsius, source='phantom'))
        watch = _Watch()
        painter.paint(result, watch)
        timings_ms = dict(result.timings_ms, **watch.read_ms())
        # A refused frame skips stages and is cheaper; what counts is a full result.
        if seed >= _WARM_UP and all(stage in timings_ms for stage in STAGES):
            for stage in STAGES:
                laps[stage].append(timings_ms[stage])
            laps['sum'].append(sum(timings_ms[stage] for stage in STAGES))
    return {stage: {'median_ms': round(float(np.median(times)), 3), 'p90_ms': round(float(np.percentile(times, 90)), 3),
                    'n': len(times)} for stage, times in laps.items()}


if __name__ == '__main__':
    main()
