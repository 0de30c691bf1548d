"""Which frames are evaluated, and the first line on what was trained on."""
import pytest

from models.data import image_split
from models.data.busi import NO_PATIENTS
from models.evaluation.selection import choose, state_split
from service.bundle import Manifest
from service.messages import InputError

from .made_up import phantom_collection, torso_collection

# Which frames are evaluated, and that it is said.
PHANTOMS = phantom_collection(range(6))


def test_everything_by_default():
    chosen, notes = choose(PHANTOMS)
    assert chosen.keys == PHANTOMS.keys and notes == []


def test_facts():
    chosen, notes = choose(PHANTOMS, ['dialect=space'])
    assert len(chosen) == 3 and {sample.facts['dialect'] for sample in chosen} == {'space'}
    assert notes == ['Only frames with dialect = space: 3 of 6.']
    assert len(choose(PHANTOMS, ['dialect=space', 'dialect=semicolon'])[0]) == 6


def test_a_number_is_matched_by_its_digits():
    chosen, _ = choose(torso_collection(5), ['number=3'])
    assert chosen.keys == ('t03',)


def test_left_out_and_limited():
    chosen, notes = choose(PHANTOMS, left_out={'0000', '0002'}, limit=3)
    assert chosen.patients == ('0001', '0003', '0004')
    assert notes == ['2 frames of training patients were left out.', 'Only the first 3 of 4 frames (--limit).']


@pytest.mark.parametrize('where, left_out, code', [
    (['dialect'], (), 'where-form'), (['=space'], (), 'where-form'), (['dialect='], (), 'where-form'),
    (['dialect=tab'], (), 'fact-value'), (['humidity=3'], (), 'fact-unknown'),
    ([], set(PHANTOMS.patients), 'nothing-left')])
def test_refusals_are_one_line(where, left_out, code):
    with pytest.raises(InputError) as caught:
        choose(PHANTOMS, where, left_out)
    assert caught.value.code == code and '\n' not in caught.value.message.text


# The first line says what was trained on, or nothing is evaluated.
def manifest(patients=None, training_data='100 patients of another clinic. Seed 1.'):
    metrics = {} if patients is None else {'training_patients': patients}
    return Manifest({'metrics': metrics, 'training_data': training_data}, '0' * 64)


def test_unseen_patients():
    line = state_split(torso_collection(5), manifest(['q1', 'q2']))
    assert line == ('Patient-level: 5 patients, none in training according to the manifest (it lists 2 training '
                    'patients).')
    line = state_split(torso_collection(5), manifest())
    assert line.startswith('Patient-level: 5 patients') and 'trained on 100 patients of another clinic)' in line


def test_a_training_patient_stops_the_evaluation():
    with pytest.raises(InputError) as caught:
        state_split(torso_collection(5), manifest(['p01', 'p03', 'q1']))
    assert caught.value.code == 'patient-leak' and '2 of the 5 patients' in caught.value.message.text
    assert 'p01, p03' in caught.value.message.text and '--resubstitution' in caught.value.message.text


def test_resubstitution_is_the_first_word():
    line = state_split(torso_collection(5), manifest(['p01']), resubstitution=True)
    assert line.startswith('RESUBSTITUTION: 1 of 5 patients')
    assert state_split(torso_collection(5), manifest(['q1']), resubstitution=True).startswith('Patient-level')


def test_images_that_were_split_are_not_patients():
    _, held = image_split(torso_collection(8))
    for collection in (held, torso_collection(5).noted(NO_PATIENTS)):
        line = state_split(collection, manifest())
        assert line.startswith('NOT PATIENT-LEVEL: ') and collection.notes[0] in line


def test_data_that_the_manifest_names_without_patients():
    line = state_split(torso_collection(5), manifest(training_data='All of torsos , by folds.'))
    assert line.startswith('NOT KNOWN: the manifest names torsos')


def test_phantoms_are_not_patients():
    collection = phantom_collection([1, 2])
    for sample in collection:
        sample.facts['kind'] = 'phantom'
    assert state_split(collection, manifest()).startswith('SIMULATED: 2 phantoms and no patient')
