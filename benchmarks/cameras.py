"""How old a picture is when it is on the page, for every simulated USB camera at its own rate.

Frames pass through driver, capture, analysis and drawing as in the service, where the camera has the capture's thread.
They are also generated on this machine, unlike those of a real camera: the figures are an upper bound for the same
machine, and say nothing about a Jetson Nano.

    python -m benchmarks.cameras [--seconds 20] [--threads 0] [--camera simusb:p2pro]
"""
import os
from typing import Tuple

import click
import numpy as np

from jetson.bench.runs import PACED, FrameTimer, Run, run_paced, started
from service.cameras.capture import Capture
from service.cameras.registry import make_camera
from service.live import Painter
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE

from .conditions import conditions
from .faults import CAMERAS


def measure(pipeline: Pipeline, source: str, seconds: float) -> Tuple[str, ...]:
    """One row of the table.

    Args:
        pipeline: started.
        source: specification of the camera.
        seconds: how long.
    """
    camera, run = make_camera(source), Run(PACED)
    with started(Capture(lambda: camera)) as capture:
        run_paced(run, FrameTimer(pipeline, Painter()), capture, seconds)
        about = capture.description
    ages_ms = [timing.end_to_end_ms for timing in run.timings]
    handed_ms = [timing.stages_ms['capture'] for timing in run.timings]
    shown, dropped = len(run.timings), run.dropped
    return (source, '%dx%d %s' % (about['width'], about['height'], about['unit']), '%g' % about['rate_hz'],
            '%d' % shown, '%.1f' % np.percentile(handed_ms, 50), '%.1f' % np.percentile(ages_ms, 50),
            '%.1f' % np.percentile(ages_ms, 99), '%d (%.0f %%)' % (dropped, 100.0 * dropped / (shown + dropped)),
            '%d' % (run.capture['lost'] if run.capture else 0))


@click.command()
@click.option('--seconds', default=20.0, help='How long each camera runs.')
@click.option('--threads', default=0, help='Threads of one inference; 0 for all cores.')
@click.option('--camera', 'sources', multiple=True, help='Only this camera; repeatable.')
def main(seconds: float, threads: int, sources: Tuple[str, ...]) -> None:
    """Print the table as Markdown."""
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads) as pipeline:
        print(conditions(threads))
        identity = pipeline.bundle.manifest.identity
        print('bundle %s %s, %g s each, load average before %.1f'
              % (identity['id'], identity['version'], seconds, os.getloadavg()[0]))
        print('\n| camera | picture | Hz | shown | capture ms p50 | age ms p50 | p99 | left out | lost |')
        print('| --- |' + ' --- |' * 8)
        for source in sources or ['simusb:' + name for name in CAMERAS]:
            print('| %s |' % ' | '.join(measure(pipeline, source, seconds)), flush=True)


if __name__ == '__main__':
    main()
