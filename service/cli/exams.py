"""``thermoscreen exams``: what the station keeps, whether it is as it was written, and the index made anew."""
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple

import click

from ..messages import InputError, StorageError, printable
from .options import json_option, load_settings, settings_option
from .verbs import Group

if TYPE_CHECKING:
    from ..exams import Exam, Row

#: What is shown of a text that can be read only with the key.
_SEALED = '(sealed)'

_STATES = ('draft', 'acquiring', 'review', 'signed', 'amended', 'discarded')


def folder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--folder`` and ``--settings``."""
    return click.option('--folder', type=click.Path(), metavar='DIR',
                        help='Folder of the exams. Default: exams_folder of the settings.')(settings_option(command))


@click.group(cls=Group)
def exams() -> None:
    """List, show, verify and repair the exams of this station.

    list, show and verify change nothing and may run beside the service. Texts that identify a patient are shown where
    they are not encrypted. docs/exams.md describes the folders.

    \b
    Example:
      thermoscreen exams list --state signed
      thermoscreen exams verify
    """


@exams.command('list')
@folder_options
@click.option('--state', type=click.Choice(_STATES), default=None, help='Exams in this state only.')
@click.option('--after', type=click.IntRange(0), default=0, metavar='N', help='Exams older than number N.')
@click.option('--limit', type=click.IntRange(1, 1000), default=50, metavar='N', help='Most of them. Default: 50.')
@json_option
def list_command(folder: Optional[str], settings_path: Optional[str], state: Optional[str], after: int, limit: int,
                 as_json: bool) -> None:
    """List exams, the newest first.

    \b
    Example:
      thermoscreen exams list --limit 10
      thermoscreen exams list --state review --json
    """
    from ..exams import Reader
    rows = [row for row, _ in Reader(exams_root(folder, settings_path)).rows((), state or '', after, limit)]
    if as_json:
        click.echo(json.dumps([dict(row._asdict(), patient=_patient(row)) for row in rows], indent=1))
        return
    for row in rows:
        click.echo('%7d  %s  %-9s  %s  %2d %s  %s' % (
            row.number, row.id, row.state, _time(row.created, row.clock), row.captures,
            'picture ' if row.captures == 1 else 'pictures', _shown(_patient(row))))
    if not rows:
        click.echo('There is no exam.')


@exams.command('show')
@click.argument('exam_id', metavar='EXAM')
@folder_options
@json_option
def show_command(exam_id: str, folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Show what happened to an exam, and its files.

    \b
    Example:
      thermoscreen exams show 3f9a0c1d2e4b5a69
      thermoscreen exams show 3f9a0c1d2e4b5a69 --json
    """
    from ..exams.folder import read_exam
    from ..exams.store import row_of
    root = exams_root(folder, settings_path)
    exam = read_exam(root, exam_id)
    patient = _patient(row_of(exam))
    if as_json:
        click.echo(json.dumps({
            'id': exam.id, 'number': exam.number, 'state': exam.state, 'encrypted': exam.encrypted, 'patient': patient,
            'events': [dict(vars(event), stamp=event.stamp._asdict(), private=_private(exam, event.private))
                       for event in exam.events],
            'files': {name: file._asdict() for name, file in sorted(exam.files.items())},
            'anchors': [dict(vars(anchor)) for anchor in exam.anchors]}, indent=1))
        return
    click.echo('Exam %d (%s): %s, %s' % (exam.number, exam.id, exam.state, _shown(patient)))
    for event in exam.events:
        facts = event.facts
        told = '%s, %s' % (facts['role'], facts['outcome']) if 'role' in facts else ''
        private = _private(exam, event.private)
        told += json.dumps(private, ensure_ascii=False) if isinstance(private, dict) else private
        click.echo(printable('%3d  %s  %-9s  by %s  %s' % (
            event.number, _time(event.stamp.utc, event.stamp.clock), event.kind, event.operator, told)).rstrip())
    for name, file in sorted(exam.files.items()):
        click.echo('     %-18s %9d bytes  SHA-256 %s' % (name, file.size, file.sha256[:16]))


@exams.command('verify')
@click.argument('exam_id', metavar='[EXAM]', required=False, default='')
@folder_options
@json_option
def verify_command(exam_id: str, folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Compare every file, document and row with what was written.

    Without EXAM it looks at all exams and at the index, which takes as long as reading every file. Where the folder has
    an audit log, every exam is compared with what the log was told of it; thermoscreen audit verify looks at the log
    itself. The exit code is 1 where something is not as it was written; each such thing is named. It takes no key.

    \b
    Example:
      thermoscreen exams verify
      thermoscreen exams verify 3f9a0c1d2e4b5a69 --json
    """
    from ..exams import Reader, verify_store
    root = exams_root(folder, settings_path)
    count = 1 if exam_id else sum(Reader(root).counts().values())
    problems = []
    for problem in verify_store(root, exam_id, _told(root)):
        problems.append(problem)
        if not as_json:
            click.echo('%s [%s]' % (problem.text, problem.code))
    if as_json:
        click.echo(json.dumps({'exams': count, 'problems': [problem.to_dict() for problem in problems]}, indent=1))
    else:
        things = 'one thing is' if len(problems) == 1 else '%d things are' % len(problems)
        click.echo('%d %s: %s.' % (count, 'exam' if count == 1 else 'exams', things + ' not as written' if problems
                                   else 'everything is as it was written'))
    sys.exit(1 if problems else 0)


@exams.command('rebuild')
@folder_options
@json_option
def rebuild_command(folder: Optional[str], settings_path: Optional[str], as_json: bool) -> None:
    """Make the index of the exams anew from their folders.

    It is refused while the service keeps exams there. What belongs to no exam is moved to the folder quarantine, and
    the old index stays beside the new one; nothing is deleted. The service tells the audit log at its next start.

    \b
    Example:
      systemctl stop thermoscreen && thermoscreen exams rebuild
    """
    from ..clock import Clock
    from ..exams import Exams
    root = exams_root(folder, settings_path)
    if not os.path.isdir(root):
        raise InputError('exams-folder', 'There is no folder %s.' % root, 'Check its name.')
    opened = Exams(root, None, None, Clock())
    try:
        count, messages = opened.rebuild(), opened.messages
    finally:
        opened.close()
    if as_json:
        click.echo(json.dumps({'exams': count, 'messages': [message.to_dict() for message in messages]}, indent=1))
        return
    for message in messages:
        click.echo('%s [%s]' % (message.text, message.code))
    click.echo('The index has %d %s.' % (count, 'exam' if count == 1 else 'exams'))


def _told(root: str) -> Dict[str, Tuple[int, str]]:
    """What the audit log was told last of every exam that is not deleted; a line that is none is not looked at."""
    from ..operators.chain import FOLDER, decode, read_lines
    told: Dict[str, Tuple[int, str]] = {}
    try:
        for line in read_lines(os.path.join(root, FOLDER)):
            try:
                entry = decode(line)
                facts = entry['facts']
                if entry['event'] == 'exam-deleted':
                    told.pop(facts['exam'], None)
                elif 'sha256' in facts and 'exam' in facts:
                    told[facts['exam']] = int(facts['number']), str(facts['sha256'])
            except (ValueError, KeyError, TypeError):
                continue
    except OSError as error:
        raise StorageError('folder-unreadable', 'The audit log in %s cannot be read (%s).' % (root, error.strerror),
                           'Check its permissions and its disk.', repr(error))
    return told


def exams_root(named: Optional[str], settings_path: Optional[str]) -> str:
    """The folder of exams that options name, or the settings.

    Raises:
        InputError: ``exams-folder`` where neither does.
    """
    folder = named if named is not None else load_settings(settings_path).exams_folder
    if not folder:
        raise InputError('exams-folder', 'No folder of exams is named.',
                         'Give --folder, or set exams_folder in the settings.')
    return os.path.abspath(folder)


def _patient(row: 'Row') -> Optional[Dict[str, str]]:
    """Who an exam is of, where that is not encrypted."""
    from ..exams import shown_patient
    from ..sealing import PlainSealer
    patient = shown_patient(PlainSealer(), row)
    return None if patient is None else dict(patient._asdict())


def _private(exam: 'Exam', text: str) -> Any:
    if not text:
        return {}
    return _SEALED if exam.encrypted else json.loads(text)


def _shown(patient: Optional[Dict[str, str]]) -> str:
    return _SEALED if patient is None else printable('  '.join(filter(None, patient.values())))


def _time(utc: str, clock: str) -> str:
    """A date to the minute; with a question mark where nothing stood for it."""
    return '%s %s%s' % (utc[:10], utc[11:16], '?' if clock == 'unsynchronised' else ' ')
