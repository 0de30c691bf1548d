"""What a frame reports about its camera."""
import json

import pytest

from service.condition import FFC_STATES, Condition


def codes(condition):
    return [message.code for message in condition.messages()]


def test_a_camera_that_says_nothing_is_usable():
    assert Condition().usable and Condition().messages() == []


@pytest.mark.parametrize('state', FFC_STATES)
def test_only_a_complete_correction_is_usable(state):
    condition = Condition(ffc=state)
    assert condition.usable == (state == 'complete')
    assert codes(condition) == ([] if state == 'complete' else ['ffc-' + state])


@pytest.mark.parametrize('field, code', [('agc', 'agc-on'), ('shutter_locked', 'shutter-locked'),
                                         ('over_temperature', 'over-temperature')])
def test_a_flag_makes_it_unusable(field, code):
    assert codes(Condition(**{field: True})) == [code]
    assert Condition(**{field: False}).usable


def test_a_hot_spot_is_usable_and_a_hot_region_is_not():
    assert Condition(saturated=0.01).usable
    assert codes(Condition(saturated=0.011)) == ['saturated']


def test_every_message_is_a_sentence_with_a_next_step():
    everything = [Condition(ffc=state, agc=True, shutter_locked=True, over_temperature=True, saturated=1.0)
                  for state in FFC_STATES]
    everything.append(Condition(gain='low', tlinear=False))
    messages = {message.code: message for condition in everything
                for message in condition.messages() + condition.warnings()}
    assert len(messages) == 9
    for code, message in messages.items():
        assert code == code.lower() and ' ' not in code and message.severity != 'ok'
        assert message.sentence.endswith('.') and message.next_step.endswith('.') and message.text.isprintable()


def test_json_leaves_out_what_the_camera_does_not_report():
    said = Condition(ffc='running', frame_number=0, agc=False).to_dict()
    assert json.loads(json.dumps(said)) == {'ffc': 'running', 'frame_number': 0, 'agc': False, 'usable': False}


def test_a_state_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match='ffc'):
        Condition(ffc='done')
    with pytest.raises(ValueError, match='gain'):
        Condition(gain='auto')


def test_what_is_only_noted_leaves_the_frame_usable():
    condition = Condition(gain='low', tlinear=False)
    assert condition.usable and condition.messages() == []
    assert [message.code for message in condition.warnings()] == ['low-gain', 'no-temperatures']
    assert Condition(gain='high', tlinear=True).warnings() == Condition().warnings() == []
