"""``thermoscreen queue``: which frames of a clinic to label next."""
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Optional, Tuple

import click

# A verb whose library is absent is not offered; looking is quick, importing is not.
for _name in ('onnx', 'onnxruntime', 'scipy', 'sklearn'):
    if importlib.util.find_spec(_name) is None:
        raise ImportError('a queue needs %s' % _name, name=_name)


@click.command('queue')
@click.argument('paths', nargs=-1, required=True, metavar='PATH...')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives queue.json, queue.csv, an overlay and the labels of the model for each frame.')
@click.option('--bundle', type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Model that is asked [default: the one that comes with the program].')
@click.option('--count', default=20, show_default=True, type=click.IntRange(min=1), help='Frames in the queue.')
@click.option('--by', default='distance', show_default=True,
              type=click.Choice(('distance', 'uncertainty', 'both', 'typical')),
              help='What decides.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(min=1), help='CPU threads.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
@click.option('--json', 'as_json', is_flag=True, help='Print queue.json.')
def queue_command(paths: Tuple[str, ...], out: Path, bundle: Optional[Path], count: int, by: str, threads: int,
                  force: bool, as_json: bool) -> None:
    """Say which frames to label next, and why.

    PATH is an export of signed exams (whole or for research), a folder in any layout that evaluate takes, a folder of
    thermograms, or a file. Frames with labels, such as outlines corrected by hand, are what the others are compared
    with.

    First come frames that are, in some respect, unlike all labelled ones and unlike each other, or of which the network
    is not sure, or typical ones that stand for many others (--by); a second frame of a patient counts half. The list
    names patients: it stays where the exams are.

    \b
    Example:
      thermoscreen queue exams-2026 --count 40 --out build/queue
      thermoscreen queue dmr more/*.tscap --out build/queue
    """
    from models.active.run import open_sources, queue
    from service.pipeline import Pipeline
    from service.settings import SHIPPED_BUNDLE

    from ..progress import bar
    from ..reports import failure_line, to_json

    sources = open_sources(paths)
    with Pipeline.from_folder(str(bundle or SHIPPED_BUNDLE), threads) as pipeline:
        document = queue(pipeline, sources, out, count, force, shlex.join(['thermoscreen'] + sys.argv[1:]),
                         bar('Asking'), threads, by)
    for failure in document['failures']:
        click.echo(failure_line(failure, 'left out'), err=True)
    if as_json:
        click.echo(to_json(document), nl=False)
    else:
        for frame in document['frames']:
            click.echo('%4d  %-28s %s' % (frame['rank'], frame['key'], '; '.join(frame['reasons'])))
        click.echo('%d of %d frames without labels, compared with %d that have some: %s'
                   % (len(document['frames']), document['frames_without_labels'], document['frames_with_labels'], out))
        for count, what in ((document['refused'], 'refused by the quality checks'),
                            (document['doubles'], 'equal to another frame')):
            if count:
                click.echo('Left out, as %s: %d.' % (what, count))
    sys.exit(1 if document['failures'] else 0)
