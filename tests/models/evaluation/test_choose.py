"""Which frames are evaluated, and that it is said."""
import pytest

from models.evaluation.choose import choose
from service.messages import InputError

from .made_up import phantom_collection, torso_collection

PHANTOMS = phantom_collection(range(6))


def test_everything_by_default():
    chosen, notes = choose(PHANTOMS)
    assert chosen.keys == PHANTOMS.keys and notes == []


def test_facts():
    chosen, notes = choose(PHANTOMS, ['dialect=space'])
    assert len(chosen) == 3 and {sample.facts['dialect'] for sample in chosen} == {'space'}
    assert notes == ['Only frames with dialect = space: 3 of 6.']
    assert len(choose(PHANTOMS, ['dialect=space', 'dialect=semicolon'])[0]) == 6


def test_a_number_is_found_by_its_digits():
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
def test_one_line_of_refusal(where, left_out, code):
    with pytest.raises(InputError) as caught:
        choose(PHANTOMS, where, left_out)
    assert caught.value.code == code and '\n' not in caught.value.message.text
