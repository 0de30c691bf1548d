"""``thermoscreen exams``: what the station keeps, whether it is as it was written, what leaves, comes and goes."""
import contextlib
import hashlib
import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

import click

from ..clock import Clock, shown_day, shown_time
from ..messages import BundleError, InputError, StorageError, printable
from .operators import PAGES, ask_supervisor, by_option, check_user, open_station
from .options import json_option, load_settings, settings_option
from .verbs import Group

if TYPE_CHECKING:
    from ..exams import Exam, Exams, Row
    from ..exams.exchange import Exported
    from ..sealing import BaseSealer

#: What is shown of a text that can be read only with the key.
_SEALED = '(sealed)'

_STATES = ('draft', 'acquiring', 'review', 'signed', 'amended', 'discarded')


def folder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--folder`` and ``--settings``."""
    return click.option('--folder', type=click.Path(), metavar='DIR',
                        help='Folder of the exams. Default: exams_folder of the settings.')(settings_option(command))


@click.group(cls=Group)
def exams() -> None:
    """List, show, verify, repair, export, import and remove the exams of this station.

    list, show and verify change nothing and may run beside the service. The other verbs need it to be stopped, for one
    process writes; export, report, similar, import, hold and retention ask for the PIN of a supervisor, and while the
    service runs its page does the same. The audit log notes what leaves and what changes.
    Run them as the user of the service. Texts that identify a patient are shown where they are not encrypted.
    docs/exams.md describes the folders.

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
    """Show what happened to an exam, its files, and the models that judged its pictures.

    Where the model of the settings is another one today, it says so.

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
    models = [(capture.number, capture.facts.get('bundle') or {}) for capture in exam.captures]
    today = _model_today(settings_path)
    if as_json:
        click.echo(json.dumps({
            'id': exam.id, 'number': exam.number, 'state': exam.state, 'encrypted': exam.encrypted, 'patient': patient,
            'events': [dict(vars(event), stamp=event.stamp._asdict(), private=_private(exam, event.private))
                       for event in exam.events],
            'files': {name: file._asdict() for name, file in sorted(exam.files.items())},
            'models': dict(models), 'model_today': today,
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
    for number, model in models:
        click.echo(printable('     Picture %d was judged by %s.' % (number, _spoken(model))))
    if any(model.get('hash') != (today or {}).get('hash') for _, model in models):
        click.echo(printable('     The model of this station is another one today: %s.' % _spoken(today or {})))


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
    for problem in verify_store(root, exam_id, told_of_exams(root)):
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
    from ..exams import Exams
    root = exams_root(folder, settings_path)
    if not os.path.isdir(root):
        raise InputError('exams-folder', 'There is no folder %s.' % root, 'Check its name.')
    check_user(root)
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


@exams.command('export')
@click.argument('exam_ids', metavar='[EXAM]...', nargs=-1)
@click.option('--all', 'every', is_flag=True, help='Every signed exam, in place of EXAM.')
@click.option('--out', type=click.Path(), required=True, metavar='DIR', help='New folder.')
@click.option('--sealed', is_flag=True, help='Leave exams encrypted, for a station with the same key.')
@click.option('--de-identified', 'research', is_flag=True, help='Temperatures and numbers alone, for research.')
@click.option('--dicom', is_flag=True, help='With --de-identified: their DICOM objects too.')
@click.option('--features', is_flag=True, help='With --de-identified: what the network makes of a frontal picture.')
@click.option('--set', 'set_name', default='', metavar='NAME', help='With --de-identified: exports of one NAME have '
              'the same pseudonyms. Default: a name at random.')
@by_option
@folder_options
@json_option
def export_command(exam_ids: Tuple[str, ...], every: bool, out: str, sealed: bool, research: bool, dicom: bool,
                   features: bool, set_name: str, by: Optional[str], folder: Optional[str],
                   settings_path: Optional[str], as_json: bool) -> None:
    """Copy whole exams to a new folder, with patients, for another station or to be read without this program.

    It is signed with the key of this station, which the import asks for. Everybody who has the folder can read it,
    unless it is --sealed: then a station with the same data key can, which is one that was restored from a backup of
    this one. With --de-identified it holds temperatures, regions and numbers for research, with pseudonyms, and no
    text, date, name or device (docs/exams.md); --dicom adds the objects of a hospital's archive, without these and
    without the report. The folder is there whole or not at all.

    \b
    Example:
      thermoscreen exams export 3f9a0c1d2e4b5a69 --out /media/usb/exam
      thermoscreen exams export --all --sealed --out /media/usb/exams --by 'Ann Lind'
      thermoscreen exams export --all --de-identified --set trial-7 --out /media/usb/trial
    """
    from ..backup import known_key, station_key
    from ..exams import export_exams
    from ..exams.deidentified import export_deidentified
    if research and sealed or (set_name or dicom or features) and not research:
        raise click.UsageError('--sealed and --de-identified exclude each other, and --set, --dicom and --features go '
                               'with the latter.')
    how = 'de-identified-dicom' if dicom else 'de-identified' if research else 'sealed' if sealed else 'open'
    with _supervised('export', folder, settings_path, by) as work:
        wanted = _wanted(work.root, exam_ids, every, sealed)

        def told(entry: 'Exported') -> None:
            work.record('exam-exported', work.operator, exam=entry.exam.id, how=how, exported_sha256=entry.sha256,
                        **({'features': True} if features else {}))
        if dicom:
            from ..hospital.dicom.deidentified import dicom_files
            with _open(work) as opened:
                exported = export_deidentified(work.root, wanted, out, work.sealer, work.key, set_name, told,
                                               further=dicom_files(opened), features=features)
        elif research:
            exported = export_deidentified(work.root, wanted, out, work.sealer, work.key, set_name, told,
                                           features=features)
        else:
            exported = export_exams(work.root, wanted, out, None if sealed else work.sealer, work.clock.now(),
                                    station_key(work.root), told)
    key = '' if research else known_key(work.root)
    if as_json:
        click.echo(json.dumps({'folder': os.path.abspath(out), 'how': how, 'key': key, 'exams': {
            entry.exam.id: entry.sha256 for entry in exported}}, indent=1))
        return
    click.echo('%d %s exported.' % (len(exported), 'exam' if len(exported) == 1 else 'exams'))
    if key:
        click.echo('They are signed by the key %s. Tell it to who imports them.' % key)
    if how == 'open':
        click.echo('Whoever has the folder can read it, with the names of patients. Lock it away.')


@exams.command('dicom')
@click.argument('exam_id', metavar='EXAM')
@click.option('--out', type=click.Path(), required=True, metavar='DIR', help='New folder.')
@click.option('--objects', 'names', default=None, metavar='LIST', help='What is written, with commas between. '
              'Default: objects of the settings.')
@by_option
@folder_options
@json_option
def dicom_command(exam_id: str, out: str, names: Optional[str], by: Optional[str], folder: Optional[str],
                  settings_path: Optional[str], as_json: bool) -> None:
    """Write a signed exam as the DICOM files that the archive of the hospital gets, to look at what is sent.

    They are the same to the last byte, with the name of the patient. docs/hospital.md describes them.

    \b
    Example:
      thermoscreen exams dicom 3f9a0c1d2e4b5a69 --out /media/usb/dicom
      thermoscreen exams dicom 3f9a0c1d2e4b5a69 --objects temperature,map --out /media/usb/dicom
    """
    from ..durable import write_synced
    from ..exams.exchange import new_folder
    from ..hospital.dicom import make_objects
    from ..hospital.site import parse_objects
    site = load_settings(settings_path).site()
    if names is not None:
        site = replace(site, objects=parse_objects(names))
    written: Dict[str, str] = {}
    with _supervised('export', folder, settings_path, by) as work, _open(work) as opened:
        exam = opened.get(exam_id)
        with new_folder(out) as staged:
            for made in make_objects(opened, exam, site):
                name = '%s.dcm' % made.name.replace('object/', '').replace('/', '-')
                write_synced(os.path.join(staged, name), made.data)
                written[name] = hashlib.sha256(made.data).hexdigest()
            work.record('exam-exported', work.operator, exam=exam.id, how='dicom', exported_sha256=hashlib.sha256(
                ''.join(written.values()).encode('ascii')).hexdigest())
    if as_json:
        click.echo(json.dumps({'folder': os.path.abspath(out), 'files': written}, indent=1))
        return
    click.echo('%d %s written.' % (len(written), 'file' if len(written) == 1 else 'files'))
    click.echo('Whoever has the folder can read them, with the name of the patient. Lock it away.')


@exams.command('report')
@click.argument('exam_id', metavar='EXAM')
@click.option('--out', type=click.Path(), required=True, metavar='FILE', help='New file, FILE.pdf or FILE.html.')
@by_option
@folder_options
@json_option
def report_command(exam_id: str, out: str, by: Optional[str], folder: Optional[str], settings_path: Optional[str],
                   as_json: bool) -> None:
    """Write the report of an exam, with the patient, as PDF or as one HTML file.

    It is a draft until the exam is signed. Institution, language and paper are those of the settings.

    \b
    Example:
      thermoscreen exams report 3f9a0c1d2e4b5a69 --out /media/usb/report.pdf
    """
    from ..durable import write_new
    from ..hospital.printing import print_report
    from ..hospital.report import report_of
    kind = os.path.splitext(out)[1].lower()
    if kind not in ('.pdf', '.html'):
        raise click.UsageError('--out is a file that ends with .pdf or .html.')
    site = load_settings(settings_path).site()
    with _supervised('report', folder, settings_path, by) as work, _open(work) as opened:
        exam = opened.get(exam_id)
        report = report_of(opened, exam, site)
        if kind == '.pdf':
            data = print_report(report, site.paper)
        else:
            from ..web.report import report_document
            data = report_document(report)
        write_new(out, data)
        work.record('exam-exported', work.operator, exam=exam.id, how='report',
                    exported_sha256=hashlib.sha256(data).hexdigest())
    if as_json:
        click.echo(json.dumps({'file': os.path.abspath(out), 'exam': exam.id, 'status': report.status,
                               'bytes': len(data)}, indent=1))
    else:
        click.echo('%s has the report of exam %d: %s.' % (printable(out), exam.number, report.status))


@exams.command('similar')
@click.argument('exam_id', metavar='EXAM')
@click.option('--count', type=click.IntRange(1, 100), default=5, metavar='N', help='Most of them. Default: 5.')
@by_option
@folder_options
@json_option
def similar_command(exam_id: str, count: int, by: Optional[str], folder: Optional[str], settings_path: Optional[str],
                    as_json: bool) -> None:
    """Name the signed exams of other patients whose frontal pictures are most similar to that of EXAM.

    Similar heat patterns, as the model sees them: that says nothing about what they mean. The distance is 1 - cosine of
    what the model makes of both pictures. No feature leaves the station by this.

    \b
    Example:
      thermoscreen exams similar 3f9a0c1d2e4b5a69
      thermoscreen exams similar 3f9a0c1d2e4b5a69 --count 20 --json
    """
    from ..gallery import Gallery
    with _supervised('similar', folder, settings_path, by) as work, _open(work) as opened:
        gallery, exam = Gallery(opened), opened.get(exam_id)
        gallery.read()
        found = gallery.similar(exam, count)
    if as_json:
        click.echo(json.dumps({'exam': exam.id, 'compared': found.compared, 'others': found.others,
                               'similar': [one._asdict() for one in found.neighbours]}, indent=1))
        return
    for one in found.neighbours:
        click.echo('%7d  %s  picture %d  distance %.4f' % (one.number, one.exam_id, one.picture, one.distance))
    click.echo('%d %s compared with exam %d. Similar heat patterns say nothing about what they mean.' % (
        found.compared, 'exam was' if found.compared == 1 else 'exams were', exam.number))
    if found.others:
        click.echo('%d could not be compared: another model judged them, or they have no features.' % found.others)


@exams.command('import')
@click.argument('exports', metavar='DIR...', nargs=-1, required=True, type=click.Path())
@click.option('--key', 'keys', multiple=True, metavar='ID', help='Key that has to have signed them, as the other '
              'station said it. Default: that of this station.')
@by_option
@folder_options
@json_option
def import_command(exports: Tuple[str, ...], keys: Tuple[str, ...], by: Optional[str], folder: Optional[str],
                   settings_path: Optional[str], as_json: bool) -> None:
    """Take the exams of exports into this station.

    The signature and every file are checked before the first exam is written. An exam that is here already stays; one
    that is here and differs stops the import. They get the next numbers of this station, and are encrypted here if it
    encrypts.

    \b
    Example:
      thermoscreen exams import /media/usb/exam --key 5be0c1d21f0c7a9a
    """
    from ..backup import known_key
    from ..exams import import_exams
    with _supervised('import', folder, settings_path, by, fills=True) as work, _open(work) as opened:
        done = import_exams(exports, opened, work.operator, keys or (known_key(work.root),))
    if as_json:
        click.echo(json.dumps({'imported': [exam.id for exam in done.taken], 'same': list(done.same)}, indent=1))
        return
    for exam in done.taken:
        click.echo('%s is exam %d here.' % (exam.id, exam.number))
    click.echo('%d imported, %d were here already.' % (len(done.taken), len(done.same)))


@exams.command('hold')
@click.argument('exam_id', metavar='EXAM')
@click.option('--reason', required=True, metavar='TEXT', help='Why; it is kept with the exam.')
@click.option('--release', is_flag=True, help='End the hold.')
@by_option
@folder_options
@json_option
def hold_command(exam_id: str, reason: str, release: bool, by: Optional[str], folder: Optional[str],
                 settings_path: Optional[str], as_json: bool) -> None:
    """Put an exam on legal hold, so that nothing removes it.

    \b
    Example:
      thermoscreen exams hold 3f9a0c1d2e4b5a69 --reason 'Court case 12/26'
      thermoscreen exams hold 3f9a0c1d2e4b5a69 --release --reason 'Case closed'
    """
    with _supervised('hold', folder, settings_path, by) as work, _open(work) as opened:
        exam = (opened.release if release else opened.hold)(exam_id, work.operator, reason)
    if as_json:
        click.echo(json.dumps({'exam': exam.id, 'held': exam.held}, indent=1))
    else:
        click.echo('Exam %d (%s) is %s legal hold.' % (exam.number, exam.id, 'on' if exam.held else 'no longer on'))


@exams.command('retention')
@click.option('--apply', 'applied', is_flag=True, help='Remove them. Without this nothing is changed.')
@click.option('--today', metavar='DATE', help='Date of today, as 2026-11-29, where nothing sets the clock: you say '
              'that it is right.')
@by_option
@folder_options
@json_option
def retention_command(applied: bool, today: Optional[str], by: Optional[str], folder: Optional[str],
                      settings_path: Optional[str], as_json: bool) -> None:
    """Show which exams are older than the settings keep them, and remove them with --apply.

    keep_signed_years and keep_discarded_days in [exams] say how long; without them everything is kept for ever, and
    nothing is ever removed by itself. Exams on legal hold stay, those that nobody gave a date that can be trusted, and
    the newest one. The audit log notes every exam that goes. Backups that were made before keep it.

    \b
    Example:
      thermoscreen exams retention --settings /etc/thermoscreen/settings.toml
      thermoscreen exams retention --apply --today 2026-11-29
    """
    from ..exams import Policy, plan_retention
    from ..hospital.outbox import has_arrived
    settings = load_settings(settings_path)
    policy = Policy(settings.keep_signed_years, settings.keep_discarded_days)
    clock, root = Clock(), exams_root(folder, settings_path)
    if today is not None:
        if today != shown_day(clock.now().utc):
            raise InputError('date-wrong', 'The clock of this station says %s.' % shown_time(clock.now().utc),
                             'Set it right first (timedatectl set-time), or give that date.')
        clock.confirm()
    if not applied:
        plan = plan_retention(root, policy, clock.now(), arrived=has_arrived(root, settings.site()))
    else:
        with _supervised('retention', folder, settings_path, by, clock) as work, _open(work) as opened:
            plan = plan_retention(root, policy, clock.now(), arrived=has_arrived(root, settings.site()))
            for due in plan.due:
                opened.remove(due.exam.id, work.operator, dict(policy._asdict(), since=due.since))
    if as_json:
        click.echo(json.dumps({
            'policy': policy._asdict(), 'removed' if applied else 'due': [due.exam.id for due in plan.due],
            'held': list(plan.held), 'uncertain': list(plan.uncertain), 'unreadable': list(plan.unreadable),
            'unsent': list(plan.unsent)}, indent=1))
        return
    for due in plan.due:
        click.echo('%7d  %s  %-9s  since %s  %s' % (due.exam.number, due.exam.id, due.exam.state, due.since[:10],
                                                    'removed' if applied else 'would be removed'))
    for ids, why in ((plan.held, 'it is on legal hold'), (plan.uncertain, 'its date is uncertain'),
                     (plan.unreadable, 'it is damaged'), (plan.unsent, 'it is not in the archive')):
        for exam_id in ids:
            click.echo('         %s  stays: %s' % (exam_id, why))
    click.echo('The settings keep signed exams %s and discarded ones %s. %d %s.' % (
        '%d years' % policy.signed_years if policy.signed_years else 'for ever',
        '%d days' % policy.discarded_days if policy.discarded_days else 'for ever', len(plan.due),
        'removed' if applied else 'would be removed'))


class _Work(NamedTuple):
    """What a supervisor works with.

    Attributes:
        root: folder of the store.
        operator: id of the supervisor; empty where no station was ever started.
        sealer: with the key of the station.
        record: appends to the audit log.
        clock: of the station.
        key: of pseudonyms.
    """

    root: str
    operator: str
    sealer: 'Optional[BaseSealer]'
    record: Callable[..., Any]
    clock: Clock
    key: bytes


@contextlib.contextmanager
def _supervised(verb: str, folder: Optional[str], settings_path: Optional[str], by: Optional[str],
                clock: Optional[Clock] = None, fills: bool = False) -> Iterator[_Work]:
    """A store and what a supervisor may do there, after their PIN; it is refused while the service runs.

    Args:
        verb: one of `PAGES`.
        by: the supervisor; None for the only one.
        fills: whether exams come to it, which an encrypting station has to have a key for.
    """
    from ..operators import places
    from ..sealing import PlainSealer
    root, settings, clock = exams_root(folder, settings_path), load_settings(settings_path), clock or Clock()
    if not fills and not os.path.isdir(root):
        raise InputError('exams-folder', 'There is no folder %s.' % root, 'Check its name.')
    if not os.path.isdir(places(root).audit):  # of a demonstration, or only folders of exams
        if fills and settings.encrypt:
            raise InputError('operators-none', 'This station has no operators yet, and so no key to encrypt with.',
                             'Make the first one: thermoscreen operators add NAME')
        yield _Work(root, '', PlainSealer(), lambda *args, **facts: None, clock, os.urandom(32))
        return
    with open_station(root, settings, clock, PAGES[verb]) as station:
        if station.operators.is_new:
            raise InputError('operators-none', 'This station has no operators yet.',
                             'Make the first one: thermoscreen operators add NAME')
        supervisor = ask_supervisor(station, by)
        yield _Work(root, supervisor.id, station.keys.sealer, station.audit.append, clock, station.keys.pseudonym_key)


@contextlib.contextmanager
def _open(work: _Work) -> 'Iterator[Exams]':
    """The store, for changing it."""
    from ..exams import Exams
    opened = Exams(work.root, work.sealer, work.record if work.operator else None, work.clock)
    with contextlib.closing(opened):
        yield opened
    for message in opened.messages:
        click.echo('%s [%s]' % (message.text, message.code), err=True)


def _wanted(root: str, exam_ids: Tuple[str, ...], every: bool, sealed: bool) -> Tuple[str, ...]:
    """Ids of the exams to export."""
    from ..exams import Exam
    from ..exams.folder import exam_ids as ids_in
    from ..exams.folder import read_exam
    if bool(exam_ids) == every:
        raise InputError('exams-unnamed', 'Either exams are named, or --all.', 'See: thermoscreen exams list')
    exams: Tuple[Exam, ...] = tuple(read_exam(root, exam_id) for exam_id in (ids_in(root)[0] if every else exam_ids))
    if sealed and not all(exam.encrypted for exam in exams):
        raise InputError('export-plain', 'Not all of these exams are encrypted, so --sealed would protect nothing.',
                         'Leave out --sealed, and lock the folder away.')
    wanted = tuple(exam.id for exam in exams if exam.locked or not every)
    if not wanted:
        raise InputError('exams-none', 'There is no signed exam here.', 'See: thermoscreen exams list')
    return wanted


def _model_today(settings_path: Optional[str]) -> Optional[Dict[str, str]]:
    """Identity of the bundle that the settings name; None where there is none."""
    from ..bundle.manifest import check_manifest, read_manifest_bytes
    folder = load_settings(settings_path).bundle
    try:
        return check_manifest(read_manifest_bytes(folder), folder).identity
    except BundleError:
        return None


def _spoken(model: Dict[str, str]) -> str:
    words = [model.get('id'), model.get('version'), model.get('hash') and '(%s)' % model['hash'][:12]]
    return ' '.join(filter(None, words)) or 'one that is not known'


def told_of_exams(root: str) -> Dict[str, Tuple[int, str]]:
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
