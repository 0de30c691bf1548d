"""Kits: the folder with which a clinic, the server or the lead takes part, its certificates and its site's policy.

A kit has `startup/` (identity: certificate, key, whom to call) and `local/` (what its owner allows). What NVFLARE 2.9
writes into `local/` lets the project's administrators run code and read files at every clinic, sends every clinic's
error log to the server and keeps jobs in ``/tmp``. So all of `local/` that decides is written here, and compared with
what is there before every start. Nothing here needs NVFLARE.
"""
import datetime
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from service.durable import atomic_write_json, storage_error
from service.messages import OK, WARNING, InputError, Message, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SERVER, SITE, LEAD = 'server', 'site', 'lead'

#: From here on somebody is told: a certificate is valid for 360 days, and new kits have to be carried to every clinic.
WARN_DAYS = 30

_ADAPTER = 'models.federated.nvflare_adapter.'
#: The only classes that a job may name, each where it runs. The guard is in the site's own policy and in no job.
ROUNDS, CLINIC = _ADAPTER + 'Rounds', _ADAPTER + 'Site'
_LEAVING = _ADAPTER + 'Leaving'

#: A site that has been silent for so long is given up. NVFLARE waits 600 s, and a job ends only after that.
HEART_BEAT_TIMEOUT_S = 30

#: In the server's kit, a folder for every run: its checkpoints and, at the end, `OUTCOME`.
RUNS, OUTCOME = 'runs', 'outcome.json'

#: The file in `local/` of a site with the arrays that may leave it (`models.federated.guard.shapes_of`).
SHAPES = 'shapes.json'
_RIGHTS = ('submit_job', 'clone_job', 'manage_job', 'download_job', 'view', 'operate', 'shell_commands', 'byoc',
           'server-predeployed-flwr')
_ROLES = ('project_admin', 'org_admin', 'lead', 'member')
_SCOPE = 'clinic'
_DAY = datetime.timedelta(days=1)
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9.-]{0,62}\Z')
_ADDRESS = re.compile(r'[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\Z')


class Project(NamedTuple):
    """What everybody in a federation has agreed on, from a TOML file.

    Attributes:
        name: of the federation, and of its run.
        server: host name of the server, as the clinics reach it.
        lead: who starts jobs, written as an address of e-mail.
        port, admin_port: of the server, for the clinics and for the lead.
        sites: every clinic, and the number of samples that it counts for at most.
        plan: further arguments of `models.federated.core.Plan`.
        join_s, round_s: how long clinics may take to connect, and to answer once; in a round they are asked twice.
    """

    name: str
    server: str
    lead: str
    port: int
    admin_port: int
    sites: Dict[str, int]
    plan: Dict[str, Any]
    join_s: int
    round_s: int

    def longest_s(self, rounds: int) -> int:
        """When a run has ended at the latest, in seconds from its start."""
        return START_S + self.join_s + START_S + (2 * rounds + 1) * self.round_s + END_S


#: How long the server may take to start, and a job as long again; and how long both may take to end.
START_S, END_S = 90, 60
_KEYS: Dict[str, Any] = {'name': None, 'server': None, 'lead': None, 'port': 8002, 'admin_port': 8003, 'sites': None,
                         'plan': {}, 'deadlines': {}}
_DEADLINES = {'join': 600, 'round': 1800}


def read_project(path: Path) -> Project:
    """A project from its TOML file.

    Raises:
        InputError: ``project-unreadable`` or ``project-invalid``.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError('project-unreadable', '%s cannot be read: %s.' % (path, error), 'Name a TOML file.')
    for keys, table in ((_KEYS, document), (_DEADLINES, document.get('deadlines', {}))):
        for key in table:
            if key not in keys:
                raise _invalid(path, '%r is no key.' % key, did_you_mean(key, keys))
    values = {**_KEYS, **document}
    deadlines = {**_DEADLINES, **values['deadlines']}
    sites, names = values['sites'], ('name', 'server')
    for wrong, sentence in (
            (any(not isinstance(values[key], str) or not is_site_name(values[key]) for key in names),
             'name and server are names of letters, digits, dots and hyphens.'),
            (not isinstance(values['lead'], str) or not _ADDRESS.match(values['lead']),
             'lead is an address such as lead@example.org.'),
            (any(type(values[key]) is not int or not 1024 <= values[key] < 65536 for key in ('port', 'admin_port'))
             or values['port'] == values['admin_port'], 'port and admin_port are two numbers from 1024 to 65535.'),
            (not isinstance(sites, dict) or len(sites) < 2 or any(
                not is_site_name(site) or type(most) is not int or most < 1 for site, most in sites.items()),
             '[sites] lists two clinics at least, each as NAME = the most samples that it counts for.'),
            (any(type(value) is not int or value < 1 for value in deadlines.values()),
             'Deadlines are whole seconds, 1 or more.'),
            (not isinstance(values['plan'], dict), '[plan] is a table.')):
        if wrong:
            raise _invalid(path, sentence)
    return Project(values['name'], values['server'], values['lead'], values['port'], values['admin_port'], sites,
                   values['plan'], deadlines['join'], deadlines['round'])


def _invalid(path: Path, sentence: str, next_step: str = '') -> InputError:
    return InputError('project-invalid', '%s: %s' % (path, sentence), next_step or 'Correct the file.')


# -- a kit


class Kit(NamedTuple):
    """A kit, as its `startup/` says.

    Attributes:
        folder: of the kit.
        kind: SERVER, SITE or LEAD.
        name: whose it is; must be the name in its certificate.
        host, port: of the server.
        certificate, key, root: files.
    """

    folder: Path
    kind: str
    name: str
    host: str
    port: int
    certificate: Path
    key: Path
    root: Path


def open_kit(folder: Path, kind: str) -> Kit:
    """The kit in a folder.

    Args:
        kind: what it has to be.
    Raises:
        InputError: ``kit-missing``, ``kit-unreadable`` or ``kit-other``.
    """
    startup = Path(folder) / 'startup'
    found = [name for name, file in _STARTUP.items() if (startup / file).is_file()]
    if not found:
        raise InputError('kit-missing', '%s is no kit of a federation.' % folder,
                         'Name a folder that thermoscreen federate kits made.')
    if found != [kind]:
        raise InputError('kit-other', '%s is the kit of a %s, and this needs that of a %s.' % (folder, found[0], kind),
                         'Name another kit.')
    path = startup / _STARTUP[kind]
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        if kind == LEAD:
            admin = document['admin']
            name, host, port = admin['username'], admin['host'], admin['port']
        else:
            server = document['servers'][0]
            host, _, port = server['service']['target'].rpartition(':')
            name = host if kind == SERVER else document['client']['fqsn']
        stem = 'server' if kind == SERVER else 'client'
        return Kit(Path(folder).resolve(), kind, str(name), str(host), int(port), startup / (stem + '.crt'),
                   startup / (stem + '.key'), startup / 'rootCA.pem')
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError('kit-unreadable', '%s is damaged.' % path, 'Copy the kit again.', detail=repr(error))


_STARTUP = {SERVER: 'fed_server.json', SITE: 'fed_client.json', LEAD: 'fed_admin.json'}


# -- certificates


def check_certificates(kit: Kit, now: datetime.datetime) -> List[Message]:
    """Look at the certificates of a kit before anything is started.

    NVFLARE's client with a certificate that the server does not take tries again for ever and logs no reason.

    Args:
        now: with a time zone.
    Returns:
        A message for the kit's own certificate and one for the root's: OK, or WARNING within `WARN_DAYS` of its end.
    Raises:
        InputError: ``certificate-missing``, ``certificate-unreadable``, ``certificate-foreign``,
            ``certificate-other-name``, ``certificate-other-key``, ``certificate-expired`` or ``certificate-early``.
    """
    own, root = _read_certificate(kit.certificate), _read_certificate(kit.root)
    try:
        own.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        raise InputError('certificate-foreign', 'The certificate of %s was not signed by the root of this kit.'
                         % kit.name, 'Use the kit as it was delivered, with certificate and root of one federation.')
    name = _subject(own, NameOID.COMMON_NAME)
    if name != kit.name:
        raise InputError('certificate-other-name', 'The kit is that of %s, and the certificate in it that of %s.'
                         % (kit.name, name), 'Every site uses its own kit, unchanged.')
    if _public(_read_key(kit.key).public_key()) != _public(own.public_key()):
        raise InputError('certificate-other-key', 'The key of %s does not belong to its certificate.' % kit.name,
                         'Use the kit as it was delivered.')
    return [_check_age('The certificate of %s' % kit.name, own, now),
            _check_age('The root certificate of %s' % kit.name, root, now)]


def organisation(kit: Kit) -> str:
    """The organisation in a kit's certificate, which the site's policy goes by."""
    return _subject(_read_certificate(kit.certificate), NameOID.ORGANIZATION_NAME)


def _check_age(what: str, certificate: x509.Certificate, now: datetime.datetime) -> Message:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends:
        raise InputError('certificate-expired', '%s expired on %s.' % (what, ends.date()),
                         'Make new kits, or correct the date of this machine.')
    if now < begins:
        raise InputError('certificate-early', '%s is valid from %s on, and this machine says %s.'
                         % (what, begins.date(), now.date()), 'Correct the date of this machine.')
    days = int((ends - now) / _DAY)
    soon = days < WARN_DAYS
    return Message('certificate-ends' if soon else 'certificate', '%s ends on %s, in %d days.'
                   % (what, ends.date(), days), 'Make new kits and carry them to every site.' if soon else '',
                   WARNING if soon else OK, facts={'days': days})


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError as error:
        raise InputError('certificate-unreadable', '%s is no certificate.' % path, 'Copy the kit again.',
                         detail=str(error))


def _read_key(path: Path) -> Any:
    try:
        return serialization.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError) as error:
        raise InputError('certificate-unreadable', '%s is no private key.' % path, 'Copy the kit again.',
                         detail=str(error))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError('certificate-missing', '%s cannot be read.' % path, 'Copy the kit again.', detail=str(error))


def _subject(certificate: x509.Certificate, field: Any) -> str:
    values = certificate.subject.get_attributes_for_oid(field)
    return str(values[0].value) if values else ''


def _public(key: Any) -> bytes:
    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


# -- the policy


def policies(kit: Kit, data: str = '', threads: int = 1, classes: Sequence[str] = ()) -> Dict[str, Any]:
    """What `local/` of a kit has to say, by file name; empty for the lead, who allows nobody anything.

    Args:
        data: where a site's thermograms are; it stays in the site.
        threads: that a site trains with.
        classes: further classes that jobs may name here. A product needs none.
    """
    if kit.kind == SERVER:
        return {'resources.json': _server_resources(kit, classes), 'authorization.json': _authorization(
            submit_job='any', manage_job='n:submitter', download_job='n:submitter', view='any')}
    if kit.kind == SITE:
        return {'resources.json': _site_resources(classes),
                'authorization.json': _authorization(submit_job='any', manage_job='n:submitter', view='any'),
                'privacy.json': _privacy(data, threads)}
    return {}


def _authorization(**lead: str) -> Dict[str, Any]:
    """Nobody may do anything but the lead, who may start, watch and stop jobs; nobody may bring code or read files."""
    rights = {role: dict.fromkeys(_RIGHTS, 'none') for role in _ROLES}
    rights['lead'].update(lead)
    return {'format_version': '1.0', 'permissions': rights}


def _site_resources(classes: Sequence[str]) -> Dict[str, Any]:
    # Every further key at the top of this file would be sent to the server when the site registers.
    return {
        'format_version': 2,
        'class_list_enforcement_mode': 'enforce',
        'class_allow_list': [CLINIC, *classes],
        'allow_log_streaming': False,
        'client': {'retry_timeout': 30, 'compression': 'Gzip'},
        'components': [
            _component('resource_manager', 'resource_managers.gpu_resource_manager.GPUResourceManager',
                       num_of_gpus=0, mem_per_gpu_in_GiB=0, expiration_period=300),
            _component('resource_consumer', 'resource_consumers.gpu_resource_consumer.GPUResourceConsumer'),
            _component('process_launcher', 'job_launcher.client_process_launcher.ClientProcessJobLauncher')]}


def _server_resources(kit: Kit, classes: Sequence[str]) -> Dict[str, Any]:
    def store(name: str) -> Dict[str, Any]:
        return {'root_dir': str(kit.folder / name), 'uri_root': '/'}

    storage = 'storages.filesystem_storage.FilesystemStorage'
    return {
        'format_version': 2,
        'class_list_enforcement_mode': 'enforce',
        'class_allow_list': [ROUNDS, *classes],
        'allow_log_streaming': False,
        'servers': [{'admin_storage': 'transfer', 'max_num_clients': 100, 'heart_beat_timeout': HEART_BEAT_TIMEOUT_S,
                     'admin_timeout': 10.0}],
        'snapshot_persistor': {
            'path': 'nvflare.app_common.state_persistors.storage_state_persistor.StorageStatePersistor',
            'args': {'uri_root': '/', 'storage': {'path': 'nvflare.app_common.' + storage,
                                                  'args': store('snapshots')}}},
        'components': [
            _component('job_scheduler', 'job_schedulers.job_scheduler.DefaultJobScheduler', max_jobs=1),
            {'id': 'job_manager', 'path': 'nvflare.apis.impl.job_def_manager.SimpleJobDefManager',
             'args': {'uri_root': str(kit.folder / 'jobs'), 'job_store_id': 'job_store'}},
            _component('job_store', storage),
            _component('process_launcher', 'job_launcher.server_process_launcher.ServerProcessJobLauncher')]}


def _component(identifier: str, path: str, **arguments: Any) -> Dict[str, Any]:
    return {'id': identifier, 'path': 'nvflare.app_common.' + path, 'args': arguments}


def _privacy(data: str, threads: int) -> Dict[str, Any]:
    """The site's own filters: they hold for every task of every job, whatever the job says."""
    return {'scopes': [{'name': _SCOPE, 'properties': {'data': data, 'threads': threads},
                        'task_result_filters': [{'path': _LEAVING, 'args': {}}]}],
            'default_scope': _SCOPE}


def harden(kit: Kit, data: str = '', threads: int = 1, classes: Sequence[str] = ()) -> None:
    """Write the policy of a kit.

    Args:
        data, threads, classes: as of `policies`.
    Raises:
        StorageError: it cannot be written.
    """
    local = kit.folder / 'local'
    try:
        local.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(error, str(local))
    for name, document in policies(kit, data, threads, classes).items():
        atomic_write_json(local / name, document)


def check_policies(kit: Kit, classes: Sequence[str] = ()) -> Mapping[str, Any]:
    """Refuse a kit whose policy is not the hardened one, or that brings code of its own.

    Returns:
        The site's own settings: ``data`` and ``threads``.
    Raises:
        InputError: ``kit-not-hardened``.
    """
    own = own_settings(kit)
    for name, expected in policies(kit, own['data'], own['threads'], classes).items():
        if _read_policy(kit, name) != expected:
            raise _loose(kit, name)
    # Python files there are imported by NVFLARE itself.
    if any((kit.folder / 'local' / 'custom').glob('**/*.py')):
        raise _loose(kit, 'custom')
    return own


def own_settings(kit: Kit) -> Mapping[str, Any]:
    """What a site has set for itself, ``data`` and ``threads``; nothing of it where it cannot be read."""
    try:
        properties = _read_policy(kit, 'privacy.json')['scopes'][0]['properties']
        return {'data': str(properties['data']), 'threads': int(properties['threads'])}
    except (KeyError, IndexError, TypeError, ValueError):
        return {'data': '', 'threads': 1}


def _read_policy(kit: Kit, name: str) -> Any:
    """A policy as it is; None where it cannot be read."""
    try:
        return json.loads((kit.folder / 'local' / name).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None


def _loose(kit: Kit, name: str) -> InputError:
    return InputError('kit-not-hardened', '%s is not as it was made: it may allow more than it should.'
                      % os.path.join(str(kit.folder), 'local', name),
                      'Write it again with thermoscreen federate harden %s.' % kit.folder)


def is_site_name(name: str) -> bool:
    """Whether NVFLARE and a file system take it as the name of a site or a run."""
    return bool(_NAME.match(name))
