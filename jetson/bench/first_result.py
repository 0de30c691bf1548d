"""One start of the program as a process of its own, up to the first picture: ``python -m jetson.bench.first_result``.

Prints one JSON object: milliseconds by step, or what went wrong. `cold` starts it and reads that.
"""
import json
import sys
import time

import click

from service.cameras import make_camera
from service.cli.options import load_settings, make_pipeline
from service.live.picture import Painter
from service.messages import ThermoscreenError
from service.stopwatch import Stopwatch

from .runs import read_timeout_s

#: What passes between the call and the first picture, in its order.
STEPS = ('start', 'bundle', 'engine', 'camera', 'frame', 'picture')


def first_result(started_s, settings, clock=time.monotonic):
    """Everything from the settings to the first picture.

    Args:
        started_s (float): when the process was asked for, on the clock.
        settings (Settings): what is in force; the frame comes from its camera.
        clock (callable): seconds that only grow, the same in every process.
    Returns:
        dict: ``steps_ms`` by `STEPS` (``start``: process, imports and settings; ``bundle``: files read and their
        signature checked; ``engine``: loaded and proven; ``camera``: opened and its first frame waited for; ``frame``:
        analysed; ``picture``: drawn and encoded), ``total_ms``, ``backend``, ``bundle`` and ``outcome``.
    Raises:
        ThermoscreenError: as each of them.
    """
    start_ms = (clock() - started_s) * 1e3
    watch = Stopwatch(clock)
    pipeline = make_pipeline(settings)
    watch.lap('bundle')
    with pipeline:
        watch.lap('engine')
        with make_camera(settings.camera) as camera:
            thermogram = camera.read(read_timeout_s(camera)).thermogram
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
@click.option('--source')
@click.option('--threads', type=int)
def main(since, settings_path, bundle, source, threads):
    """Print one start as JSON."""
    try:
        found = first_result(since, load_settings(settings_path, bundle=bundle, threads=threads, camera=source))
    except ThermoscreenError as error:
        click.echo(json.dumps({'error': dict(error.to_dict(), exit_code=error.exit_code)}))
        sys.exit(error.exit_code)
    click.echo(json.dumps(found))


if __name__ == '__main__':
    main()
