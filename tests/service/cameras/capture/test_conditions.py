"""What the camera's own state comes to: a countdown, a warm-up, a shutter that sticks, drift."""
import numpy as np
import pytest

from service.cameras import Frame
from service.cameras.capture.conditions import FFC_OVERDUE_S, FFC_STUCK_S, Conditions
from service.cameras.capture.drift import SHIFT_C
from service.cameras.condition import Condition
from service.thermogram import Thermogram

from .conftest import picture, thermogram


def frame(t_s, celsius=None, **said):
    return Frame(thermogram(celsius, int(t_s * 10)), int(t_s * 10), t_s, Condition(**said))


def conditions(warms_up=False, warm_up_s=900.0):
    made = Conditions(warm_up_s)
    made.opened(warms_up)
    return made


def codes(made, now_s):
    return [message.code for message in made.messages(now_s)]


def test_calibrating_counts_down():
    made = conditions()
    words = []
    for tenth in range(31):
        t_s = tenth / 10
        made.received(frame(t_s, ffc='imminent' if t_s < 2 else 'running'))
        words.append(made.calibrating(t_s).sentence)
    seconds = [int(sentence.split()[4]) for sentence in words]
    assert seconds == sorted(seconds, reverse=True) and set(seconds) == {3, 2, 1}
    assert words[0] == 'The camera is calibrating, 3 seconds.' and words[-1] == 'The camera is calibrating, 1 second.'
    assert not made.usable
    made.received(frame(3.1, ffc='complete', ffc_age_s=0.1))
    assert made.calibrating(3.1) is None and made.usable and codes(made, 3.1) == []


def test_a_shutter_that_stays_closed():
    made = conditions()
    made.received(frame(0.0, ffc='running'))
    made.received(frame(FFC_STUCK_S + 1, ffc='running'))
    assert made.calibrating(FFC_STUCK_S + 1) is None
    assert codes(made, FFC_STUCK_S + 1) == ['shutter-closed']


@pytest.mark.parametrize('said', [{}, {'uptime_s': 300.0}])
def test_warming_up(said):
    made = conditions(warms_up=True)
    assert made.warming_s(0.0) == 0
    made.received(frame(100.0, **said))
    left_s = 900.0 - said.get('uptime_s', 0.0)
    assert made.warming_s(100.0) == left_s
    message, = made.messages(100.0)
    assert (message.code, message.severity) == ('camera-warming-up', 'info')
    assert message.sentence == 'The camera is warming up, %d minutes.' % (left_s / 60)
    made.opened(True)
    if not said:  # it was warm before it was lost for a moment
        assert made.warming_s(400.0) == 600.0 and made.warming_s(2000.0) == 0.0


def test_what_is_no_sensor_does_not_warm_up():
    made = conditions(warms_up=False)
    made.received(frame(0.0))
    assert made.warming_s(1.0) == 0.0


@pytest.mark.parametrize('said, code, severity', [
    ({'agc': True}, 'agc-on', 'problem'), ({'over_temperature': True}, 'over-temperature', 'warning'),
    ({'shutter_locked': True}, 'shutter-locked', 'warning'), ({'saturated': 0.2}, 'saturated', 'info'),
    ({'ffc': 'complete', 'ffc_age_s': FFC_OVERDUE_S + 1}, 'calibration-due', 'info')])
def test_what_a_frame_says(said, code, severity):
    made = conditions()
    made.received(frame(0.0, **said))
    message, = made.messages(0.0)
    assert (message.code, message.severity) == (code, severity) and message.next_step.endswith('.')


def test_a_sensor_that_drifted_since_its_last_calibration():
    made = conditions()
    made.received(frame(0.0, ffc='complete', ffc_age_s=1.0, fpa_c=30.0))
    made.received(frame(60.0, ffc='complete', ffc_age_s=61.0, fpa_c=31.4))
    assert codes(made, 60.0) == []
    made.received(frame(61.0, ffc='complete', ffc_age_s=62.0, fpa_c=31.6))
    assert codes(made, 61.0) == ['calibration-due']
    made.received(frame(62.0, ffc='complete', ffc_age_s=0.1, fpa_c=31.6))
    assert codes(made, 62.0) == []


def shown(made, pictures, start_s=0.0):
    for number, celsius in enumerate(pictures):
        made.received(frame(start_s + number, celsius))


@pytest.mark.parametrize('shift_c, word', [(0.8, 'warmer'), (-0.8, 'colder')])
def test_everything_gets_warmer_or_colder_together(shift_c, word):
    made = conditions()
    shown(made, [picture(n) + shift_c * min(n, 20) / 20 for n in range(30)])
    message, = made.messages(30.0)
    assert message.code == 'picture-drifts' and word in message.sentence and '0.8 °C' in message.sentence
    made.opened(False)
    shown(made, [picture(n) + shift_c for n in range(10)])
    assert codes(made, 10.0) == []


def test_a_patient_who_comes_and_goes_is_no_drift():
    room = np.random.RandomState(3).normal(22, 0.05, (60, 80)).astype(np.float32)
    made = conditions()
    shown(made, [picture(n) for n in range(5)] + [room] * 10 + [picture(n) for n in range(10)])
    assert codes(made, 25.0) == []


def test_noise_is_no_drift_and_relative_pictures_have_none():
    made = conditions()
    shown(made, [picture(n, noise_c=0.3) for n in range(60)])
    assert codes(made, 60.0) == [] and SHIFT_C > 0.3
    made.opened(False)
    for number in range(20):
        grey = Thermogram.from_relative(picture(number) * 2 + number, 'counts')
        made.received(Frame(grey, number, float(number)))
    assert codes(made, 20.0) == []
