"""``thermoscreen analyse`` on good files and bad ones."""
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from service.analysis import NO_FINDING
from service.capture_file import pack_capture
from service.cli import analyse as module
from service.cli import program
from service.messages import ThermoscreenError
from service.radiometry import Raw
from service.readers import read_thermogram
from tests.fakes import flir_files, frames
from tests.fakes.pipelines import stub_pipeline


@pytest.fixture(autouse=True)
def stub(request, monkeypatch):
    """Stands in for the bundle; answers as a test's parameters say."""
    with stub_pipeline(**getattr(request, 'param', {})) as pipeline:
        class Started:
            def __enter__(self):
                return pipeline

            def __exit__(self, *exc_info):
                pass

        monkeypatch.setattr(module, 'make_pipeline', lambda settings: Started())
        yield


@pytest.fixture
def visit(tmp_path):
    """A folder with two good matrices and three that are not."""
    folder = tmp_path / 'visit'
    folder.mkdir()
    for name in ('a', 'b'):
        np.savetxt(str(folder / (name + '.txt')), frames.torso(120, 160), fmt='%.2f')
    (folder / 'empty.txt').write_bytes(b'')
    (folder / 'words.txt').write_text('32.1 warm 30.0\n')
    np.savetxt(str(folder / 'nan.txt'), np.full((60, 80), np.nan), fmt='%.2f')
    return folder


def runner():
    """A runner that keeps standard output apart from what is said beside it."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:  # from click 8.2 on it always does
        return CliRunner()


def run(*arguments):
    return runner().invoke(program, ['analyse'] + [str(a) for a in arguments])


def test_a_file_becomes_a_folder(visit, tmp_path):
    result = run(visit / 'a.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0
    assert sorted(os.listdir(str(tmp_path / 'out' / 'a'))) == ['labels.png', 'overlay.png', 'result.json']
    assert 'Left breast 0.6 °C warmer than right.' in result.output


@pytest.mark.parametrize('stub', [{'finding': None}], indirect=True)
def test_a_model_without_a_finding_says_so(visit, tmp_path):
    result = run(visit / 'a.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert 'Left breast 0.6 °C warmer than right.' in lines[1]
    assert lines[-1] == '  ' + NO_FINDING
    document = json.loads(run(visit / 'a.txt', '--out', tmp_path / 'out', '--json').stdout)
    assert document['results'][0]['outcome'] == 'result' and document['results'][0]['finding'] is None


def test_a_bad_file_does_not_stop_the_others(visit, tmp_path):
    result = run(visit, '--out', tmp_path / 'out')
    assert result.exit_code == 1
    assert sorted(os.listdir(str(tmp_path / 'out'))) == ['a', 'b']
    assert result.stderr.count('not analysed.') == 3
    assert '2 of 5 files analysed.' in result.stderr


def test_a_capture_file_is_analysed_like_any_other(visit, tmp_path):
    (visit / 'c.tscap').write_bytes(pack_capture([Raw.of(read_thermogram(visit / 'a.txt'))]))
    assert run(visit / 'a.txt', visit / 'c.tscap', '--out', tmp_path / 'out').exit_code == 0
    first, second = (json.loads((tmp_path / 'out' / name / 'result.json').read_text()) for name in 'ac')
    assert first['regions'] == second['regions'] and first['differences'] == second['differences']


def test_json_is_json_and_nothing_else(visit, tmp_path):
    result = run(visit, '--out', tmp_path / 'out', '--json')
    document = json.loads(result.stdout)
    outcomes = {os.path.basename(entry['path']): entry['outcome'] for entry in document['results']}
    assert outcomes == {'a.txt': 'result', 'b.txt': 'result', 'empty.txt': 'failed', 'nan.txt': 'failed',
                        'words.txt': 'failed'}
    assert document['failed'] == 3


def test_a_no_result_is_an_answer(visit, tmp_path):
    np.savetxt(str(visit / 'wall.txt'), np.full((60, 80), 25.0), fmt='%.2f')
    result = run(visit / 'wall.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and 'No result:' in result.output


def test_two_files_of_one_name_do_not_overwrite_each_other(visit, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    np.savetxt(str(other / 'a.txt'), frames.torso(120, 160), fmt='%.2f')
    result = run(visit / 'a.txt', other / 'a.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 1 and 'output-name-taken' in result.stderr


@pytest.mark.parametrize('arguments', [
    lambda folder: [folder / 'nowhere', '--out', folder / 'out'],
    lambda folder: [folder / 'empty', '--out', folder / 'out'],
    lambda folder: [folder / 'a.txt', '--out', folder / 'out', '--settings', folder / 'none.toml'],
])
def test_what_cannot_start_writes_nothing(tmp_path, arguments):
    (tmp_path / 'empty').mkdir()
    result = run(*arguments(tmp_path))
    assert result.exit_code != 0
    assert isinstance(result.exception, (ThermoscreenError, SystemExit))
    assert not os.path.exists(str(tmp_path / 'out'))


def test_a_frame_of_a_recording(tmp_path):
    path = tmp_path / 'cooling.seq'
    path.write_bytes(b''.join(flir_files.frame(frames.torso(120, 160) - step, order='<') for step in range(3)))
    first = run(path, '--out', tmp_path / 'first')
    third = run(path, '--frame', 3, '--out', tmp_path / 'third', '--json')
    assert first.exit_code == 0 and 'Frame 1 of 3; --frame N' in first.stdout
    report = json.loads(third.stdout)['results'][0]
    assert (report['frame'], report['frames']) == (3, 3) and 'frame 3 of 3' in report['provenance']['notes']
    missing = run(path, '--frame', 4, '--out', tmp_path / 'out')
    assert missing.exit_code == 1 and 'frame-missing' in missing.stderr


def test_a_value_of_the_header_is_overruled(tmp_path):
    path = tmp_path / 'IMG_1.jpg'
    path.write_bytes(flir_files.flir_jpeg(flir_files.frame(frames.torso(120, 160), patch=[(0x20, 'f', 0.0)])))
    refused = run(path, '--out', tmp_path / 'out')
    assert refused.exit_code == 1 and 'the header states 0. Give the right one: --emissivity 0.98,' in refused.stderr
    assert not os.path.exists(str(tmp_path / 'out' / 'IMG_1'))
    read = run(path, '--out', tmp_path / 'out', '--emissivity', '0.98', '--json')
    report = json.loads(read.stdout)['results'][0]
    assert report['outcome'] == 'result' and report['provenance']['emissivity'] == 0.98
    assert 'computed with emissivity 0.98 instead of 0' in report['provenance']['notes']


def test_a_doubtful_header_is_told_and_does_not_stop_the_result(tmp_path):
    path = tmp_path / 'IMG_1.jpg'
    path.write_bytes(flir_files.flir_jpeg(flir_files.frame(frames.torso(120, 160), patch=[(0x28, 'f', 298.0 + 50.0)])))
    assert '  Warning: The temperatures were computed with the reflected temperature 74.85 °C; usual is -20 to 50.' in \
        run(path, '--out', tmp_path / 'out').stdout
    report = json.loads(run(path, '--out', tmp_path / 'out', '--json').stdout)['results'][0]
    written = json.loads((tmp_path / 'out' / 'IMG_1' / 'result.json').read_text())
    for document in (report, written):
        assert document['outcome'] == 'result' and 'warnings' not in document['provenance']
        first = document['checks'][0]
        assert (first['code'], first['severity'], first['facts']) == ('radiometry-unusual', 'warning',
                                                                      {'reflected_c': pytest.approx(74.85)})
    overruled = run(path, '--out', tmp_path / 'out', '--reflected', '22', '--json')
    assert all(check['severity'] == 'ok' for check in json.loads(overruled.stdout)['results'][0]['checks'])
