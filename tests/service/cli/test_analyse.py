"""``thermoscreen analyse`` on good files and bad ones."""
import csv
import hashlib
import json
import os

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from service import __version__
from service.analysis import NO_FINDING
from service.capture_file import pack_capture
from service.cli import analyse as module
from service.cli import program
from service.messages import StorageError, ThermoscreenError, printable
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
        yield pipeline


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
    assert 'Left breast 0.6 °C warmer than right.' in lines[-4]
    assert lines[-1] == '  ' + NO_FINDING
    document = json.loads(run(visit / 'a.txt', '--out', tmp_path / 'out', '--json').stdout)
    assert document['results'][0]['outcome'] == 'result' and document['results'][0]['finding'] is None


def test_a_bad_file_does_not_stop_the_others(visit, tmp_path):
    result = run(visit, '--out', tmp_path / 'out')
    assert result.exit_code == 1
    assert sorted(os.listdir(str(tmp_path / 'out'))) == ['a', 'b', 'contact-sheet.png', 'summary.csv']
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
    assert document['failed'] == 3 and document['interrupted'] is False
    assert [os.path.basename(path) for path in document['summary']] == ['summary.csv', 'contact-sheet.png']
    hashes = {os.path.basename(entry['path']): entry['input']['sha256'] for entry in document['results']}
    assert hashes == {name: hashlib.sha256((visit / name).read_bytes()).hexdigest() for name in outcomes}


def test_a_no_result_is_an_answer(visit, tmp_path):
    np.savetxt(str(visit / 'wall.txt'), np.full((60, 80), 25.0), fmt='%.2f')
    result = run(visit / 'wall.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and 'No result:' in result.output


@pytest.mark.parametrize('stub', [{'view': 'left-oblique'}], indirect=True)
def test_a_side_view_is_named_everywhere(visit, tmp_path):
    sentence = 'This is a left oblique view: left and right are not compared, and the heat pattern is not judged.'
    one = run(visit / 'a.txt', '--out', tmp_path / 'one').stdout
    assert sentence in one and 'No result' not in one and NO_FINDING not in one
    several = run(visit, '--out', tmp_path / 'out').stdout
    line = next(line for line in several.splitlines() if line.startswith('a.txt'))
    assert line.endswith('left oblique view') and '+0.60' not in line and '30.0' in line
    row = next(row for row in rows_of(tmp_path / 'out') if row['input'] == 'a.txt')
    assert (row['outcome'], row['view'], row['code'], row['sentence']) == (
        'result', 'left-oblique', 'side-view', sentence)
    assert row['breast_left_minus_right_mean'] == row['finding'] == '' and float(row['left_breast_mean']) > 30
    document = json.loads((tmp_path / 'out' / 'a' / 'result.json').read_text(encoding='utf-8'))
    assert document['schema'] == 4 and document['view'] == 'left-oblique'


@pytest.mark.parametrize('stub', [{'view': 'none'}], indirect=True)
def test_what_is_no_torso_leaves_no_labels(visit, tmp_path):
    result = run(visit / 'a.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and 'There is no torso in the picture. Place the patient' in result.stdout
    assert sorted(os.listdir(str(tmp_path / 'out' / 'a'))) == ['overlay.png', 'result.json']


def test_one_file_is_a_table_of_temperatures(visit, tmp_path):
    lines = run(visit / 'a.txt', '--out', tmp_path / 'out').stdout.splitlines()
    heads, rows = lines[1:3], {line.split()[0]: line.split()[1:] for line in lines[3:7]}
    assert 'mean, °C' in heads[0] and heads[1].split() == ['right', 'left', 'left-right'] * 2
    assert list(rows) == ['breast', 'nipple', 'armpit', 'neck']
    regions = json.loads((tmp_path / 'out' / 'a' / 'result.json').read_text(encoding='utf-8'))['regions']
    right, left, difference = map(float, rows['breast'][:3])
    assert right == round(regions['right_breast']['mean'], 1) and left == round(regions['left_breast']['mean'], 1)
    assert abs(difference - (regions['left_breast']['mean'] - regions['right_breast']['mean'])) < 0.01


def test_several_files_are_a_line_each(visit, tmp_path):
    np.savetxt(str(visit / 'wall.txt'), np.full((60, 80), 25.0), fmt='%.2f')
    cv2.imwrite(str(visit / 'grey.png'), (frames.torso(120, 160) * 6).astype(np.uint8))
    out = run(visit, '--out', tmp_path / 'out').stdout
    lines = {line.split()[0]: line for line in out.splitlines()[2:]}
    assert '+0.60' in lines['a.txt'] and 'No result: ' in lines['wall.txt'] and 'grey levels' in lines['grey.png']
    assert 'In °C.' in out and str(tmp_path / 'out' / 'summary.csv') in out


def rows_of(folder):
    with open(str(folder / 'summary.csv'), encoding='utf-8', newline='') as stream:
        return list(csv.DictReader(stream))


def test_a_summary_has_a_row_for_each_input(visit, tmp_path):
    np.savetxt(str(visit / 'wall.txt'), np.full((60, 80), 25.0), fmt='%.2f')
    run(visit, '--out', tmp_path / 'out')
    rows = {row['input']: row for row in rows_of(tmp_path / 'out')}
    assert {name: row['outcome'] for name, row in rows.items()} == {
        'a.txt': 'result', 'b.txt': 'result', 'wall.txt': 'no-result', 'empty.txt': 'failed', 'nan.txt': 'failed',
        'words.txt': 'failed'}
    for name, row in rows.items():
        assert row['sha256'] == hashlib.sha256((visit / name).read_bytes()).hexdigest() and 'adjunct' in row['notice']
    assert rows['empty.txt']['code'] == 'file-empty' and rows['wall.txt']['code'] and rows['wall.txt']['sentence']
    document = json.loads((tmp_path / 'out' / 'a' / 'result.json').read_text(encoding='utf-8'))
    assert float(rows['a.txt']['left_breast_mean']) == document['regions']['left_breast']['mean']
    assert float(rows['a.txt']['breast_left_minus_right_mean']) == document['differences']['breast']['mean']
    assert rows['a.txt']['quality'] == '%d of %d checks passed' % ((len(document['checks']),) * 2)
    assert rows['wall.txt']['quality'] != rows['a.txt']['quality'] and rows['a.txt']['program'] == __version__
    assert rows['a.txt']['bundle_hash'] == document['bundle']['hash'] and document['program'] == __version__
    assert rows['a.txt']['breast_left_minus_right_exceeds'] == 'no' and rows['a.txt']['written_at'].endswith('Z')


def test_a_summary_is_of_what_lies_there(visit, tmp_path):
    """Also when one file is analysed again, or a result was changed since."""
    out = tmp_path / 'out'
    run(visit / 'a.txt', visit / 'b.txt', '--out', out)
    np.savetxt(str(visit / 'a.txt'), frames.torso(120, 160) + 1, fmt='%.2f')
    refused = run(visit / 'a.txt', '--out', out)
    assert refused.exit_code == 1 and 'result-of-another-file' in refused.stderr
    run(visit / 'a.txt', '--out', out, '--force')
    (out / 'b' / 'labels.png').write_bytes((out / 'a' / 'overlay.png').read_bytes())
    run(visit / 'a.txt', '--out', out)
    rows = {row['result']: row for row in rows_of(out)}
    assert rows['a']['sha256'] == hashlib.sha256((visit / 'a.txt').read_bytes()).hexdigest()
    assert rows['b']['code'] == 'result-changed' and rows['b']['left_breast_mean'] == ''


def test_a_summary_of_somebody_else_stays(visit, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'summary.csv').write_text('mine\n')
    result = run(visit, '--out', out)
    assert isinstance(result.exception, ThermoscreenError) and result.exception.code == 'output-exists'
    assert os.listdir(str(out)) == ['summary.csv'] and (out / 'summary.csv').read_text() == 'mine\n'


def test_a_summary_that_cannot_be_written_keeps_no_result_back(visit, tmp_path, monkeypatch):
    def full(folder, failures):
        raise StorageError('disk-full', 'The disk is full.')
    monkeypatch.setattr(module, 'write_summary', full)
    result = run(visit, '--out', tmp_path / 'out')
    assert result.exception.code == 'disk-full' and 'a.txt' in result.stdout and 'empty.txt' in result.stderr
    assert sorted(os.listdir(str(tmp_path / 'out'))) == ['a', 'b']


def test_a_folder_that_takes_its_own_results(visit):
    for _ in range(2):
        result = run(visit, '--out', visit)
        assert '2 of 5 files analysed.' in result.stderr


def test_a_name_is_no_formula(visit, tmp_path):
    (visit / 'a.txt').rename(visit / '=1+1.txt')
    run(visit / '=1+1.txt', visit / 'b.txt', '--out', tmp_path / 'out')
    assert sorted(row['input'] for row in rows_of(tmp_path / 'out')) == ["'=1+1.txt", 'b.txt']


@pytest.mark.parametrize('name', [b'\xff.txt', b'\x1b[2J\n.txt'])
def test_a_name_that_no_screen_shows(visit, tmp_path, name):
    """OpenCV crashes when it is given the first of them."""
    (visit / 'a.txt').rename(visit / os.fsdecode(name))
    result = run(visit / os.fsdecode(name), visit / 'b.txt', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and '\x1b' not in result.stdout
    assert printable(os.fsdecode(name)) in [row['input'] for row in rows_of(tmp_path / 'out')]


def test_a_contact_sheet_shows_every_overlay(visit, tmp_path):
    run(visit / 'a.txt', visit / 'b.txt', '--out', tmp_path / 'out')
    sheet = cv2.imread(str(tmp_path / 'out' / 'contact-sheet.png'))
    assert sheet.shape == (392, 800, 3)
    # The same overlay twice, with another name below.
    assert np.array_equal(sheet[:300, :400], sheet[:300, 400:]) and sheet[:300, :400].std() > 20
    assert not np.array_equal(sheet[300:348, :400], sheet[300:348, 400:])


@pytest.mark.parametrize('ended', [0, 1, 2])
def test_an_interrupted_run_says_how_far_it_came(visit, tmp_path, stub, monkeypatch, ended):
    np.savetxt(str(visit / 'c.txt'), frames.torso(120, 160), fmt='%.2f')
    analyse, left = stub.analyse, [ended]

    def interrupted(thermogram):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return analyse(thermogram)
    monkeypatch.setattr(stub, 'analyse', interrupted)
    out = tmp_path / 'out'
    result = run(visit / 'a.txt', visit / 'b.txt', visit / 'c.txt', '--out', out)
    assert result.exit_code == 130
    if not ended:
        assert 'before the first of 3 files' in result.stderr and not out.exists()
        return
    assert 'Interrupted after %d of 3 files; their results are complete in %s.' % (ended, out) in result.stderr
    assert [row['input'] for row in rows_of(out)] == ['a.txt', 'b.txt'][:ended]
    assert run('--verify', '--out', out).exit_code == 0
    # It goes on with what is wanting, and with what is not as it was written.
    before = {name: (out / name / 'result.json').read_bytes() for name in ('a', 'b')[:ended]}
    (out / 'a' / 'overlay.png').write_bytes(b'other')
    analysed = []
    monkeypatch.setattr(stub, 'analyse', lambda thermogram: analysed.append(1) or analyse(thermogram))
    result = run(visit / 'a.txt', visit / 'b.txt', visit / 'c.txt', '--out', out, '--resume')
    assert result.exit_code == 0 and '%d of them before; their results were kept.' % (ended - 1) in result.stderr
    assert len(analysed) == 3 - (ended - 1) and [row['input'] for row in rows_of(out)] == ['a.txt', 'b.txt', 'c.txt']
    assert [(out / name / 'result.json').read_bytes() == before[name] for name in before] == [False, True][:ended]


def test_results_are_verified(visit, tmp_path):
    out = tmp_path / 'out'
    run(visit / 'a.txt', visit / 'b.txt', '--out', out)
    whole = run('--verify', '--out', out)
    assert whole.exit_code == 0 and whole.stdout.count('as it was written') == 2
    assert run('--verify', visit / 'a.txt', '--out', out).exit_code == 0
    np.savetxt(str(visit / 'a.txt'), frames.torso(120, 160) + 1, fmt='%.2f')
    other = run('--verify', visit / 'a.txt', '--out', out)
    assert other.exit_code == 1 and 'result-of-another-file' in other.stderr
    (out / 'b' / 'overlay.png').unlink()
    changed = run('--verify', '--out', out, '--json')
    report = {os.path.basename(entry['folder']): entry for entry in json.loads(changed.stdout)['results']}
    assert changed.exit_code == 1 and report['a']['outcome'] == 'whole' and report['b']['code'] == 'result-changed'
    nothing = run('--verify', '--out', tmp_path / 'nowhere')
    assert isinstance(nothing.exception, ThermoscreenError) and nothing.exception.code == 'result-missing'


def test_the_sample_is_analysed_at_once(tmp_path):
    result = run('--sample', '--out', tmp_path / 'out')
    assert result.exit_code == 0 and os.listdir(str(tmp_path / 'out')) == ['phantom']


def test_nothing_to_analyse(tmp_path):
    result = run('--out', tmp_path / 'out')
    assert result.exit_code == 2 and '--sample' in result.output + result.stderr


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
    assert '  Warning: The reflected temperature is 74.85 °C, where -20 to 50 is usual.' in \
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
