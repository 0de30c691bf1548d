"""What a support bundle tells, part by part. Each reads only, and says nothing of what exams hold."""
import contextlib
import hashlib
import json
import os
import platform
import sqlite3
import ssl
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..anchors import find_public_key, verify_station
from ..bundle import Trust
from ..bundle.history import HISTORY_NAME
from ..bundle.install import previous_of
from ..bundle.manifest import check_manifest, read_manifest_bytes, read_plain
from ..clock import Clock, kernel_synchronised
from ..doctor import check_versions, examine
from ..exams import Reader
from ..exams.folder import QUARANTINE, exam_ids
from ..exams.store import DATABASE
from ..logbook import LOGBOOK
from ..machine import board_facts, read_text
from ..messages import Message, StorageError, ThermoscreenError
from ..operators import list_operators, places
from ..operators.audit import NOTES
from ..operators.chain import CHECKPOINTS, decode
from ..plugins import metadata
from ..settings import Settings
from ..storage import Disks, find_disk
from ..supervise.starts import FILE as STARTS
from ..telemetry import Sources
from .discretion import told_settings
from .journal import read_journal

#: Where an installed station keeps its state.
STATE = '/var/lib/thermoscreen'
#: Libraries whose versions matter.
LIBRARIES = ('numpy', 'opencv-python-headless', 'opencv-python', 'onnxruntime', 'onnxruntime-gpu', 'tensorrt', 'pycuda',
             'flask', 'werkzeug', 'jinja2', 'itsdangerous', 'waitress', 'click', 'cryptography', 'fastjsonschema',
             'prometheus_client', 'simplejpeg', 'tomli')
#: Checkpoints that are told: one a day and one a start, so some months.
_CHECKPOINTS = 200
_MAX_BYTES = 64 << 20
_ASK_S = 5.0
#: Facts that may be any text, such as that of an exception.
_ANY_TEXT = ('detail', 'folder', 'spec', 'openers')


@dataclass(frozen=True)
class Station:
    """What a bundle is made of.

    Attributes:
        settings: in force, or the built-in ones where they cannot be read.
        problem: why they cannot.
        state: folder of what the service remembers over crashes.
        live: what only the running service knows, as JSON values; None outside it.
    """

    settings: Settings
    problem: Optional[ThermoscreenError] = None
    state: str = STATE
    live: Optional[Callable[[], Dict[str, Any]]] = field(default=None)


class Part(NamedTuple):
    """A part of a bundle.

    Attributes:
        name: of it.
        tell: gives JSON values, or lines as a tuple of str, by the name of their file.
        limit_s: seconds that it may take.
    """

    name: str
    tell: Callable[[Station], Dict[str, Any]]
    limit_s: float = 15.0


def known_names(settings: Settings) -> List[str]:
    """The names of the operators of a station; they are in no part, and are looked for in all of them."""
    if not settings.exams_folder:
        return []
    with contextlib.suppress(StorageError, OSError):
        return [operator.name for operator in list_operators(places(settings.exams_folder).operators)]
    return []


def tell_versions(station: Station) -> Dict[str, Any]:
    """The program, what it runs on, and what this machine is."""
    installed = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    facts = dict(check_versions(station.settings).facts, libraries=installed, sqlite=sqlite3.sqlite_version,
                 openssl=ssl.OPENSSL_VERSION, libc=' '.join(platform.libc_ver()), python_build=sys.version)
    return {'versions.json': dict(facts, board=board_facts())}


def tell_settings(station: Station) -> Dict[str, Any]:
    """The settings, without secrets and without texts that people chose."""
    problem = station.problem and {'code': station.problem.code}
    return {'settings.json': {'settings': told_settings(station.settings), 'unreadable': problem}}


def tell_doctor(station: Station) -> Dict[str, Any]:
    """What the doctor says; inside the running service, without what only one process can have."""
    leave_out = () if station.live is None else ('model', 'camera', 'page')
    messages = [_discreet(message, station.settings) for message in examine(station.settings, leave_out)]
    lines = ['%-9s %-11s [%s] %s' % (message['severity'], message.get('subject', ''), message['code'],
                                     ' '.join(filter(None, (message['sentence'], message['next_step']))))
             for message in messages]
    return {'doctor.json': messages, 'doctor.txt': tuple(lines)}


def tell_service(station: Station) -> Dict[str, Any]:
    """What the running service says of itself, or answers when it is asked."""
    if station.live is not None:
        values = station.live()
        values['messages'] = [_discreet(Message(**message), station.settings) for message in values['messages']]
        return {'service.json': values}
    host = '[%s]' % station.settings.host if ':' in station.settings.host else station.settings.host
    answers = {}
    # A proxy of the environment has no business with this machine's own page.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for path in ('healthz', 'readiness'):
        try:
            with opener.open('http://%s:%d/%s' % (host, station.settings.port, path), timeout=_ASK_S) as answer:
                answers[path] = _codes(answer.status, answer.read(_MAX_BYTES))
        except urllib.error.HTTPError as error:
            answers[path] = _codes(error.code, error.read(_MAX_BYTES))
        except OSError as error:
            answers[path] = {'status': 'no answer', 'error': type(error).__name__}
    return {'service.json': answers}


def tell_bundle(station: Station) -> Dict[str, Any]:
    """The installed model and the one before it: versions, signature, and the hash of every file."""
    folder = station.settings.bundle
    told = {}
    for name, place in (('installed', folder), ('previous', previous_of(folder))):
        if os.path.isdir(place):
            told[name] = _told_bundle(place, Trust.from_settings(station.settings))
    history = os.path.join(os.path.dirname(os.path.abspath(folder)), HISTORY_NAME)
    with contextlib.suppress(OSError, ValueError, ThermoscreenError):
        told['history'] = json.loads(read_plain(history, _MAX_BYTES).decode('utf-8'))
    return {'bundle.json': told}


def tell_audit(station: Station) -> Dict[str, Any]:
    """How long the audit log is, and what was signed of it: an anchor that leaves the station. None of its entries."""
    settings = station.settings
    if not settings.exams_folder:
        return {'audit.json': None}
    where = places(settings.exams_folder)
    verdict = verify_station(settings.exams_folder, settings.audit_anchor, with_exams=False)
    checkpoints = []
    with contextlib.suppress(OSError):
        with open(os.path.join(where.audit, CHECKPOINTS), 'rb') as stream:
            for line in stream.read().splitlines()[-_CHECKPOINTS:]:
                with contextlib.suppress(ValueError):
                    checkpoints.append(decode(line))
    newest = checkpoints[-1] if checkpoints else {}
    public_key = find_public_key(settings.exams_folder)
    notes = os.path.join(where.audit, NOTES)
    return {'audit.json': {
        'verdict': {name: value for name, value in verdict._asdict().items() if name != 'sentence'},
        'anchor': '%s:%s' % (newest.get('count'), newest.get('head')) if newest else None,
        'public_key': public_key and public_key.hex(), 'checkpoints': checkpoints,
        'notes': len(os.listdir(notes)) if os.path.isdir(notes) else 0}}


def tell_exams(station: Station) -> Dict[str, Any]:
    """How many exams there are, and how their store is. Nothing of what they hold."""
    folder = station.settings.exams_folder
    if not folder:
        return {'exams.json': None}
    if not os.path.isdir(folder):
        raise StorageError('exams-folder', 'There is no folder of exams.')
    found, others = exam_ids(folder)
    told: Dict[str, Any] = {'folders': len(found), 'strays': len(others)}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.startswith(DATABASE) and os.path.isfile(path):
            told.setdefault('database', {})['bytes' + name[len(DATABASE):]] = os.path.getsize(path)
    quarantine = os.path.join(folder, QUARANTINE)
    told['quarantine'] = len(os.listdir(quarantine)) if os.path.isdir(quarantine) else 0
    # While nobody keeps it open, a reader would leave files beside the database that belong to this user.
    if os.path.exists(os.path.join(folder, DATABASE + '-shm')):
        try:
            told['states'] = Reader(folder).counts()
        except ThermoscreenError as error:
            told['unreadable'] = error.code
    return {'exams.json': told}


def tell_disk(station: Station) -> Dict[str, Any]:
    """What the disks of exams, state and model promise, and their room."""
    told = {}
    for name, folder in (('exams', station.settings.exams_folder), ('state', station.state),
                         ('bundle', station.settings.bundle)):
        if folder:
            disk = find_disk(folder)
            told[name] = {key: value for key, value in vars(disk).items() if key != 'mount_point'} if disk else {}
            with contextlib.suppress(OSError):
                told[name]['room'] = dict(Disks().room(folder)._asdict())
    return {'disk.json': told}


def tell_clock(station: Station) -> Dict[str, Any]:
    """What time it is here, and who says so."""
    return {'clock.json': {'now': dict(Clock().now()._asdict()), 'kernel_synchronised': kernel_synchronised(),
                           'uptime': read_text('/', 'proc/uptime')}}


def tell_starts(station: Station) -> Dict[str, Any]:
    """How the last starts ended."""
    path = os.path.join(station.state, STARTS)
    try:
        document = json.loads(read_plain(path, _MAX_BYTES).decode('utf-8'))
        safe = document.get('safe')
        return {'starts.json': {'start': document['start'], 'crashes': document['crashes'],
                                'unfinished': document['unfinished'], 'safe': safe and safe['code']}}
    except FileNotFoundError:
        return {'starts.json': None}
    except (OSError, ValueError, KeyError, TypeError, ThermoscreenError):
        raise StorageError('starts-unreadable', 'The record of starts cannot be read.')


def tell_telemetry(station: Station) -> Dict[str, Any]:
    """What the machine measures of itself now."""
    if station.live is not None:
        return {}  # the service has them, and is asked for them
    sources = Sources()
    try:
        return {'telemetry.json': sources.read()}
    finally:
        sources.close()


def tell_log(station: Station) -> Dict[str, Any]:
    """What this process logged, without what was filled into its words."""
    return {'log.json': LOGBOOK.records()}


def tell_journal(station: Station) -> Dict[str, Any]:
    """The journal of the units."""
    return {'journal.txt': tuple('%d.%06d %s %d %s' % (
        line['us'] // 10 ** 6, line['us'] % 10 ** 6, line['unit'], line['level'], line['text'])
        for line in read_journal())}


#: In this order; what is quick and certain comes first.
PARTS: Tuple[Part, ...] = (
    Part('versions', tell_versions), Part('settings', tell_settings), Part('clock', tell_clock),
    Part('starts', tell_starts), Part('log', tell_log), Part('disk', tell_disk), Part('exams', tell_exams),
    Part('audit', tell_audit, 30.0), Part('bundle', tell_bundle, 30.0), Part('service', tell_service),
    Part('telemetry', tell_telemetry, 20.0), Part('journal', tell_journal, 30.0), Part('doctor', tell_doctor, 120.0))


def _discreet(message: Message, settings: Settings) -> Dict[str, Any]:
    """A message without facts that may be any text; what a folder of files is called, and they, is not told at all."""
    told = message.to_dict()
    told['facts'] = {key: value for key, value in message.facts.items() if key not in _ANY_TEXT}
    if message.subject == 'camera' and settings.camera.split(':')[0] in ('replay', 'raw'):
        return dict(told, sentence='', next_step='', facts={})
    return told


def _codes(status: int, data: bytes) -> Dict[str, Any]:
    """Of an answer in JSON the parts that are words of the program."""
    with contextlib.suppress(ValueError, AttributeError):
        document = json.loads(data.decode('utf-8'))
        return dict({key: document[key] for key in ('status', 'code', 'severity') if key in document}, http=status)
    return {'http': status}


def _told_bundle(folder: str, trust: Trust) -> Dict[str, Any]:
    """A bundle as far as it can be read; its training and its metrics may name people."""
    told: Dict[str, Any] = {'files': {}}
    for name in sorted(os.listdir(folder)):
        with contextlib.suppress(OSError, ThermoscreenError):
            data = read_plain(os.path.join(folder, name), _MAX_BYTES)
            told['files'][name] = {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}
    try:
        data = read_manifest_bytes(folder)
        manifest = check_manifest(data, folder)
        told.update(identity=manifest.identity, created=manifest['created'], views=list(manifest.views))
        told['signed_by'] = trust.check(folder, data)
    except ThermoscreenError as error:
        told['problem'] = error.code
    return told
