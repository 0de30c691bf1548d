"""The doctor: what is here, what is wrong and what to do, one `Message` per check.

A check takes the settings and answers with a message about its subject, or with None where it does not concern the
machine. Other packages register theirs under the entry points `GROUP`. A check that fails becomes a message itself and
stops no other.
"""
import errno
import logging
import os
import platform
import shutil
import socket
import stat
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import flask
import numpy

from . import __version__
from .analysis import NO_FINDING
from .bundle import History, Trust
from .cameras.registry import open_camera
from .cameras.simulated import SimulatedCamera
from .cameras.specification import split_spec
from .cameras.v4l2 import LinuxVideoSystem, SimulatedCameraOverUsb, list_cameras
from .certificate import certificate_message, utc_now
from .clock import shown_day
from .hospital.peers import echo, peers_of, tls_message
from .kept_checks import (
    check_audit,
    check_backup,
    check_database,
    check_date,
    check_exams,
    check_keys,
    check_outbox,
    check_restore,
)
from .messages import INFO, OK, PROBLEM, WARNING, Message, ThermoscreenError, shown_size, worst
from .model_change import change_message
from .operators import places
from .operators.signer import KEY as SIGNER_KEY
from .operators.signer import SYSTEM_FOLDER
from .pipeline import Pipeline
from .plugins import metadata, plugins
from .selection import CHOICE_NAME, Runtime, noteworthy
from .storage import Disks, examine_storage, room_for_exam

if TYPE_CHECKING:
    from .cameras.v4l2 import ListedCamera, VideoSystem
    from .settings import Settings

_log = logging.getLogger(__name__)

#: Entry-point group in which other packages offer checks.
GROUP = 'thermoscreen.checks'

Check = Callable[['Settings'], Optional[Message]]

_MIB = 1024 * 1024
#: A result of 640x480 takes half a MiB: below the first there is no room for a day's work, below the second for none.
_LITTLE_BYTES, _TOO_LITTLE_BYTES = 2048 * _MIB, 200 * _MIB

#: Longer than one calibration pause of a shuttered camera (about a second on a Lepton).
_CAMERA_TIMEOUT_S = 5.0

_METRICS_LIBRARY = 'prometheus_client'

#: Why an engine does not run although nothing is wrong with it.
_NOT_THE_ENGINE = ('cuda-missing', 'backend-memory', 'tensorrt-broken')


def examine(settings: 'Settings', leave_out: Sequence[str] = ()) -> List[Message]:
    """Run every check: the service's own, then those of other packages. Never raises because of what it finds.

    Args:
        settings: of the station.
        leave_out: names of own checks that do not run.
    """
    checks = [guarded(name, check) for name, check in CHECKS if name not in leave_out]
    checks += [guarded(entry.name, _loaded(entry)) for entry in plugins(GROUP)]
    answers = [check(settings) for check in checks]
    return [message for message in answers if message is not None]


def plugin_check(name: str) -> Optional[Check]:
    """A check of another package, guarded, for callers that run it again and again; None where nobody offers it."""
    entry = next((entry for entry in plugins(GROUP) if entry.name == name), None)
    return None if entry is None else guarded(name, _loaded(entry))


def guarded(name: str, check: Check) -> Check:
    """A check that answers with the message of what `check` raises, or with ``check-failed``."""
    def run(settings: 'Settings') -> Optional[Message]:
        try:
            return check(settings)
        except ThermoscreenError as error:
            return replace(error.message, subject=name, facts={'detail': error.detail})
        except Exception as error:
            _log.debug('The check %s failed.', name, exc_info=True)
            return Message('check-failed', 'The check %s did not work here (%s).' % (name, type(error).__name__),
                           'Report this. The other checks are not affected.', WARNING, name, {'detail': str(error)})
    return run


def _loaded(entry: 'metadata.EntryPoint') -> Check:
    """A check that is imported when it runs."""
    return lambda settings: entry.load()(settings)


def check_versions(settings: 'Settings') -> Message:
    """State the versions of the program, the interpreter and the main libraries."""
    facts = {
        'thermoscreen': __version__,
        'python': platform.python_version(),
        'machine': platform.machine(),
        'system': platform.platform(),
        'numpy': numpy.__version__,
        'opencv': cv2.__version__,
        'flask': metadata.version(flask.__name__),
    }
    return Message('versions-ok', 'thermoscreen %s on Python %s, %s.' % (__version__, facts['python'],
                                                                         facts['machine']), '', OK, 'versions', facts)


def check_model(settings: 'Settings') -> Message:
    """Load the bundle as the service would, run its golden pair, and name bundle and backend."""
    try:
        with Pipeline.from_folder(settings.bundle, runtime=Runtime.from_settings(settings),
                                  trust=Trust.from_settings(settings)) as pipeline:
            manifest, backend, proof = pipeline.bundle.manifest, pipeline.backend, pipeline.proof
            passed_over = noteworthy(pipeline.passed_over)
    except ThermoscreenError as error:
        return replace(error.message, subject='model', facts={'folder': settings.bundle, 'detail': error.detail})
    identity = manifest.identity
    provider = backend.get('provider', '').replace('ExecutionProvider', '')
    words = [backend['name'], backend['version'], provider, backend['precision']]
    sentences = ['%s %s (%s) gives its golden answer on %s.'
                 % (identity['id'], identity['version'], identity['hash'][:12], ' '.join(filter(None, words)))]
    sentences += ([] if manifest.finding else [NO_FINDING]) + backend.get('notes', [])
    facts = {'bundle': identity, 'backend': backend, 'golden': proof, 'folder': settings.bundle}
    if not passed_over:
        return Message('model-ok', ' '.join(sentences), '', OK, 'model', facts)
    sentences += ['Passed over %s: %s' % (message.subject, message.sentence) for message in passed_over]
    return Message(passed_over[0].code, ' '.join(sentences), _better_model(settings, passed_over), WARNING, 'model',
                   facts)


def _better_model(settings: 'Settings', passed_over: Sequence[Message]) -> str:
    if any(message.subject.startswith('tensorrt:') and message.code not in _NOT_THE_ENGINE for message in passed_over):
        return 'Build the engine again with thermoscreen compile %s.' % settings.bundle
    if any(message.subject == CHOICE_NAME for message in passed_over):
        return 'Measure again with thermoscreen choose %s --write.' % settings.bundle
    return passed_over[0].next_step


def check_change(settings: 'Settings') -> Message:
    """Say how the last change of the model ended."""
    try:
        history = History(os.path.dirname(os.path.realpath(settings.bundle)))
    except ThermoscreenError as error:
        return replace(error.message, subject='change')
    last = history.last
    message = change_message(history) or Message(
        'change-ok', 'The model was never changed here.' if last is None
        else 'The model was changed last on %s, to %s %s.' % (shown_day(last.utc), last.after['id'],
                                                              last.after['version']),
        severity=OK)
    return replace(message, subject='change')


def check_camera(settings: 'Settings', system: 'Optional[VideoSystem]' = None) -> Message:
    """Open the camera of the settings and take one frame.

    Args:
        settings: name the camera.
        system: where USB cameras are looked for; the kernel's by default.
    """
    plugged_in = list_cameras(system or LinuxVideoSystem())
    facts: Dict[str, Any] = {'spec': settings.camera, 'plugged_in': [listed.to_dict() for listed in plugged_in]}
    try:
        with open_camera(settings.camera) as camera:
            frame = camera.read(_CAMERA_TIMEOUT_S)
            facts.update(camera.describe(), condition=frame.condition.to_dict())
    except ThermoscreenError as error:
        next_step = _alternative(error, plugged_in) or error.message.next_step
        return replace(error.message, next_step=next_step, subject='camera', facts=dict(facts, detail=error.detail))
    thermogram = frame.thermogram
    sentence = '%s gives %dx%d frames in %s.' % (
        settings.camera, thermogram.width, thermogram.height,
        'degrees Celsius' if thermogram.is_celsius else 'grey levels without temperatures')
    return Message('camera-ok', sentence, _unused(settings.camera, plugged_in), OK, 'camera', facts)


def _alternative(error: ThermoscreenError, plugged_in: 'Sequence[ListedCamera]') -> str:
    """Where a camera is missing, one that could be used instead, or why the one that is plugged in cannot."""
    if error.code != 'camera-missing':
        return ''
    usable = next((listed for listed in plugged_in if listed.spec and not listed.problem), None)
    if usable:
        return 'A %s is plugged in: --camera %s' % (usable.title, usable.spec)
    return next((listed.problem.text for listed in plugged_in if listed.problem), '')


def _unused(spec: str, plugged_in: 'Sequence[ListedCamera]') -> str:
    """A camera that is plugged in while a simulated one is used."""
    if split_spec(spec)[0] not in (SimulatedCamera.kind, SimulatedCameraOverUsb.kind):
        return ''
    usable = next((listed for listed in plugged_in if listed.spec), None)
    return 'A %s is plugged in and not used: --camera %s' % (usable.title, usable.spec) if usable else ''


def check_disk(settings: 'Settings') -> Message:
    """Look at the free space of the working folder, and write a byte to it."""
    try:
        folder = os.getcwd()
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        return Message('folder-missing', 'The working folder is not there any more (%s).' % error.strerror,
                       'Change to a folder that exists.', PROBLEM, 'disk', {'detail': str(error)})
    facts = {'folder': folder, 'free_bytes': free_bytes}
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b'\0')
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Message('disk-unwritable', '%s cannot be written (%s).' % (folder, error.strerror),
                       'Change to a folder that can be written, or check whether the disk is mounted read-only.',
                       PROBLEM, 'disk', facts)
    severity, next_step = disk_room(free_bytes)
    return Message('disk-ok' if severity == OK else 'disk-low', '%s are free for results in %s.'
                   % (shown_size(free_bytes), folder), next_step, severity, 'disk', facts)


def disk_room(free_bytes: int) -> Tuple[str, str]:
    """Severity and next step for so much free space."""
    if free_bytes < _TOO_LITTLE_BYTES:
        return PROBLEM, 'Move results away before the next one.'
    if free_bytes < _LITTLE_BYTES:
        return WARNING, 'Move results away soon.'
    return OK, ''


def check_storage(settings: 'Settings', disks: Optional[Disks] = None) -> Message:
    """What the disk of the exam folder promises, and its room.

    Args:
        settings: name the folder.
        disks: by default this machine's.
    """
    if not settings.exams_folder:
        return Message('exams-not-kept', 'No exams are kept, since exams_folder is not set.', '', OK, 'storage')
    found = examine_storage(settings.exams_folder, disks)
    room = room_for_exam(settings.exams_folder, settings.room_thresholds(), disks)
    messages = found + ([room] if room else [])
    severity = worst(*[message.severity for message in messages])
    return Message(next(message.code for message in messages if message.severity == severity),
                   ' '.join(message.sentence for message in messages),
                   ' '.join(message.next_step for message in messages if message.next_step), severity, 'storage',
                   dict(found[0].facts, room=room.facts if room else {}, codes=[message.code for message in messages]))


def check_page(settings: 'Settings') -> Message:
    """Bind the address and port of the page for a moment."""
    address = '%s:%d' % (settings.host, settings.port)
    family = socket.AF_INET6 if ':' in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return Message('port-in-use', 'Something serves %s already; it may be thermoscreen itself.' % address,
                           'If it is not, choose another port with --port.', WARNING, 'page')
        return Message('port-unavailable', 'The page cannot be served on %s (%s).' % (address, error.strerror),
                       'Choose another port with --port; ports below 1024 need privileges.', PROBLEM, 'page')
    return Message('page-ok', 'The page can be served on %s.' % address, '', OK, 'page')


def check_opening(settings: 'Settings') -> Message:
    """Whether other machines may open the page, and how the certificate is for that."""
    if not settings.open_at:
        return Message('page-closed', 'No other machine may open the page.', '', OK, 'opening')
    return replace(certificate_message(settings.certificate, settings.certificate_key, utc_now()), subject='opening')


def check_hospital(settings: 'Settings') -> Message:
    """Whether the certificates for the hospital hold, and each of its machines answers a C-ECHO."""
    site = settings.site()
    peers = peers_of(site)
    if not peers:
        return Message('hospital-none', 'No archive and no worklist is set: nothing leaves the station.', '', OK,
                       'hospital')
    found = [tls_message(site.tls)] if site.tls else []
    try:
        found += [echo(tested) for tested in peers if worst(*[one.severity for one in found]) != PROBLEM]
    except OSError as error:  # no process can be started
        return Message('hospital-crashed', 'The program that talks to the hospital cannot be started (%s).'
                       % error.strerror, 'Check free memory.', PROBLEM, 'hospital')
    severity = worst(*[message.severity for message in found])
    return Message(next(message.code for message in found if message.severity == severity),
                   ' '.join(message.sentence for message in found),
                   ' '.join(message.next_step for message in found if message.next_step), severity, 'hospital')


def check_rights(settings: 'Settings') -> Message:
    """Whether this account alone reads the exams, and does not read the key of the audit log."""
    if not settings.exams_folder:
        return Message('rights-ok', 'There are no exams that others could read.', '', OK, 'rights')
    where = places(settings.exams_folder)
    exposed = [path for path in (settings.exams_folder, where.secret) if _others_may_open(path)]
    if exposed:
        return Message('rights-wide', 'Others on this machine may read %s.' % ' and '.join(exposed),
                       'Take their rights away: chmod -R go= %s' % ' '.join(exposed), PROBLEM, 'rights')
    key = os.path.join(SYSTEM_FOLDER if settings.audit_signer else where.signer, SIGNER_KEY)
    if not settings.audit_signer:
        return Message('audit-key-here', 'The service signs the audit log itself, with a key that it can read.',
                       'Set audit_signer, where thermoscreen-audit.socket runs.', INFO, 'rights')
    if os.geteuid() and os.access(key, os.R_OK):
        return Message('audit-key-readable', 'This account can read the key of the audit log, %s.' % key,
                       'Give it to root and run chmod 600 on it.', PROBLEM, 'rights')
    return Message('rights-ok', 'The exams are closed to others, and the key of the audit log to the service.', '', OK,
                   'rights')


def _others_may_open(path: str) -> bool:
    try:
        return bool(stat.S_IMODE(os.stat(path).st_mode) & 0o077)
    except OSError:  # not made yet, or out of reach
        return False


def check_metrics(settings: 'Settings') -> Message:
    """Look for the library that writes the metrics; nothing else needs it."""
    host = '[%s]' % settings.host if ':' in settings.host else settings.host
    address = 'http://%s:%d/metrics' % (host, settings.port)
    try:
        version = metadata.version(_METRICS_LIBRARY)
    except metadata.PackageNotFoundError:
        return Message('metrics-missing', 'There are no metrics, because the library %s is not installed.'
                       % _METRICS_LIBRARY, 'Install it as requirements/ says, if Prometheus is to read %s.' % address,
                       WARNING, 'metrics', {'address': address})
    return Message('metrics-ok', 'Prometheus on this machine can read %s.' % address, '', OK, 'metrics',
                   {'address': address, 'version': version})


#: Name and check, in the order in which they are shown.
CHECKS: Tuple[Tuple[str, Check], ...] = (
    ('versions', check_versions), ('model', check_model), ('change', check_change), ('camera', check_camera),
    ('disk', check_disk), ('storage', check_storage), ('rights', check_rights), ('database', check_database),
    ('exams', check_exams), ('audit', check_audit), ('backup', check_backup),
    ('restore', check_restore), ('keys', check_keys), ('outbox', check_outbox), ('date', check_date),
    ('page', check_page), ('opening', check_opening), ('metrics', check_metrics), ('hospital', check_hospital))
