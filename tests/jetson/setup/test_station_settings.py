"""What the installer writes for exams, audit log and TLS, and whether units, doctor and settings agree with it."""
import re
import shlex
import subprocess

import pytest

from service.doctor import check_opening, check_rights
from service.messages import INFO, OK, PROBLEM
from service.operators.signer import SYSTEM_FOLDER
from service.settings import load_settings

STATE = '/var/lib/thermoscreen'


def _asked(root, command, **values):
    """What a function of the installer prints."""
    given = dict({'ROOT': '', 'CAMERA': 'sim', 'SETUP': str(root / 'jetson' / 'setup')}, **values)
    lines = ['set -euo pipefail'] + ['%s=%s' % (name, shlex.quote(value)) for name, value in given.items()]
    lines += ['. "$SETUP/lib/%s.sh"' % name for name in ('accounts', 'python', 'station')]
    return subprocess.check_output(['bash', '-c', '\n'.join(lines + [command])], universal_newlines=True)


@pytest.fixture
def installed(root, tmp_path):
    """The settings of a new installation of this machine, which has a systemd."""
    (tmp_path / 'settings.toml').write_text(_asked(root, 'systemctl() { :; }; settings_text'))
    return load_settings(str(tmp_path / 'settings.toml'))


def test_a_new_station_keeps_exams_and_does_not_sign_its_own_log(installed, root):
    assert (installed.exams_folder, installed.encrypt, installed.open_at) == (STATE + '/exams', True, '')
    sock = (root / 'systemd' / 'thermoscreen-audit.socket').read_text()
    assert re.search('^ListenStream=(.*)$', sock, re.MULTILINE).group(1) == installed.audit_signer
    uninstall = (root / 'jetson' / 'setup' / 'lib' / 'uninstall.sh').read_text()
    assert 'SIGNER=%s\n' % SYSTEM_FOLDER in uninstall


def test_a_staging_root_is_a_trial_without_exams(root, tmp_path):
    (tmp_path / 'settings.toml').write_text(_asked(root, 'settings_text', ROOT='/tmp/station'))
    assert load_settings(str(tmp_path / 'settings.toml')).exams_folder == ''


@pytest.mark.slow
def test_folders_of_exams_and_of_the_certificate_are_the_service_s_alone(root, fake, installed):
    process = fake('--dry-run', *fake.python)
    assert process.returncode == 0, process.stderr
    for path in (STATE, installed.exams_folder, installed.certificate.rpartition('/')[0]):
        assert 'make the folder %s (mode 700, for thermoscreen)' % path in process.stdout
    assert installed.certificate.rpartition('/')[0] == installed.certificate_key.rpartition('/')[0]


def test_doctor_agrees_with_the_rights(tmp_path, monkeypatch):
    settings = tmp_path / 'settings.toml'
    exams = tmp_path / 'exams'
    settings.write_text('[exams]\nexams_folder = "%s"\naudit_signer = "%s"\n' % (exams, tmp_path / 'socket'))
    exams.mkdir(0o700)
    assert check_rights(load_settings(str(settings))).severity == OK
    exams.chmod(0o750)
    wide = check_rights(load_settings(str(settings)))
    assert (wide.code, wide.severity) == ('rights-wide', PROBLEM) and str(exams) in wide.next_step
    exams.chmod(0o700)
    (tmp_path / 'audit.key').write_bytes(b'k')
    monkeypatch.setattr('service.doctor.SYSTEM_FOLDER', str(tmp_path))
    monkeypatch.setattr('service.doctor.os.geteuid', lambda: 1000)
    assert check_rights(load_settings(str(settings))).code == 'audit-key-readable'
    settings.write_text('[exams]\nexams_folder = "%s"\n' % exams)
    assert check_rights(load_settings(str(settings))).severity == INFO
    settings.write_text('')
    assert check_rights(load_settings(str(settings))).severity == OK


def test_doctor_says_whether_others_may_open_the_page(tmp_path):
    settings = tmp_path / 'settings.toml'
    settings.write_text('')
    assert check_opening(load_settings(str(settings))).code == 'page-closed'
    settings.write_text('[web]\nopen_at = "0.0.0.0:8443"\ncertificate = "%s"\n' % (tmp_path / 'none'))
    found = check_opening(load_settings(str(settings)))
    assert (found.code, found.subject) == ('certificate-missing', 'opening')


@pytest.mark.parametrize('open_at, expected', [('0.0.0.0:8443', 1), ('', 0)])
def test_systemd_lets_others_through_only_where_the_page_is_opened(root, tmp_path, open_at, expected):
    program = tmp_path / 'bin' / 'thermoscreen'
    program.parent.mkdir()
    program.write_text('')
    program.chmod(0o755)
    printed = _asked(root, """
        . "$SETUP/lib/units.sh"
        VENV=%s
        setting() { printf '%%s' "$OPEN_AT"; }
        put_text() { printf 'put %%s\\n' "$1"; cat; }
        open_unit""" % shlex.quote(str(tmp_path)), OPEN_AT=open_at)
    assert printed.count('IPAddressAllow=any') == printed.count('thermoscreen.service.d/open.conf') == expected
