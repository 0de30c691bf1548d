"""Splits keep patients together or say that they do not; on disk they are checked when they are read."""
import json
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import IMAGE_LEVEL, check_leak, image_split, patient_folds, patient_split, read_split, write_split  # noqa: E402  # noqa: E402
from models.data.__main__ import command, main  # noqa: E402
from service.messages import InputError  # noqa: E402

from . import builders  # noqa: E402
from .builders import samples_of  # noqa: E402

REFUSALS = ('too-few-patients', 'fold-without-class')

#: Any number of pictures of up to 12 patients, each with any class or none.
PICTURES = st.lists(st.tuples(st.integers(0, 11), st.sampled_from([None, 0, 1])), min_size=1, max_size=60)


def collection(pictures):
    return samples_of(*zip(*pictures))


def classes(part):
    return {sample.klass for sample in part} - {None}


@settings(max_examples=80)
@given(PICTURES, st.integers(2, 5), st.integers(0, 99))
def test_folds_share_no_patient(pictures, folds, seed):
    whole = collection(pictures)
    try:
        pairs = patient_folds(whole, folds, seed)
    except InputError as error:
        assert error.code in REFUSALS
        return
    assert len(pairs) == folds
    for train, held in pairs:
        assert not set(train.patients) & set(held.patients)
        assert sorted(train.keys + held.keys) == sorted(whole.keys)
        assert len(train) and len(held) and classes(train) == classes(held) == classes(whole)
    assert sorted(key for _, held in pairs for key in held.keys) == sorted(whole.keys)


@settings(max_examples=80)
@given(PICTURES, st.floats(0.01, 0.99), st.integers(0, 99))
def test_a_split_shares_no_patient(pictures, share, seed):
    whole = collection(pictures)
    try:
        train, held = patient_split(whole, share, seed)
    except InputError as error:
        assert error.code in REFUSALS
        return
    assert not set(train.patients) & set(held.patients)
    assert sorted(train.keys + held.keys) == sorted(whole.keys)
    assert len(train) and len(held) and classes(train) == classes(held) == classes(whole)


def test_ten_frames_a_patient():
    whole = samples_of([i // 10 for i in range(300)], [i // 10 % 3 == 0 for i in range(300)])
    train, held = patient_split(whole)
    assert len(train.patients) == 21 and len(held.patients) == 9
    assert sum(sample.klass for sample in held) == 30
    for _, part in patient_folds(whole):
        assert len(part) == 60 and sum(sample.klass for sample in part) == 20


def test_a_seed_decides():
    whole = samples_of(range(40), [i % 2 for i in range(40)])
    assert patient_split(whole, seed=1)[0].keys == patient_split(whole, seed=1)[0].keys
    assert patient_split(whole, seed=1)[0].keys != patient_split(whole, seed=2)[0].keys
    assert patient_folds(whole, seed=1)[0][1].keys != patient_folds(whole, seed=2)[0][1].keys


def test_an_image_level_split_says_so_first():
    whole = samples_of([i // 10 for i in range(100)], [i % 2 for i in range(100)]).noted('an older note')
    for part in image_split(whole):
        assert part.notes[0] == 'IMAGE-LEVEL SPLIT: patients are on both sides (10 of 10)'
        assert part.notes[0].startswith(IMAGE_LEVEL) and part.notes[1] == 'an older note'
    assert [len(part) for part in image_split(whole)] == [70, 30]
    with pytest.raises(InputError) as caught:
        check_leak(*image_split(whole))
    assert caught.value.code == 'patient-leak'


def test_one_image_a_patient_is_not_accused():
    assert image_split(samples_of(range(20)))[0].notes[0] == (
        'IMAGE-LEVEL SPLIT: drawn by image; no patient happens to be on both sides')


def test_a_leak_names_patients():
    whole = samples_of('aabbccdd')
    with pytest.raises(InputError, match=r'Of 4 patients 2 are .*\(b, c\)') as caught:
        check_leak(whole.take([0, 1, 2]), whole.take([3, 4]), whole.take([5, 6]))
    assert caught.value.code == 'patient-leak'
    check_leak(whole.take([0, 1]), whole.take([2, 3]), whole.take([4, 5, 6, 7]))


@pytest.mark.parametrize('split, code, words', [
    (lambda: patient_folds(samples_of('abcd')), 'too-few-patients', '4 patients; 5 folds need at least 5'),
    (lambda: patient_folds(samples_of('abc'), 1), 'too-few-folds', '2 folds or more'),
    (lambda: patient_split(samples_of('aaaa')), 'too-few-patients', '1 patients'),
    (lambda: patient_split(samples_of('ab'), 1.0), 'share-range', 'between 0 and 1'),
    (lambda: image_split(samples_of('a')), 'too-few-patients', '1 pictures'),
    (lambda: patient_folds(samples_of('abcdefg', [0, 0, 0, 0, 0, 1, 1])), 'fold-without-class',
     'Only 2 patients of made are Sick, so 5 folds cannot each have one. Use at most 2 folds'),
    (lambda: patient_split(samples_of('abcdefg', [0, 0, 0, 0, 0, 0, 1])), 'fold-without-class',
     'Only one of the patients of made is Sick'),
])
def test_refusals(split, code, words):
    with pytest.raises(InputError, match=words) as caught:
        split()
    assert caught.value.code == code


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
        'Of 2 patients 1 are in more than one part of the split (0002). Split by patient, or ask for an '
        'image-level split. [patient-leak]']
