"""``python -m export.predict.stages``: what the processor does around the network, measured on this machine.

Stages are timed in processor time of the one thread that runs them, with OpenCV on one thread, so that other work on
the machine does not count. `cpu.py` scales them to a board; nothing here is a board's figure.
"""
import datetime
import functools
import json
import platform
import time
from pathlib import Path
from unittest import mock

import click
import cv2
import numpy as np

from service import pipeline as pipelines
from service.durable import atomic_write
from service.live.picture import Painter
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.stopwatch import Stopwatch
from service.thermogram import Thermogram

#: Frames by height and width: a Lepton's, the network's own input, and the largest thermal camera's.
FRAMES = ((120, 160), (240, 320), (480, 640))
#: Stages on the processor, in their order; the network is between preprocess and decode.
STAGES = ('quality', 'preprocess', 'decode', 'analyse', 'overlay', 'encode')
_WARM_UP = 5
#: Stages of processor time: whoever else is busy on this machine does not lengthen them.
_Watch = functools.partial(Stopwatch, clock=time.thread_time)


@click.command()
@click.option('--out', required=True, type=click.Path(dir_okay=False, path_type=Path), metavar='FILE',
              help='Receives the figures as JSON.')
@click.option('--runs', default=100, show_default=True, type=click.IntRange(min=2), help='Frames of each size.')
@click.option('--bundle', default=SHIPPED_BUNDLE, metavar='DIR', help='Bundle folder.')
def main(out, runs, bundle):
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
            frames['%dx%d' % (width, height)] = _measure(pipeline, height, width, runs)
            click.echo('%dx%d: %s' % (width, height, ', '.join(
                '%s %.2f' % (stage, found['median_ms']) for stage, found in frames['%dx%d' % (width, height)].items())))
    document = {
        'what': 'Stages around the network on a PC, milliseconds of processor time of one thread, n = %d a size' % runs,
        'machine': '%s, Python %s, OpenCV %s on one thread, numpy %s' % (
            processor(), platform.python_version(), cv2.__version__, np.__version__),
        'measured': datetime.date.today().isoformat(),
        'bundle': '%(id)s %(version)s' % identity,
        'frames': frames}
    atomic_write(out, (json.dumps(document, indent=1) + '\n').encode('utf-8'))


def _measure(pipeline, height, width, runs):
    """Stage to median and 90th percentile, over simulated patients."""
    painter, laps = Painter(), {stage: [] for stage in (*STAGES, 'sum')}
    for seed in range(runs + _WARM_UP):
        result = pipeline.analyse(Thermogram.from_celsius(make_phantom(seed, height, width).celsius, source='phantom'))
        watch = _Watch()
        painter.paint(result, watch)
        took = dict(result.timings_ms, **watch.read_ms())
        # A refused frame skips stages and is cheaper; the question is what a full answer costs.
        if seed >= _WARM_UP and all(stage in took for stage in STAGES):
            for stage in STAGES:
                laps[stage].append(took[stage])
            laps['sum'].append(sum(took[stage] for stage in STAGES))
    return {stage: {'median_ms': round(float(np.median(times)), 3), 'p90_ms': round(float(np.percentile(times, 90)), 3),
                    'n': len(times)} for stage, times in laps.items()}


def processor():
    """The processor's name as Linux states it, or its architecture."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


if __name__ == '__main__':
    main()
