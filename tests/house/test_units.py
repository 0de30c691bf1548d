"""The systemd units say nothing that the systemd of JetPack 4.6 (237) does not know."""
import shutil
import subprocess

import pytest

#: Directives newer than systemd 237, from systemd's own NEWS.
TOO_NEW = ('TemporaryFileSystem', 'PrivateMounts', 'ProtectHostname', 'RestrictSUIDSGID', 'ProtectKernelLogs',
           'ProtectClock', 'ProtectProc', 'ProcSubset', 'LoadCredential', 'ExecPaths', 'NoExecPaths',
           'ExecCondition', 'WatchdogSignal', 'LogRateLimitIntervalSec', 'TimeoutStartFailureMode',
           'OOMPolicy', 'PrivateIPC')


@pytest.fixture(scope='module')
def units(root):
    found = sorted((root / 'systemd').glob('*.service'))
    assert found
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
        assert unit['Type'] != ['exec'], 'Type=exec came with systemd 240'
        filters = ' '.join(unit.get('SystemCallFilter', ()))
        assert '@system-service' not in filters, 'the set came with systemd 239'


def test_service_is_started_as_the_nano_needs(root):
    unit = _read(root / 'systemd' / 'thermoscreen.service')
    assert 'OPENBLAS_CORETYPE=ARMV8' in unit['Environment'], 'numpy 1.19.5 dies on the Nano without it'
    assert '--host 127.0.0.1' in unit['ExecStart'][0]
    assert unit['User'] != ['root']


def test_systemd_accepts_units(units, tmp_path):
    if shutil.which('systemd-analyze') is None:
        pytest.skip('systemd-analyze is not installed here')
    for path in units:
        # The program lies in /opt on a board; here a file stands in for it, so that the rest is judged.
        program = tmp_path / 'thermoscreen'
        program.write_text('#!/bin/sh\n')
        program.chmod(0o755)
        copy = tmp_path / path.name
        copy.write_text(path.read_text().replace('/opt/thermoscreen/bin/thermoscreen', str(program)))
        process = subprocess.run(['systemd-analyze', '--man=no', 'verify', str(copy)], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, universal_newlines=True)
        complaints = [line for line in process.stdout.splitlines() if path.name in line]
        assert process.returncode == 0 and not complaints, process.stdout
