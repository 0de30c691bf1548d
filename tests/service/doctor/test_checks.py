"""Each check of the doctor, in good health and in bad."""
import collections
import json
import socket

import pytest
from click.testing import CliRunner

from service.cli import program
from service.doctor import CHECKS
from service.doctor.checks import camera, disk, metrics, model, page, versions
from service.messages import OK, PROBLEM, WARNING
from service.settings import Settings
from tests.fakes import bundles

Usage = collections.namedtuple('Usage', 'total used free')


def test_versions_are_named():
    report = versions.check(Settings())
    assert report.severity == OK and {'python', 'numpy', 'opencv', 'flask'} <= set(report.facts)


def test_a_good_bundle_and_a_spoiled_one(tmp_path):
    good = bundles.write(tmp_path / 'good')
    report = model.check(Settings(bundle=good, allow_unsigned=True))
    assert report.severity == OK and 'tiny 1.0.0' in report.sentence
    assert report.facts['golden']['labels_agreement'] == 1
    assert model.check(Settings(bundle=good)).code == 'bundle-unsigned'
    report = model.check(Settings(bundle=str(tmp_path)))
    assert report.severity == PROBLEM and '--bundle' in report.next_step
    assert report.code == 'bundle-missing'


def test_a_bundle_that_only_marks_regions_is_good_and_says_so(tmp_path):
    folder = bundles.write(tmp_path / 'b', bundles.without_finding(), bundles.files(finding=False))
    report = model.check(Settings(bundle=folder, allow_unsigned=True))
    assert report.severity == OK and 'tiny 1.0.0' in report.sentence and 'no finding' in report.sentence
    assert 'finding_error' not in report.facts['golden']


def test_a_bundle_that_refuses_deployment_is_a_problem(tmp_path):
    refused = bundles.document(deployment={'refused': 'It learnt the frame and not the patient.'})
    report = model.check(Settings(bundle=bundles.write(tmp_path / 'b', refused), allow_unsigned=True))
    assert report.severity == PROBLEM and report.code == 'bundle-not-for-deployment'
    assert 'It learnt the frame and not the patient.' in report.sentence


def test_a_camera_that_answers_and_one_that_is_not_there(tmp_path):
    assert camera.check(Settings(camera='sim:1')).severity == OK
    report = camera.check(Settings(camera='replay:%s' % (tmp_path / 'nowhere')))
    assert report.severity == PROBLEM and report.code == 'camera-missing'


@pytest.mark.parametrize('free, status', [(50 << 30, OK), (1 << 30, WARNING), (1 << 20, PROBLEM)])
def test_room_for_results(monkeypatch, tmp_path, free, status):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(disk.shutil, 'disk_usage', lambda folder: Usage(64 << 30, 0, free))
    report = disk.check(Settings())
    assert report.severity == status and bool(report.next_step) == (status != OK)


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    def refuse(**options):
        raise OSError(30, 'Read-only file system')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(disk.tempfile, 'NamedTemporaryFile', refuse)
    report = disk.check(Settings())
    assert report.severity == PROBLEM and 'Read-only' in report.sentence


def test_a_port_that_is_free_and_one_that_is_taken():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        assert page.check(Settings(port=port)).severity == WARNING
    assert page.check(Settings(port=port)).severity == OK


def test_metrics_that_can_be_read_and_the_library_that_is_missing(monkeypatch):
    report = metrics.check(Settings(port=8081))
    assert report.severity == OK and 'http://127.0.0.1:8081/metrics' in report.sentence and report.facts['version']
    assert 'http://[::1]:8080/metrics' in metrics.check(Settings(host='::1')).sentence

    def missing(name):
        raise metrics.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metrics.metadata, 'version', missing)
    report = metrics.check(Settings())
    assert report.severity == WARNING and report.code == 'metrics-missing' and report.next_step


def test_the_verb_shows_every_check_and_fails_with_a_problem(tmp_path):
    good = bundles.write(tmp_path / 'good')
    result = CliRunner().invoke(program, ['doctor', '--bundle', good, '--port', '1'])
    for check in CHECKS:
        assert check.__name__.rsplit('.', 1)[1] in result.output
    result = CliRunner().invoke(program, ['doctor', '--bundle', str(tmp_path), '--json'])
    assert result.exit_code == 1
    assert [entry['severity'] for entry in json.loads(result.output) if entry['subject'] == 'model'] == [PROBLEM]
