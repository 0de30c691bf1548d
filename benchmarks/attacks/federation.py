"""A federation over real sockets whose clinics fail: what the server sees, who is named, and what is delivered.

Four clinics with simulated patients train in a network namespace that has nothing but loopback. One says that it has
nine million samples, one raises an error that names a patient, and one is killed half-way. Then two clinics train twice
more, once undisturbed and once with the server killed in a round. It needs NVFLARE (requirements/federated.txt) and the
right to make a network namespace. The exit code is 1 if anything is not as it should be.

    python -m benchmarks.attacks.federation --out DIR
"""
import datetime
import os
import shutil
import socket
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import click

from models.federated.core import Plan, Update, digest
from models.federated.ends import Start, finish, open_start, plan_of
from models.federated.guard import shapes_of
from models.federated.kits import LEAD, RUNS, SERVER, SHAPES, SITE, Kit, Project, check_certificates, harden, open_kit
from models.federated.launching import DONE, LOST, TOO_FEW, Process, Run, now, probe, report_lines, run_federation
from models.federated.nvflare_adapter import Site, make_kits
from models.federated.rounds import RECORDS, read_rounds
from service.bundle import generate_key, load_key, open_bundle, sign_bundle
from service.bundle.manifest import read_manifest_bytes
from service.bundle.signature import read_public_key, read_signature, verifies
from service.durable import atomic_write_json
from service.messages import InputError

from ..conditions import conditions

HONEST, LIAR, RAISER, KILLED = 'east', 'west', 'south', 'north'
_CLAIMED, _MOST = 9_000_000, 40
_SECRET = 'patient 4711'
_ROUNDS = 3
_PORTS = 18802, 18803


class Lies(Site):
    """A clinic that says it has many more samples than it has."""

    def answer(self, task: str, number: int, arrays: Any, fl_ctx: Any) -> Update:
        """The right weights with a wrong count."""
        update = super().answer(task, number, arrays, fl_ctx)
        return Update(update.arrays, dict(update.scalars, count=_CLAIMED))


class Raises(Site):
    """A clinic whose error names a patient."""

    def answer(self, task: str, number: int, arrays: Any, fl_ctx: Any) -> Update:
        """Nothing."""
        raise RuntimeError(_SECRET)


#: As the server's job names them; this module runs under another name.
_EXECUTORS = {LIAR: 'benchmarks.attacks.federation.Lies', RAISER: 'benchmarks.attacks.federation.Raises'}


class Federation(NamedTuple):
    """Kits of everybody, and what they train.

    Attributes:
        start: of every run here.
        server, lead, sites: kits.
    """

    start: Start
    server: Kit
    lead: Kit
    sites: Dict[str, Kit]


def _project(name: str, sites: Tuple[str, ...], join_s: int = 120) -> Project:
    return Project(name, 'localhost', 'lead@example.org', *_PORTS, dict.fromkeys(sites, _MOST), {}, join_s, 90)


def _prepare(folder: Path, sites: Tuple[str, ...]) -> Federation:
    start = open_start('', 'federated-small', ['training.samples=16'])
    made = make_kits(_project('kits', sites), folder)
    kits = {site: open_kit(made[site], SITE) for site in sites}
    for number, (site, kit) in enumerate(sorted(kits.items())):
        harden(kit, data='phantoms:%d:24' % (9_900_000 + 1000 * number), classes=[_EXECUTORS[site]]
               if site in _EXECUTORS else [])
        atomic_write_json(kit.folder / 'local' / SHAPES, shapes_of(start.arrays))
    server, lead = open_kit(made['localhost'], SERVER), open_kit(made['lead@example.org'], LEAD)
    harden(server)
    return Federation(start, server, lead, kits)


class Checks:
    """What was looked at, and whether it was as it should be."""

    def __init__(self) -> None:
        self.rows: List[Tuple[bool, str]] = []

    def __call__(self, right: Any, what: str) -> None:
        self.rows.append((bool(right), what))
        click.echo('%s  %s' % ('ok   ' if right else 'WRONG', what))


def _plan(start: Start, sites: Tuple[str, ...]) -> Plan:
    return plan_of(start, dict.fromkeys(sites, _MOST), _ROUNDS, quorum=2, mu=0.1, tolerance=0.5)


def _run(federation: Federation, name: str, sites: Tuple[str, ...], folder: Path, join_s: int = 120, **more: Any
         ) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / 'job', ignore_errors=True)
    run = run_federation(_project(name, sites, join_s), federation.server, federation.lead,
                         _plan(federation.start, sites), federation.start.arrays, folder,
                         lambda line: click.echo('       ' + line), **more)
    for line in report_lines(run.report):
        click.echo('       ' + line)
    return run


def _after(records: Path, count: int, act: Callable[[], None]) -> threading.Thread:
    """Do something when so many rounds are finished."""
    def watch() -> None:
        while not records.exists() or records.read_bytes().count(b'"round"') < count:
            time.sleep(0.2)
        time.sleep(1)  # the next round has been asked for
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def _holders(folders: List[Path]) -> List[str]:
    """Files that hold the text, also inside archives, in which it would be compressed.

    The number alone stands in times and ids by chance.
    """
    found = []
    for folder in folders:
        for path in sorted(path for path in folder.rglob('*') if path.is_file()):
            parts = [path.read_bytes()]
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    parts += [archive.read(name) for name in archive.namelist()]
            if any(_SECRET.encode() in part for part in parts):
                found.append(str(path))
    return found


def _failing_clinics(federation: Federation, folder: Path, check: Checks) -> None:
    click.echo('\nFour clinics: one lies, one raises, one is killed after round 1')
    records = federation.server.folder / RUNS / 'failing' / RECORDS
    processes = {site: Process(kit) for site, kit in federation.sites.items()}
    try:
        _after(records, 2, processes[KILLED].kill)
        run = _run(federation, 'failing', tuple(federation.sites), folder, executors=_EXECUTORS)
    finally:
        for process in processes.values():
            process.stop()
    report = run.report
    check(run.outcome == DONE and report['rounds'] == _ROUNDS, 'it ended with all rounds')
    check(report['seconds'] <= report['longest_s'], 'after %.0f s, of %d s that it said' % (
        report['seconds'], report['longest_s']))
    check(set(report['missing']) == {RAISER, KILLED}, 'missing: %s' % ', '.join(report['missing']))
    check(report['sites'][RAISER]['reasons'] == {'failed': [0, 1, 2, 3]}, 'of %s only that it failed' % RAISER)
    of_killed = report['sites'][KILLED]
    check(of_killed['used'] >= 1 and set(of_killed['reasons']) <= {'no-answer', 'not-joined'},
          '%s was there until it was killed' % KILLED)
    result = read_rounds(records.parent)
    assert result is not None
    rows = [record['sites'].get(LIAR, {}) for record in result.records[1:]]
    check(all((row['count'], row['counted']) == (_CLAIMED, _MOST) for row in rows),
          '%s said %d samples and counted for %d' % (LIAR, _CLAIMED, _MOST))
    own = _holders([federation.sites[RAISER].folder])
    check(own, '"%s" is in the logs of the clinic itself (%d files)' % (_SECRET, len(own)))
    others = [federation.server.folder, federation.lead.folder, folder,
              *(kit.folder for site, kit in federation.sites.items() if site != RAISER)]
    seen = _holders(others)
    check(not seen, 'and in no byte of server, lead and other clinics%s' % ''.join('\n' + path for path in seen))
    _deliver(federation, result, folder, check)


def _deliver(federation: Federation, result: Any, folder: Path, check: Checks) -> None:
    bundle = finish(_plan(federation.start, tuple(federation.sites)), result, folder / 'trained',
                    federation.start.source)
    public, name = generate_key(str(folder / 'release.pem'))
    sign_bundle(bundle.folder, load_key(str(folder / 'release.pem')))
    signature, reopened = read_signature(bundle.folder), open_bundle(bundle.folder)
    data, raw = read_manifest_bytes(bundle.folder), read_public_key(public).raw
    check(signature is not None and verifies(signature, data, raw),
          'the bundle is proven (%d variants agree with the network) and signed by %s' % (
              len(reopened.manifest['variants']), name))


def _killed_server(federation: Federation, folder: Path, check: Checks) -> None:
    click.echo('\nTwo clinics, undisturbed; and the same with the server killed in round 2')
    sites = (HONEST, KILLED)
    processes = [Process(federation.sites[site]) for site in sites]
    runs = federation.server.folder / RUNS
    try:
        whole = _run(federation, 'whole', sites, folder / 'whole')
        lost = _run(federation, 'killed', sites, folder / 'killed', started=lambda process: _after(
            runs / 'killed' / RECORDS, 2, process.kill))
        check(lost.outcome == LOST and 0 < lost.report['rounds'] < _ROUNDS,
              'the server was killed with %d of %d rounds finished' % (lost.report['rounds'], _ROUNDS))
        again = _run(federation, 'killed', sites, folder / 'killed')
    finally:
        for process in processes:
            process.stop()
    check(whole.outcome == again.outcome == DONE, 'the same command went on to the end')
    one, other = read_rounds(runs / 'whole'), read_rounds(runs / 'killed')
    assert one is not None and other is not None
    check(one.kept and digest(one.arrays) == digest(other.arrays) and one.records == other.records,
          'weights and records are the same, byte for byte (SHA-256 %s)' % digest(one.arrays)[:16])


def _bad_input(federation: Federation, folder: Path, check: Checks) -> None:
    click.echo('\nToo few clinics, and certificates that are not in order')
    other = make_kits(_project('kits', (HONEST, KILLED)), folder / 'other')
    foreign, own = open_kit(other[HONEST], SITE), federation.sites[HONEST]
    said: Dict[str, str] = {}

    def ask() -> None:
        for what, kit in (('foreign', foreign), ('own', own)):
            while what not in said:
                try:
                    probe(kit)
                    said[what] = ''
                except InputError as error:
                    if error.code != 'server-absent':
                        said[what] = error.message.sentence
                time.sleep(0.2)

    asking = threading.Thread(target=ask, daemon=True)
    run = _run(federation, 'few', (HONEST, KILLED), folder / 'few', join_s=10, started=lambda process: asking.start())
    check(run.outcome == TOO_FEW and run.report['missing'] == [HONEST, KILLED], 'too few clinics: it did not begin')
    check(run.report['seconds'] <= run.report['longest_s'], 'after %.0f s' % run.report['seconds'])
    check('not one of this federation' in said.get('foreign', ''), 'another kit: %s' % said.get('foreign'))
    check(said.get('own') == '', 'and its own is taken')
    for code, kit, at in (
            ('certificate-foreign', own._replace(certificate=foreign.certificate, key=foreign.key), now()),
            ('certificate-other-name', own._replace(certificate=federation.sites[KILLED].certificate,
                                                    key=federation.sites[KILLED].key), now()),
            ('certificate-expired', own, now() + datetime.timedelta(days=400))):
        try:
            check_certificates(kit, at)
            check(False, code)
        except InputError as error:
            check(error.code == code, '%s: %s' % (code, error.message.sentence))


@click.command()
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives kits, runs, logs and the bundle; it must be new.')
def main(out: Path) -> None:
    """Try a federation whose clinics fail, and print what the server saw."""
    if [name for _, name in socket.if_nameindex()] != ['lo']:
        # Somebody who is not root may make a namespace in which he is.
        words = ['unshare', '--net'] + ([] if os.geteuid() == 0 else ['--map-root-user'])
        os.execvp(words[0], [*words, 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', sys.executable, '-m',
                             'benchmarks.attacks.federation', *sys.argv[1:]])
    if out.exists():
        raise click.UsageError('%s exists.' % out)
    begun, check = time.monotonic(), Checks()
    click.echo(conditions(1))
    check([name for _, name in socket.if_nameindex()] == ['lo'], 'loopback is the only network here')
    federation = _prepare(out / 'kits', (HONEST, LIAR, RAISER, KILLED))
    _failing_clinics(federation, out / 'failing', check)
    _killed_server(federation, out, check)
    _bad_input(federation, out, check)
    wrong = sum(not right for right, _ in check.rows)
    click.echo('\n%d of %d as it should be, after %.0f s' % (len(check.rows) - wrong, len(check.rows),
                                                             time.monotonic() - begun))
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
