"""One start of the program, up to the first picture: ``python -m jetson.bench.first_result``.

A process of its own, started by `cold`, which reads the JSON object that it prints: milliseconds by step, or what went
wrong. It imports only what the service imports too, because its imports are timed.
"""
import json
import sys
import time
from typing import Any, Callable, Dict, Optional

import click

from service.cameras.registry import make_camera
from service.cli.options import load_settings, make_pipeline
from service.live import Painter
from service.messages import ThermoscreenError
from service.settings import Settings
from service.stopwatch import Stopwatch

from .runs import FIRST_FRAME_S, make_capture, next_frame

#: What passes between the start and the first picture, in order.
STEPS = ('start', 'bundle', 'engine', 'camera', 'frame', 'picture')


def first_result(started_s: float, settings: Settings, clock: Callable[[], float] = time.monotonic) -> Dict[str, Any]:
    """Everything from the settings to the first picture.

    Args:
        started_s: when the process was started, on the clock.
        settings: in force; the frame comes from their camera.
        clock: monotonic seconds, the same in every process.
    Returns:
        ``steps_ms`` by `STEPS` (``start``: process, imports and settings; ``bundle``: files read and their signature
        checked; ``engine``: loaded and proven; ``camera``: opened, first frame received; ``frame``: analysed;
        ``picture``: drawn and encoded), ``total_ms``, ``backend``, ``bundle`` and ``outcome``.
    Raises:
        ThermoscreenError: as of each of them.
    """
    start_ms = (clock() - started_s) * 1e3
    watch = Stopwatch(clock)
    pipeline = make_pipeline(settings)
    watch.lap('bundle')
    with pipeline:
        watch.lap('engine')
        with make_capture(make_camera(settings.camera), settings, clock) as capture:
            thermogram = next_frame(capture, FIRST_FRAME_S).thermogram
            watch.lap('camera')
            result = pipeline.analyse(thermogram)
            watch.lap('frame')
            Painter(settings.palette, settings.layer, settings.jpeg_quality).paint(result, watch)
        laps_ms = watch.read_ms()
        steps_ms = dict({'start': start_ms}, **laps_ms)
        steps_ms['picture'] = laps_ms['overlay'] + laps_ms['encode']
        return {'steps_ms': {step: steps_ms[step] for step in STEPS}, 'total_ms': start_ms + laps_ms['total'],
                'backend': pipeline.backend, 'bundle': pipeline.bundle.manifest.identity, 'outcome': result.outcome}


@click.command()
@click.option('--since', type=float, required=True)
@click.option('--settings', 'settings_path')
@click.option('--bundle')
@click.option('--camera')
@click.option('--threads', type=int)
def main(since: float, settings_path: Optional[str], bundle: Optional[str], camera: Optional[str],
         threads: Optional[int]) -> None:
    """Print one start as JSON."""
    try:
        answer = first_result(since, load_settings(settings_path, bundle=bundle, threads=threads, camera=camera))
    except ThermoscreenError as error:
        click.echo(json.dumps({'error': dict(error.to_dict(), exit_code=error.exit_code)}))
        sys.exit(error.exit_code)
    click.echo(json.dumps(answer))


if __name__ == '__main__':
    main()
