"""The systemd units say nothing that the systemd of JetPack 4.6 (237) does not know, and give away little."""
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

from service.backup.medium import UNMOUNT_SOCKET
from service.cli.main import program
from service.operators import places
from service.operators.signer import KEY, SYSTEM_FOLDER

#: Directives newer than systemd 237, from systemd's own NEWS.
TOO_NEW = ('TemporaryFileSystem', 'PrivateMounts', 'ProtectHostname', 'RestrictSUIDSGID', 'ProtectKernelLogs',
           'ProtectClock', 'ProtectProc', 'ProcSubset', 'LoadCredential', 'ExecPaths', 'NoExecPaths',
           'ExecCondition', 'WatchdogSignal', 'LogRateLimitIntervalSec', 'TimeoutStartFailureMode', 'TimeoutAbortSec',
           'OOMPolicy', 'PrivateIPC', 'RestrictFileSystems', 'SocketBindDeny', 'SocketBindAllow')
#: Sets of system calls that 237 knows, from NEWS up to there.
KNOWN_FILTERS = {'@aio', '@basic-io', '@chown', '@clock', '@cpu-emulation', '@debug', '@default', '@file-system',
                 '@io-event', '@ipc', '@keyring', '@memlock', '@module', '@mount', '@network-io', '@obsolete',
                 '@privileged', '@process', '@raw-io', '@reboot', '@resources', '@setuid', '@signal', '@swap', '@sync',
                 '@timer'}
#: Highest exposure of the service, of at most 10, as `systemd-analyze security` counts it.
MAX_EXPOSURE = 3.0
OURS = ('thermoscreen.service', 'thermoscreen-safe.service', 'thermoscreen-engine.service',
        'thermoscreen-given-up.service', 'thermoscreen-audit.service')


@pytest.fixture(scope='module')
def units(root):
    found = sorted((root / 'systemd').rglob('*.service'))
    assert {path.name for path in found} >= set(OURS)
    return found


def _read(path):
    """Directive to its values; systemd repeats a directive to write a list."""
    values = {}
    for line in path.read_text().splitlines():
        if '=' in line and not line.startswith('#'):
            key, _, value = line.partition('=')
            values.setdefault(key, []).append(value)
    return values


def test_units_are_old_enough(units):
    for path in units:
        unit = _read(path)
        assert not set(unit) & set(TOO_NEW), path.name
        assert unit.get('Type') != ['exec'], 'Type=exec came with systemd 240'
        filters = ' '.join(unit.get('SystemCallFilter', ())).replace('~', '').split()
        assert set(filters) <= KNOWN_FILTERS, 'such as @system-service, which came with systemd 239'


def test_what_is_newer_is_in_a_drop_in_and_nothing_else_is(root):
    found = sorted((root / 'systemd' / 'newer').rglob('*.conf'))
    assert [path.parent.name[:-2] for path in found] == sorted(OURS)
    for path in found:
        assert set(_read(path)) <= set(TOO_NEW), path


def test_service_is_started_as_the_nano_needs(root):
    unit = _read(root / 'systemd' / 'thermoscreen.service')
    assert 'OPENBLAS_CORETYPE=ARMV8' in unit['Environment'], 'numpy 1.19.5 dies on the Nano without it'
    assert '--host 127.0.0.1' in unit['ExecStart'][0]
    assert unit['User'] != ['root']


def test_service_is_watched_and_started_again(root):
    unit = _read(root / 'systemd' / 'thermoscreen.service')
    assert (unit['Type'], unit['NotifyAccess'], unit['Restart']) == (['notify'], ['main'], ['always'])
    assert 0 < int(unit['WatchdogSec'][0]) <= 30
    # The service ends a crash loop by itself, after five; systemd's own limit must leave it the time to.
    assert int(unit['StartLimitBurst'][0]) > 5
    assert '79' in unit['RestartForceExitStatus'][0].split()
    assert unit['LimitCORE'] == ['0']


@pytest.mark.parametrize('state, started', [
    ('failed', ['--no-block start thermoscreen-safe.service']),
    # What systemd 237 says between a crash and the next start, at which it calls OnFailure= all the same.
    ('activating', []),
    ('inactive', []),
])
def test_safe_page_is_started_only_where_the_service_was_given_up(root, tmp_path, state, started):
    handler = _read(root / 'systemd' / 'thermoscreen.service')['OnFailure'][0]
    unit = _read(root / 'systemd' / handler)
    assert (unit['Type'], unit['StartLimitIntervalSec']) == (['oneshot'], ['0'])
    log = tmp_path / 'log'
    log.write_text('')
    systemctl = tmp_path / 'systemctl'
    systemctl.write_text('#!/bin/sh\n'
                         'if [ "$*" = "show --property=ActiveState --value thermoscreen.service" ]; then echo %s\n'
                         'else echo "$*" >> %s; fi\n' % (state, log))
    systemctl.chmod(0o755)
    command = shlex.split(unit['ExecStart'][0].replace('$$', '$'))
    subprocess.check_call(command, env={'PATH': '%s:%s' % (tmp_path, os.environ['PATH'])})
    assert log.read_text().splitlines() == started
    assert not started or (root / 'systemd' / started[0].split()[-1]).is_file()


def test_signer_has_one_right_of_root_s_and_a_socket_for_the_service(root):
    unit, sock = (_read(root / 'systemd' / ('thermoscreen-audit.%s' % kind)) for kind in ('service', 'socket'))
    assert unit['CapabilityBoundingSet'] == ['CAP_DAC_READ_SEARCH'] and '--once' in unit['ExecStart'][0].split()
    assert (sock['SocketGroup'], sock['SocketMode']) == (['thermoscreen'], ['0660'])
    station = _read(root / 'systemd' / 'thermoscreen.service')
    assert 'thermoscreen-audit.socket' in station['Wants'][0].split()
    folder, = unit['StateDirectory']
    assert '/var/lib/%s' % folder == SYSTEM_FOLDER


def test_memory_sticks_are_mounted_for_the_service_and_unmounted_where_it_asks(root):
    medium, sock = (_read(root / 'systemd' / name) for name in ('thermoscreen-medium@.service',
                                                                'thermoscreen-unmount.socket'))
    rule = (root / 'systemd' / 'udev' / '99-thermoscreen-media.rules').read_text()
    assert 'thermoscreen-medium@%k.service' in rule and 'uid=thermoscreen' in medium['ExecStart'][0]
    assert sock['ListenStream'] == [UNMOUNT_SOCKET] and sock['SocketMode'] == ['0660']
    station = _read(root / 'systemd' / 'thermoscreen.service')
    assert 'thermoscreen-unmount.socket' in station['Wants'][0].split() and '-/media' in station['ReadWritePaths'][0]
    unit = _read(root / 'systemd' / 'thermoscreen-unmount@.service')
    assert unit['ExecStart'][0].split()[1:] == ['backup', 'unmounter']
    apart = {'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'PrivateNetwork', 'ProtectKernelTunables'}
    assert not apart & (set(unit) | set(medium)), 'each of these hides its mounts from the station'


def test_keys_and_exams_are_hidden_from_who_does_not_need_them(root):
    """Each account's rights are one wall, and these lines another."""
    hidden = {name: {path.lstrip('-') for path in _read(root / 'systemd' / name)['InaccessiblePaths'][0].split()}
              for name in OURS}
    exams, secret, tls = ('/var/lib/thermoscreen/' + name for name in ('exams', 'exams.secret', 'tls'))
    assert os.path.join(SYSTEM_FOLDER, KEY) in hidden['thermoscreen.service'], 'it could rewrite the log'
    for name in ('thermoscreen-engine.service', 'thermoscreen-safe.service'):
        assert hidden[name] == {exams, secret, tls, SYSTEM_FOLDER}
    assert hidden['thermoscreen-given-up.service'] == {'/var/lib/thermoscreen', SYSTEM_FOLDER}
    # The signer reads the log and nothing of a patient.
    assert hidden['thermoscreen-audit.service'] == {exams + '/exams', secret, tls}
    assert os.path.dirname(places(exams).audit) == exams and places(exams).secret == secret
    started = [_read(root / 'systemd' / name)['ExecStart'][0].split() for name in ('thermoscreen-audit.service',
                                                                                   'thermoscreen.service')]
    assert len({words[words.index('--settings') + 1] for words in started}) == 1, 'it follows a folder that was moved'


def test_devices_of_engine_and_service_are_the_same_but_for_cameras(root):
    names = ('thermoscreen.service', 'thermoscreen-engine.service')
    service, engine = (_read(root / 'systemd' / name)['DeviceAllow'] for name in names)
    assert [line for line in service if line not in ('char-video4linux rw', 'char-usb_device rw')] == engine


@pytest.mark.parametrize('name', OURS[:2] + OURS[-1:])
def test_command_line_exists(root, name):
    """Every option that a unit gives is one that the verb has."""
    words = _read(root / 'systemd' / name)['ExecStart'][0].split()
    verb = program.get_command(None, words[1])
    verb = getattr(verb, 'commands', {}).get(words[2], verb)
    options = {option for parameter in verb.params for option in parameter.opts}
    assert {word for word in words if word.startswith('--')} <= options


@pytest.fixture(scope='module')
def staged(units, root, tmp_path_factory):
    """The units as a new system has them, with a file in place of each program."""
    if shutil.which('systemd-analyze') is None:
        pytest.skip('systemd-analyze is not installed here')
    folder = tmp_path_factory.mktemp('units') / 'etc' / 'systemd' / 'system'
    shutil.copytree(str(root / 'systemd' / 'newer'), str(folder))
    program = folder.parent / 'program'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    for path in units:
        text = re.sub('/(opt|usr/local/lib)/thermoscreen/[a-z./-]+', str(program), path.read_text())
        (folder / path.name).write_text(text)
    return folder


def test_systemd_accepts_units(staged):
    paths = [str(path) for path in sorted(staged.glob('*.service'))]
    process = subprocess.run(['systemd-analyze', '--man=no', 'verify'] + paths, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
    complaints = [line for line in process.stdout.splitlines() if 'thermoscreen' in line]
    assert process.returncode == 0 and not complaints, process.stdout


def _exposure(staged, name):
    """(exposure, directives that count against the unit) of a staged unit."""
    version = subprocess.check_output(['systemd-analyze', '--version'], universal_newlines=True).split()[1]
    if int(re.match('[0-9]+', version).group()) < 250:
        pytest.skip('systemd-analyze security --offline came with systemd 250, and this is %s' % version)
    command = ['systemd-analyze', 'security', '--offline=true', '--root=%s' % staged.parents[2]]
    rows = json.loads(subprocess.check_output(command + ['--json=short', name], universal_newlines=True))
    text = subprocess.check_output(command + ['--threshold=%d' % (10 * MAX_EXPOSURE), name], universal_newlines=True)
    return float(re.search(r'exposure level for \S+ ([0-9.]+)', text).group(1)), rows


@pytest.mark.parametrize('name', OURS)
def test_exposure_is_small(staged, name):
    exposure, _ = _exposure(staged, name)
    assert 0 < exposure <= MAX_EXPOSURE


def test_service_is_exposed_little_without_the_drop_in_too(staged, tmp_path):
    folder = tmp_path / 'etc' / 'systemd' / 'system'
    folder.mkdir(parents=True)
    shutil.copy(str(staged / OURS[0]), str(folder))
    exposure, _ = _exposure(folder, OURS[0])
    assert exposure <= MAX_EXPOSURE


def test_every_directive_that_is_not_set_is_explained(staged, root):
    words = (root / 'docs' / 'units.md').read_text(encoding='utf-8')
    _, rows = _exposure(staged, OURS[0])
    missing = {re.split('[=/]', row['name'])[0] for row in rows if row['exposure'] and not row['set']}
    assert len(missing) >= 5
    assert not [name for name in sorted(missing) if '`%s' % name not in words]
