"""Each check of the doctor, in good health and in bad; USB cameras; checks that other packages offer."""
import collections
import errno
import json
import os
import socket
import subprocess
import sys
import types

import pytest
from click.testing import CliRunner

from service import doctor
from service.cameras.v4l2 import Node, SimulatedUsbCamera, SimulatedVideoSystem
from service.cameras.wire import FORMATS
from service.cli import program
from service.doctor import (
    CHECKS,
    check_camera,
    check_disk,
    check_metrics,
    check_model,
    check_page,
    check_versions,
    examine,
)
from service.messages import OK, PROBLEM, WARNING, Message, StorageError
from service.plugins import metadata
from service.settings import Settings
from tests.fakes import bundles
from tests.service.cameras.fake_clock import FakeClock
from tests.service.cameras.v4l2.scripted import ScriptedSystem

#: Checks that answer where no exams are kept.
ALWAYS = {name for name, _ in CHECKS} - {'audit', 'backup', 'exams', 'keys', 'outbox', 'restore'}

Usage = collections.namedtuple('Usage', 'total used free')


def test_versions_are_named():
    report = check_versions(Settings())
    assert report.severity == OK and {'python', 'numpy', 'opencv', 'flask'} <= set(report.facts)


def test_a_good_bundle_and_a_spoiled_one(tmp_path):
    good = bundles.write(tmp_path / 'good')
    report = check_model(Settings(bundle=good, allow_unsigned=True))
    assert report.severity == OK and 'tiny 1.0.0' in report.sentence
    assert report.facts['golden']['labels_agreement'] == 1
    assert check_model(Settings(bundle=good)).code == 'bundle-unsigned'
    report = check_model(Settings(bundle=str(tmp_path)))
    assert report.severity == PROBLEM and 'phantom-fpn' in report.next_step
    assert report.code == 'bundle-missing'


def test_a_bundle_that_only_marks_regions_is_good_and_says_so(tmp_path):
    folder = bundles.write(tmp_path / 'b', bundles.without_finding(), bundles.files(finding=False))
    report = check_model(Settings(bundle=folder, allow_unsigned=True))
    assert report.severity == OK and 'tiny 1.0.0' in report.sentence and 'no finding' in report.sentence
    assert 'finding_error' not in report.facts['golden']


def test_a_bundle_that_refuses_deployment_is_a_problem(tmp_path):
    refused = bundles.document(deployment={'refused': 'It learnt the frame and not the patient.'})
    report = check_model(Settings(bundle=bundles.write(tmp_path / 'b', refused), allow_unsigned=True))
    assert report.severity == PROBLEM and report.code == 'bundle-not-for-deployment'
    assert 'It learnt the frame and not the patient.' in report.sentence


def test_a_camera_that_answers_and_one_that_is_not_there(tmp_path):
    assert check_camera(Settings(camera='sim:1')).severity == OK
    report = check_camera(Settings(camera='replay:%s' % (tmp_path / 'nowhere')))
    assert report.severity == PROBLEM and report.code == 'camera-missing'


@pytest.mark.parametrize('free, status', [(50 << 30, OK), (1 << 30, WARNING), (1 << 20, PROBLEM)])
def test_room_for_results(monkeypatch, tmp_path, free, status):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor.shutil, 'disk_usage', lambda folder: Usage(64 << 30, 0, free))
    report = check_disk(Settings())
    assert report.severity == status and bool(report.next_step) == (status != OK)


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    def refuse(**options):
        raise OSError(30, 'Read-only file system')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor.tempfile, 'NamedTemporaryFile', refuse)
    report = check_disk(Settings())
    assert report.severity == PROBLEM and 'Read-only' in report.sentence


def test_a_port_that_is_free_and_one_that_is_taken():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert check_page(Settings(port=port)).severity == WARNING
    assert check_page(Settings(port=port)).severity == OK


def test_metrics_that_can_be_read_and_the_library_that_is_missing(monkeypatch):
    report = check_metrics(Settings(port=8081))
    assert report.severity == OK and 'http://127.0.0.1:8081/metrics' in report.sentence and report.facts['version']
    assert 'http://[::1]:8080/metrics' in check_metrics(Settings(host='::1')).sentence

    def missing(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, 'version', missing)
    report = check_metrics(Settings())
    assert report.severity == WARNING and report.code == 'metrics-missing' and report.next_step


def test_the_verb_shows_every_check_and_fails_with_a_problem(tmp_path):
    good = bundles.write(tmp_path / 'good')
    result = CliRunner().invoke(program, ['doctor', '--bundle', good, '--port', '1'])
    for name in ALWAYS:
        assert name in result.output
    result = CliRunner().invoke(program, ['doctor', '--bundle', str(tmp_path), '--json'])
    assert result.exit_code == 1
    assert [entry['severity'] for entry in json.loads(result.output) if entry['subject'] == 'model'] == [PROBLEM]


def system_of(*names):
    return SimulatedVideoSystem([SimulatedUsbCamera(FORMATS[name]) for name in names], FakeClock())


def test_a_simulated_camera_says_how_its_frame_was():
    report = check_camera(Settings(camera='simusb:lepton'), system_of())
    assert report.severity == OK and '160x120 frames in degrees Celsius' in report.sentence and not report.next_step
    assert report.facts['condition']['usable'] and report.facts['plugged_in'] == []


def test_a_camera_that_is_plugged_in_and_not_used():
    report = check_camera(Settings(camera='sim:1'), system_of('p2pro'))
    assert report.severity == OK and 'not used: --camera usb' in report.next_step
    assert report.facts['plugged_in'][0]['vid'] == '0bda'


def test_a_camera_under_another_name():
    report = check_camera(Settings(camera='v4l2:/dev/video9'), system_of('p2pro'))
    assert report.severity == PROBLEM and report.code == 'camera-missing'
    assert 'P2 Pro' in report.next_step and '--camera usb' in report.next_step


def test_a_camera_that_cannot_be_used_is_told_where_one_is_missing():
    system = ScriptedSystem(FakeClock(), node=Node('/dev/video0', 'HD Webcam', '046d', '0825'))
    report = check_camera(Settings(camera='usb:1e4e:0100'), system)
    assert report.severity == PROBLEM and 'HD Webcam' in report.next_step


def test_group_video_is_what_it_takes():
    system = ScriptedSystem(FakeClock())
    system.fail['open'] = errno.EACCES
    report = check_camera(Settings(camera='v4l2:/dev/video9'), system)
    assert 'usermod -aG video' in report.next_step


def test_nothing_at_all():
    report = check_camera(Settings(camera='v4l2:/dev/video9'), system_of())
    assert report.severity == PROBLEM and report.next_step.startswith('Plug it in')


def _offer(monkeypatch, **targets):
    entries = [metadata.EntryPoint(name, target, doctor.GROUP) for name, target in sorted(targets.items())]
    monkeypatch.setattr(doctor, 'CHECKS', ())
    monkeypatch.setattr(doctor, 'plugins', lambda group: entries if group == 'thermoscreen.checks' else [])
    module = types.ModuleType('offering')
    module.good = lambda settings: Message('good-ok', 'Threads: %d.' % settings.threads, severity=OK)
    module.silent = lambda settings: None
    module.broken = lambda settings: 1 // 0
    monkeypatch.setitem(sys.modules, 'offering', module)


def test_they_are_asked_with_the_settings(monkeypatch):
    _offer(monkeypatch, good='offering:good')
    assert examine(Settings(threads=3)) == [Message('good-ok', 'Threads: 3.', severity=OK)]


def test_what_does_not_concern_the_machine_is_not_shown(monkeypatch):
    _offer(monkeypatch, silent='offering:silent')
    assert examine(Settings()) == []


def test_broken_and_missing_ones_stop_no_other(monkeypatch):
    _offer(monkeypatch, a='offering:broken', b='nowhere.to.be.found:check', c='offering:no_such', d='offering:good')
    reports = examine(Settings())
    assert [report.severity for report in reports] == [WARNING] * 3 + [OK]
    assert all(report.code == 'check-failed' and report.next_step for report in reports[:3])
    assert 'ZeroDivisionError' in reports[0].sentence


def test_one_of_them_can_be_asked_again_and_again(monkeypatch):
    _offer(monkeypatch, good='offering:good', broken='offering:broken')
    check = doctor.plugin_check('good')
    assert [check(Settings(threads=number)).sentence for number in (1, 2)] == ['Threads: 1.', 'Threads: 2.']
    assert doctor.plugin_check('broken')(Settings()).code == 'check-failed'
    assert doctor.plugin_check('nobody') is None


def test_nothing_is_offered_in_a_bare_checkout(monkeypatch):
    _offer(monkeypatch)
    assert examine(Settings()) == []


@pytest.mark.parametrize('name', [name for name, _ in CHECKS])
def test_a_check_of_its_own_that_fails_stops_no_other(monkeypatch, name):
    def broken(settings):
        raise FileNotFoundError(2, 'No such file or directory')

    monkeypatch.setattr(doctor, 'plugins', lambda group: [])
    monkeypatch.setattr(doctor, 'CHECKS', [(name, broken), ('versions', check_versions)])
    failed, versions = examine(Settings())
    assert (failed.code, failed.subject, failed.severity) == ('check-failed', name, WARNING) and failed.next_step
    assert versions.severity == OK


def test_an_error_with_words_of_its_own_keeps_them(monkeypatch):
    def damaged(settings):
        raise StorageError('document-damaged', 'It is damaged.', 'Restore it.', 'byte 5')

    monkeypatch.setattr(doctor, 'plugins', lambda group: [])
    monkeypatch.setattr(doctor, 'CHECKS', [('keys', damaged)])
    (message,) = examine(Settings())
    assert (message.code, message.subject, message.facts) == ('document-damaged', 'keys', {'detail': 'byte 5'})


def test_a_deleted_working_folder_is_a_problem_of_the_disk_alone(tmp_path, root):
    folder = tmp_path / 'gone'
    folder.mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$1" -m service doctor --json --port 1'
    process = subprocess.run(['sh', '-c', script, str(folder), sys.executable], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, universal_newlines=True,
                             env=dict(os.environ, PYTHONPATH=str(root), LC_ALL='C.UTF-8'))
    assert process.returncode == 1, process.stderr
    messages = {message['subject']: message for message in json.loads(process.stdout)}
    assert set(messages) >= ALWAYS
    assert messages['disk']['code'] == 'folder-missing' and messages['disk']['next_step']
    assert not [name for name in ALWAYS if messages[name]['code'] == 'check-failed']
