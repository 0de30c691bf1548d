"""``thermoscreen labels``: frames to a labelling tool, and what people drew there back to where training reads it."""
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

import click

from service.messages import InputError

# A verb whose library is absent is not offered.
if importlib.util.find_spec('defusedxml') is None:
    raise ImportError('labels needs defusedxml', name='defusedxml')

if TYPE_CHECKING:
    from .judging import Outcome

TOOLS = ('cvat', 'label-studio')

#: What is to be done with the files of each tool.
_NEXT = {
    'cvat': 'In CVAT: make a task with labels.json (Raw) and pictures.zip; upload annotations.xml to the task (not to '
            'a project) as "CVAT 1.1"; label; export as "CVAT for images 1.1".',
    'label-studio': 'In Label Studio: make a project with config.xml (Code); import tasks.json; label and submit; '
                    'export as JSON.'}


@click.group('labels')
def labels_command() -> None:
    """Send frames to CVAT or Label Studio, and take back what people drew.

    \b
    Example:
      thermoscreen labels export queue/queue.json --tool cvat --out sent
      thermoscreen labels import sent annotations.xml --out labelled
    """


@labels_command.command('export')
@click.argument('source', metavar='DATA')
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='New folder: upload/ for the tool, home/ to keep.')
@click.option('--tool', required=True, type=click.Choice(TOOLS), help='Where the frames will be labelled.')
@click.option('--top', type=click.IntRange(min=1), metavar='N', help='The first N frames only.')
@click.option('--bundle', type=click.Path(file_okay=False, path_type=Path), metavar='BUNDLE',
              help='Draws outlines to begin with where a frame has none.')
@click.option('--layout', metavar='NAME', help='How the data folder is laid out. Default: detected.')
@click.option('--window', default='24:38', show_default=True, metavar='LOW:HIGH', help='°C that are black and white.')
def export_command(source: str, out: Path, tool: str, top: Optional[int], bundle: Optional[Path],
                   layout: Optional[str], window: str) -> None:
    """Write pictures and outlines for a labelling tool.

    DATA is a folder of thermograms or of exams, phantoms:SEED:COUNT, or queue.json of `thermoscreen queue`. Pictures
    get names at random and hold nothing but grey pixels. DIR/home says whose they are: it stays here, and the import
    needs it.

    \b
    Example:
      thermoscreen labels export queue/queue.json --top 20 --tool label-studio --out sent
      thermoscreen labels export dmr --bundle service/bundles/phantom-fpn --tool cvat --out sent
    """
    from ..progress import bar
    from . import cvat, label_studio
    from .record import frames_to_label, send
    wanted = frames_to_label(source, layout, top)
    write = cvat.write_files if tool == 'cvat' else label_studio.write_files
    record = send(wanted, out, tool, write, bundle, _window(window), bar('Exporting'))
    frames = list(record.frames.values())
    begun = sum(frame.begun_from != 'none' for frame in frames)
    click.echo('%s in %s, %d with outlines to begin with.' % (_count(frames), out / 'upload', begun))
    click.echo('Keep %s here: it says whose they are.' % (out / 'home'))
    click.echo(_NEXT[tool])


def _window(text: str) -> Tuple[float, float]:
    try:
        low, high = map(float, text.split(':'))
    except ValueError:
        raise InputError('window', '%s is no window of temperatures.' % text, 'Write it as 24:38.')
    return low, high


@labels_command.command('import')
@click.argument('sent', type=click.Path(path_type=Path), metavar='SENT')
@click.argument('file', type=click.Path(path_type=Path), metavar='FILE')
@click.option('--out', required=True, type=click.Path(path_type=Path), metavar='DIR',
              help='Labelled frames, new or of an earlier import; training reads it.')
@click.option('--labeller', default='', metavar='NAME', help='Who labelled, where the file does not say.')
@click.option('--reviewed', is_flag=True, help='Frames that came back as they were sent were looked at, too.')
@click.option('--accept', multiple=True, metavar='NAME', help='A frame that was held and that you looked at; '
              'repeatable.')
@click.option('--json', 'as_json', is_flag=True, help='Print what became of every frame as JSON.')
def import_command(sent: Path, file: Path, out: Path, labeller: str, reviewed: bool, accept: Tuple[str, ...],
                   as_json: bool) -> None:
    """Take back FILE, which a labelling tool exported.

    SENT is the folder of `thermoscreen labels export`. FILE is "CVAT for images 1.1" or "Segmentation mask 1.1" of
    CVAT, JSON of Label Studio, or COCO with masks. Each frame is taken whole or not at all; one that is refused or held
    for a person is named with the reason, the others go on, and the exit code is 1. DIR keeps every version of every
    frame.

    \b
    Example:
      thermoscreen labels import sent annotations.xml --out labelled
      thermoscreen labels import sent project-1.json --out labelled --accept f-3a9c0d1e2f4b.png
      thermoscreen few-shot --data labelled --init build/phantom-fpn --out build/few-shot
    """
    from .judging import HELD, LABELLED, REFUSED, judge
    from .record import read_record
    from .returned import read_returned
    from .taking import keep_outcomes
    record = read_record(sent)
    returned = read_returned(file)
    unknown = sorted(set(accept) - set(record.frames))
    if unknown:
        raise InputError('labels-foreign', '%s is no picture of this record.' % unknown[0], 'Check --accept.')
    outcomes = judge(returned, record, accept, reviewed, _ask)
    versions = keep_outcomes(outcomes, returned, record, out, labeller)
    if as_json:
        click.echo(json.dumps([_outcome_json(outcome, versions) for outcome in outcomes], indent=1))
    else:
        for outcome in outcomes:
            click.echo(_line(outcome, versions))
        click.echo('%d of %s labelled%s.' % (sum(outcome.state == LABELLED for outcome in outcomes), _count(outcomes),
                                             ': %s' % out if versions else '; nothing was written'))
    sys.exit(1 if any(outcome.state in (HELD, REFUSED) for outcome in outcomes) else 0)


@labels_command.command('corrected')
@click.argument('exams', type=click.Path(path_type=Path), metavar='EXAMS')
@click.option('--out', required=True, type=click.Path(path_type=Path), metavar='DIR',
              help='Labelled frames, new or of an earlier import; training reads it.')
def corrected_command(exams: Path, out: Path) -> None:
    """Take the outlines that were corrected by hand in signed exams.

    EXAMS is an export of `thermoscreen exams export`, with or without --de-identified, or a store that is not
    encrypted. They become label maps in DIR, beside those of the labelling tools, with who corrected them and when.

    \b
    Example:
      thermoscreen labels corrected /media/usb/exams --out labelled
    """
    from .taking import keep_corrections
    versions = keep_corrections(exams, out)
    for key, number in versions.items():
        click.echo('%s: version %d' % (key, number))
    click.echo('%s with outlines corrected by hand: %s.' % (_count(versions), out))


def _ask(sentences: Sequence[str]) -> bool:
    """Asked once for all frames; without a terminal they are held."""
    if not sys.stdin.isatty():
        return False
    for sentence in sentences:
        click.echo(sentence, err=True)
    return click.confirm('Were they removed on purpose?', err=True)


def _line(outcome: 'Outcome', versions: Dict[str, int]) -> str:
    from .judging import LABELLED, NOTHING, UNCHANGED
    key = ' (%s)' % outcome.frame.key if outcome.frame else ''
    words: List[str] = [outcome.state]
    if outcome.message is not None:
        words = ['%s. %s [%s]' % (outcome.state, outcome.message.text, outcome.message.code)]
    elif outcome.state == LABELLED and outcome.frame:
        changed = ', '.join('%s +%d -%d' % (name.replace('_', ' '), *pixels)
                            for name, pixels in outcome.changed.items())
        words = ['version %d; %s' % (versions[outcome.frame.key], 'pixels: ' + changed if changed else 'as sent')]
    elif outcome.state == UNCHANGED:
        words = ['came back as it was sent; if somebody looked at it, give --reviewed']
    elif outcome.state == NOTHING:
        words = ['nothing to take']
    return '%s%s: %s' % (outcome.name or 'a frame without a name', key, '; '.join(words + list(outcome.notes)))


def _outcome_json(outcome: 'Outcome', versions: Dict[str, int]) -> Dict[str, Any]:
    key = outcome.frame.key if outcome.frame else None
    return {'name': outcome.name, 'key': key, 'state': outcome.state, 'version': versions.get(key or ''),
            'changed': outcome.changed, 'notes': list(outcome.notes),
            'message': outcome.message.to_dict() if outcome.message else None}


def _count(frames: Any) -> str:
    return '%d %s' % (len(frames), 'frame' if len(frames) == 1 else 'frames')
