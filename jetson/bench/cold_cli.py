"""``thermoscreen bench cold``: how long after the call the first picture is there."""
import json

import click

from service.cli.options import bundle_option, json_option, load_settings, settings_option, threads_option
from service.selection import Runtime

from ..platform import RealPlatform
from ..telemetry import read_line
from .cold import measure_cold
from .first_result import STEPS
from .options import Progress, out_option, source_option, until_stopped
from .record import COLD, check_document, prepare_folder, write_document
from .tables import milliseconds, table
from .words import backend_words


@click.command()
@click.option('--starts', type=click.IntRange(1, 1000), default=5, show_default=True, metavar='N',
              help='How many processes to start, one after the other.')
@source_option
@out_option('cold.json')
@bundle_option
@threads_option
@settings_option
@json_option
def cold(starts, source, out, bundle, threads, settings_path, as_json):
    """Start the program anew several times and time it up to the first picture.

    Each start is a process of its own: interpreter and libraries, bundle with its signature, engine with its golden
    proof, camera, first frame. Files may still be in memory from the start before; the first row after the machine was
    switched on is the one without that. Where an engine of TensorRT runs, what it took to build is shown too.

    \b
    Example:
      thermoscreen bench cold --starts 10
    """
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=source)
    if out:
        prepare_folder(out, COLD)
    options = {'settings': settings_path, 'bundle': bundle, 'source': source, 'threads': threads}
    progress = Progress()
    with RealPlatform(tegrastats=read_line) as platform, until_stopped():
        document = measure_cold(starts, options, settings, platform, Runtime.from_settings(settings).engines,
                                progress=progress)
    progress.end()
    check_document(document)
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _print(document)
    if out:
        click.echo('Written: %s' % write_document(out, document), err=True)


def _print(document):
    click.echo('%s\n%s %s on %s; source %s\n' % (document['environment']['machine'], document['bundle']['id'],
                                                 document['bundle']['version'], backend_words(document['backend']),
                                                 document['source']))
    named = [('%d' % number, start) for number, start in enumerate(document['starts'], 1)]
    rows = [[name] + [milliseconds(start['steps_ms'][step]) for step in STEPS] + [milliseconds(start['total_ms'])]
            for name, start in named + [('median', document['median'])]]
    click.echo('\n'.join(table(['start, ms'] + list(STEPS) + ['to the first picture'], rows)))
    click.echo('\nstart: process and imports; engine: loaded and proven; camera: opened, first frame waited for.')
    if 'engine_build' in document:
        click.echo('The engine %(engine)s was built in %(seconds).0f s (%(built_at)s).' % document['engine_build'])
