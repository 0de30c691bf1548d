"""Running a federation: the processes of a server or a clinic, the run with its deadlines, its report, its audit chain.

NVFLARE ends with "completed" whoever was missing, waits for ever for a clinic that does not come, and takes up no job
of a killed server. So a run is watched from outside: by a time that is said before it starts it has ended, with a
report that names every clinic that was asked for and did not answer, and why.
"""
import datetime
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set

from service.clock import Clock
from service.durable import write_new
from service.messages import OK, InputError
from service.operators.chain import EMPTY, encode, follow, head_of, mac_of, read_lines, segment_name

from .core import Plan
from .guard import Arrays
from .kits import (
    END_S,
    OUTCOME,
    RUNS,
    SERVER,
    SITE,
    START_S,
    Kit,
    Project,
    check_certificates,
    check_policies,
    organisation,
)
from .rounds import read_rounds

Say = Callable[[str], None]

_MODULES = {SERVER: ('nvflare.private.fed.app.server.server_train', 'fed_server.json'),
            SITE: ('nvflare.private.fed.app.client.client_train', 'fed_client.json')}
#: Processes of jobs follow their parent within 12 s.
_STOP_S = 15
_POLL_S = 2.0
#: How a run ended.
DONE, TOO_FEW, LATE, LOST, FAILED = 'done', 'too-few', 'late', 'lost', 'failed'


# -- processes


class Process:
    """The server, or a clinic's client, of a kit.

    Args:
        kit: checked already.
        threads: of NumPy and PyTorch.
    """

    def __init__(self, kit: Kit, threads: int = 1) -> None:
        module, config = _MODULES[kit.kind]
        words = ['secure_train=true', 'org=' + organisation(kit), 'config_folder=config']
        words += ['uid=' + kit.name] if kit.kind == SITE else []
        # NVFLARE changes into the kit, so that this package is found by its place.
        root = str(Path(__file__).resolve().parents[2])
        places = [root, *filter(None, [os.environ.get('PYTHONPATH')])]
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(places), NVFLARE_SECURE_LOGGING='true',
                           OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
        with open(kit.folder / 'console.txt', 'ab') as console:
            self._process = subprocess.Popen(
                [sys.executable, '-u', '-m', module, '-m', str(kit.folder), '-s', config, '--set', *words],
                cwd=str(kit.folder), env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True)

    @property
    def pid(self) -> int:
        """Of the process itself; its jobs are processes below it."""
        return self._process.pid

    def runs(self) -> bool:
        """Whether it is alive."""
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> Optional[int]:
        """Its exit status; None where it still runs after that time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it and its jobs."""
        # Jobs are sessions of their own, and their parent no longer is when they are looked for.
        children = _below(self.pid)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.runs():
                self._process.send_signal(number)
                self.wait(_STOP_S)
        ends = time.monotonic() + _STOP_S
        while any(map(_is_alive, children)) and time.monotonic() < ends:
            time.sleep(0.2)
        for child in filter(_is_alive, children):
            child.kill()

    def kill(self) -> None:
        """Kill it and its jobs at once, as a power cut would."""
        for process in [*_below(self.pid), self._process]:
            process.kill()
        self.wait(_STOP_S)


def _below(pid: int) -> List[Any]:
    import psutil  # comes with NVFLARE

    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _is_alive(process: Any) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def probe(kit: Kit, timeout_s: float = 5) -> None:
    """Ask the server for a page, with the certificate of a kit: where this is refused, joining would be, silently.

    Raises:
        InputError: ``server-foreign``: its certificate is not of this federation, or expired; ``server-refuses``: it
            does not take ours; ``server-absent``.
    """
    place = '%s:%d' % (kit.host, kit.port)
    context = ssl.create_default_context(cafile=str(kit.root))
    # NVFLARE goes by the name in the certificate and not by the address.
    context.check_hostname = False
    context.load_cert_chain(str(kit.certificate), str(kit.key))
    try:
        with socket.create_connection((kit.host, kit.port), timeout_s) as plain, context.wrap_socket(plain) as tls:
            tls.sendall(b'GET / HTTP/1.0\r\n\r\n')
            if not tls.recv(1):
                raise ssl.SSLError('closed without an answer')
    except ssl.SSLCertVerificationError as error:
        raise InputError('server-foreign', 'The certificate of the server at %s is not one of this federation: %s.'
                         % (place, error.verify_message), 'Use a kit of the same federation, or name the right server.')
    except ssl.SSLError as error:
        raise InputError('server-refuses', 'The server at %s does not take the certificate of %s.' % (place, kit.name),
                         'Ask for a new kit.', detail=str(error))
    except OSError as error:
        raise InputError('server-absent', 'Nobody answers at %s.' % place,
                         'Start the server, or look at network and firewall.', detail=str(error))


def run_site(kit: Kit, say: Say, classes: Sequence[str] = ()) -> None:
    """Take part as a clinic, until the process is told to stop.

    Raises:
        InputError: as `check_certificates`, `check_policies` and `probe`; but a server that is not there yet is waited
            for. ``site-ended`` where NVFLARE's client ends by itself.
    """
    own = check_policies(kit, classes)
    tell_certificates((kit,), say)
    try:
        probe(kit)
    except InputError as error:
        if error.code != 'server-absent':
            raise
        say('%s Waiting for it.' % error.message.sentence)
    with Chain(kit.folder / 'audit') as chain:
        chain.append('site-started', data=own['data'])
        process = Process(kit, own['threads'])
        say('%s takes part. Its log is %s.' % (kit.name, kit.folder / 'log.txt'))
        try:
            while process.wait(60) is None:
                chain.take(kit.folder / 'audit.log')
        finally:
            process.stop()
            chain.take(kit.folder / 'audit.log')
            chain.append('site-stopped')
    raise InputError('site-ended', 'The client of %s ended by itself.' % kit.name,
                     'Look at the end of %s.' % (kit.folder / 'console.txt'))


def tell_certificates(kits: Sequence[Kit], say: Say) -> None:
    """Say which certificates end soon; where none does, which one ends first.

    Raises:
        InputError: as `check_certificates`.
    """
    messages = [message for kit in kits for message in check_certificates(kit, now())]
    soon = [message for message in messages if message.severity != OK]
    for message in soon or [min(messages, key=lambda message: message.facts['days'])]:
        say(message.text)


def now() -> datetime.datetime:
    """The date of this machine, with its time zone."""
    return datetime.datetime.now(datetime.timezone.utc)


# -- the audit chain


class Chain:
    """What happened, as entries of which each holds the hash of the one before (`service.operators.chain`).

    NVFLARE's own audit log is text that anybody can edit, so its lines are copied into the chain.

    Args:
        folder: of the chain and its key; made where it is missing.
    Raises:
        InputError: ``chain-broken``: an entry was changed since.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._clock = folder, Clock()
        self._path = folder / segment_name(1)
        folder.mkdir(parents=True, exist_ok=True)
        key = folder / 'key'
        if not key.exists():
            write_new(str(key), secrets.token_bytes(32), 0o600)
        self._key = key.read_bytes()
        self._end, self._taken = EMPTY, 0
        try:
            for entry, end in follow(read_lines(str(folder)), EMPTY, self._key):
                self._end = end
                self._taken += entry['event'] == 'nvflare'
        except Exception as error:
            raise InputError('chain-broken', 'Entry %s of the audit chain in %s was changed.'
                             % (self._end.count + 1, folder), 'Keep the folder and begin another.', detail=repr(error))
        self._file = open(self._path, 'ab')
        # What follows the last line break was being written when the power failed.
        data = self._path.read_bytes()
        self._file.truncate(data.rfind(b'\n') + 1)

    def __enter__(self) -> 'Chain':
        return self

    def __exit__(self, *exc: Any) -> None:
        self._file.close()

    def append(self, event: str, **facts: Any) -> None:
        """Add an entry; it is on the disk when this returns."""
        entry = dict(self._clock.now()._asdict(), seq=self._end.count + 1, prev=self._end.head, event=event,
                     operator='', facts=facts)
        line = encode(dict(entry, mac=mac_of(self._key, entry)))
        self._file.write(line + b'\n')
        self._file.flush()
        os.fsync(self._file.fileno())
        self._end = type(EMPTY)(self._end.count + 1, head_of(line))

    def take(self, log: Path) -> None:
        """Copy the lines of NVFLARE's audit log that are not in the chain yet."""
        try:
            lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
        except FileNotFoundError:
            return
        for line in lines[self._taken:]:
            self.append('nvflare', line=line)
        self._taken = max(self._taken, len(lines))


# -- a run


class Run(NamedTuple):
    """How a run ended.

    Attributes:
        outcome: DONE; TOO_FEW where not enough clinics came; LATE where its time was over; LOST where the server died;
            FAILED where the job ended otherwise.
        report: JSON, see `report`.
    """

    outcome: str
    report: Dict[str, Any]


def run_federation(project: Project, server: Kit, lead: Kit, plan: Plan, start: Arrays, folder: Path, say: Say,
                   executors: Mapping[str, str] = {}, started: Callable[[Process], None] = lambda process: None) -> Run:
    """Start the server, wait for the clinics, have the job run, and end in time whatever happens.

    A run that was lost or late goes on after its last finished round when it is given again.

    Args:
        project: names the run and its deadlines.
        server, lead: their kits, on this machine.
        plan, start: of the run.
        folder: for the job and the audit chain; made where it is missing.
        say: told one line at a time.
        executors: as of `nvflare_adapter.write_job`.
        started: told of the server's process.
    Raises:
        InputError: a kit that cannot be used, before anything is started.
    """
    tell_certificates((server, lead), say)
    check_policies(server)
    begun = time.monotonic()
    longest_s = project.longest_s(plan.rounds)
    ends = datetime.datetime.now() + datetime.timedelta(seconds=longest_s)
    say('It has ended by %s at the latest.' % ends.strftime('%Y-%m-%d %H:%M:%S'))
    rounds = server.folder / RUNS / project.name
    (rounds / OUTCOME).unlink(missing_ok=True)
    with Chain(folder / 'audit') as chain:
        chain.append('run-started', run=project.name, sites=plan.site_names, longest_s=longest_s)
        process = Process(server)
        started(process)
        run = _Supervised(project, lead, plan, process, begun, longest_s, say)
        try:
            outcome = run.through(folder / 'job', start, executors)
        finally:
            run.close()
            process.stop()
            chain.take(server.folder / 'audit.log')
        document = report(plan, run.joined, outcome, rounds)
        document['why'] = run.why or document['why']
        document.update(seconds=round(time.monotonic() - begun, 1), longest_s=longest_s, run=project.name)
        chain.append('run-ended', **{key: document[key] for key in (
            'run', 'outcome', 'seconds', 'rounds', 'weights', 'sites')})
    return Run(outcome, document)


class _Supervised:
    """One run, from the server's start to its end, always within its time."""

    def __init__(self, project: Project, lead: Kit, plan: Plan, process: Process, begun: float, longest_s: float,
                 say: Say) -> None:
        self._project, self._lead, self._plan, self._process = project, lead, plan, process
        self._ends, self._say = begun + longest_s - END_S, say
        self._session: Any = None
        #: Who was there when the job began, and why there was none.
        self.joined: Set[str] = set()
        self.why = ''

    def through(self, job: Path, start: Arrays, executors: Mapping[str, str]) -> str:
        """Go through it; how it ended."""
        from .nvflare_adapter import write_job

        if not self._connect():
            return FAILED if self._process.runs() else LOST
        if not self._gather():
            return LOST if not self._process.runs() else TOO_FEW
        write_job(job, self._project.name, self._plan, start, sorted(self.joined), self._project.round_s, executors)
        try:
            return self._follow(self._session.submit(job))
        except Exception as error:  # NVFLARE's, of many kinds; of its texts only this one is worth showing
            self.why = 'The server did not take the job: %s' % error
            return FAILED

    def close(self) -> None:
        """End the session, whatever has become of the server."""
        if self._session is not None:
            self._ask(lambda: self._session.close(self._process.runs()), None)

    def _connect(self) -> bool:
        from .nvflare_adapter import Lead

        ends = time.monotonic() + START_S
        while self._process.runs() and time.monotonic() < ends:
            try:
                # Only then: whoever asks NVFLARE for a session in vain leaves threads behind.
                probe(self._lead)
                self._session = Lead(self._lead, ends - time.monotonic())
                return True
            except Exception:  # also NVFLARE's, of many kinds: the server is not there yet
                time.sleep(1)
        return False

    def _gather(self) -> bool:
        """Wait until all clinics are there, or their time is over; whether they are enough."""
        ends = time.monotonic() + self._project.join_s
        while self._process.runs():
            here = self._ask(lambda: self._session.sites(), self.joined) & set(self._plan.sites)
            for site in sorted(here - self.joined):
                self._say('%s is there.' % site)
            self.joined = here
            if here == set(self._plan.sites) or time.monotonic() > ends:
                return len(here) >= self._plan.quorum
            time.sleep(_POLL_S)
        return False

    def _follow(self, job: str) -> str:
        while self._process.runs():
            status = self._ask(lambda: self._session.status(job), '')
            if status.startswith('FINISHED'):
                return DONE if status == 'FINISHED:COMPLETED' else FAILED
            if time.monotonic() > self._ends:
                self._say('Its time is over; it is stopped.')
                self._ask(lambda: self._session.abort(job), None)
                return LATE
            time.sleep(_POLL_S)
        return LOST

    @staticmethod
    def _ask(question: Callable[[], Any], otherwise: Any) -> Any:
        """The answer of the server; something else where it gives none, which the loop around decides about."""
        try:
            return question()
        except Exception:  # NVFLARE's, of many kinds
            return otherwise


# -- the report

_WHY = {'not-joined': 'was not connected', 'no-answer': 'did not answer in time',
        'failed': 'reported an error, which its own log explains', 'guard': 'was stopped by its own guard'}


def report(plan: Plan, joined: Set[str], outcome: str, folder: Path) -> Dict[str, Any]:
    """Who was asked and who took part in what.

    Args:
        plan: with everybody who was asked.
        joined: who was there when the job began.
        outcome: of the run.
        folder: of its rounds.
    Returns:
        ``outcome``; ``rounds`` finished and ``kept``; ``weights``, SHA-256 of the last ones; ``sites`` with ``used``
        rounds and ``reasons`` (reason to numbers of rounds); ``missing``: clinics that were not used in every round;
        ``why`` of the server, where it says.
    """
    federation = read_rounds(folder)
    records = federation.records if federation else []
    sites: Dict[str, Any] = {}
    for site in plan.site_names:
        reasons: Dict[str, List[int]] = {}
        used = 0
        for record in records:
            row = record['sites'].get(site, {'state': 'used'})
            code = '' if row['state'] == 'used' else row['code']
            code = code or record.get('unjudged', {}).get(site, '')
            if code:
                reasons.setdefault(code, []).append(record['round'])
            used += bool(record['round']) and row['state'] == 'used'
        if not records and site not in joined:
            reasons['not-joined'] = []
        sites[site] = {'used': used, 'reasons': reasons}
    try:
        why = json.loads((folder / OUTCOME).read_text(encoding='utf-8')).get('sentence', '')
    except (OSError, ValueError):
        why = ''
    return {'outcome': outcome, 'asked': plan.rounds, 'rounds': max(len(records) - 1, 0),
            'kept': federation.kept if federation else 0, 'weights': records[-1]['weights'] if records else '',
            'sites': sites, 'why': why,
            'missing': [site for site, row in sites.items() if row['reasons']]}


def report_lines(document: Mapping[str, Any]) -> List[str]:
    """A report in sentences."""
    ends = {DONE: 'The run ended', TOO_FEW: 'The run did not begin: too few clinics connected',
            LATE: 'The run was stopped when its time was over', LOST: 'The server ended before the run did',
            FAILED: 'The run failed'}
    lines = ['%s; %d of %d rounds are finished, and %d changed the network.'
             % (ends[document['outcome']], document['rounds'], document['asked'], document['kept'])]
    lines += [document['why']] if document['why'] else []
    for site, row in document['sites'].items():
        parts = ['%sit %s' % (_numbers(numbers), _WHY.get(reason, 'was refused (%s)' % reason))
                 for reason, numbers in row['reasons'].items()]
        lines.append('%s: used in %d of %d rounds%s.' % (site, row['used'], document['rounds'],
                                                         ''.join('; ' + part for part in parts)))
    if document['outcome'] in (LATE, LOST):
        lines.append('The same command goes on after round %d.' % document['rounds'])
    return lines


def _numbers(numbers: Sequence[int]) -> str:
    return 'in round %s ' % ', '.join(map(str, numbers)) if numbers else ''
