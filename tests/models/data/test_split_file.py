"""A split on disk is the split that was made; one that leaks does not pass."""
import json
import sys

import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import image_split, patient_folds, patient_split, read_split, write_split  # noqa: E402
from models.data.__main__ import command, main  # noqa: E402
from service.messages import InputError  # noqa: E402

from . import builders  # noqa: E402

WHOLE = builders.samples_of([i // 10 for i in range(100)], [i // 10 % 2 for i in range(100)])


def test_round_trip(tmp_path):
    parts = dict(zip(('training', 'held-out'), patient_split(WHOLE)))
    write_split(tmp_path / 'split.json', parts)
    again = read_split(tmp_path / 'split.json', WHOLE)
    assert {name: again[name].keys for name in again} == {name: parts[name].keys for name in parts}
    assert again['training'].notes == ()


def test_a_leaking_split_is_not_written(tmp_path):
    with pytest.raises(InputError) as caught:
        write_split(tmp_path / 'split.json', {'a': WHOLE.take(range(15)), 'b': WHOLE.take(range(15, 100))})
    assert caught.value.code == 'patient-leak' and not list(tmp_path.iterdir())


def test_a_split_by_image_stays_one(tmp_path):
    write_split(tmp_path / 'split.json', dict(zip('ab', image_split(WHOLE))))
    for part in read_split(tmp_path / 'split.json', WHOLE).values():
        assert part.notes[0] == 'IMAGE-LEVEL SPLIT: read from split.json, which was drawn by image'


@pytest.mark.parametrize('document, code', [
    ({'level': 'patient', 'parts': {'a': ['s0', 's1'], 'b': ['s2', 's99']}}, 'patient-leak'),
    ({'level': 'patient', 'parts': {'a': ['s0'], 'b': ['s0']}}, 'split-key-twice'),
    ({'level': 'patient', 'parts': {'a': ['s0'], 'b': ['t0']}}, 'key-unknown'),
    ({'level': 'picture', 'parts': {'a': ['s0']}}, 'split-shape'),
    ({'level': 'patient', 'parts': {'a': [0]}}, 'split-shape'),
    ({'level': 'patient', 'parts': []}, 'split-shape'),
    ({'level': []}, 'split-shape'),
    ([], 'split-shape'),
])
def test_bad_files(tmp_path, document, code):
    path = builders.write_text(tmp_path / 'split.json', json.dumps(document))
    with pytest.raises(InputError) as caught:
        read_split(path, WHOLE)
    assert caught.value.code == code


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_command(tmp_path):
    rows = ['%d,%s,space,%s' % (i, 'Sick' if i % 3 == 0 else 'Healthy', '' if i % 2 else 'yes')
            for i in range(1, 13)]
    folder = builders.dmr_pack(tmp_path / 'dmr', rows)
    result = run(folder, '--folds', 3, '--split', tmp_path / 'folds.json')
    assert result.exit_code == 0
    assert 'dmr: 12 samples of 12 patients, 6 labelled; 8 Healthy, 4 Sick' in result.output
    checked = run(folder, '--check', tmp_path / 'folds.json')
    assert checked.exit_code == 0 and checked.output == result.output and 'fold 3: ' in checked.output
    made = json.loads((tmp_path / 'folds.json').read_text())['parts']
    from models.data import open_data
    assert list(made.values()) == [list(held.keys) for _, held in patient_folds(open_data(folder), 3)]
    by_image = run(folder, '--by-image', '--split', tmp_path / 'images.json')
    assert by_image.output.splitlines()[1].startswith('IMAGE-LEVEL SPLIT')
    assert run(folder, '--by-image', '--folds', 3).exit_code == 2


def test_a_leak_ends_the_command_with_one_line(tmp_path, monkeypatch, capsys):
    for frame in range(4):
        builders.write_matrix(tmp_path / ('T000%d.1.1.D.2013-09-06.0%d.txt' % (frame // 2 + 1, frame)))
    keys = sorted(path.stem for path in tmp_path.glob('*.txt'))
    path = builders.write_text(tmp_path / 'split.json', json.dumps(
        {'level': 'patient', 'parts': {'training': keys[:3], 'held-out': keys[3:]}}))
    monkeypatch.setattr(sys, 'argv', ['models.data', str(tmp_path), '--check', str(path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        'Of 2 patients 1 are in more than one part of the split (0002); split by patient, or ask for an '
        'image-level split. [patient-leak]']
