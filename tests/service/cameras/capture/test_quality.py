"""The grades of a camera, and what leads to each: the connection, and what the camera reports about itself."""
import numpy as np
import pytest

from service.cameras import Frame
from service.cameras.capture import GRADES, Quality
from service.cameras.capture.quality import (
    BAD,
    EVENTS_S,
    FFC_OVERDUE_S,
    FFC_STUCK_S,
    FRAMES_S,
    RECONNECT,
    SHIFT_C,
    STALL,
    ConditionMonitor,
    Connection,
)
from service.condition import Condition
from service.messages import OK, SEVERITIES, Message
from service.thermogram import Thermogram

from .conftest import picture, thermogram

STATED_HZ = 10.0


def connection(seconds=5.0, rate_hz=STATED_HZ, lost_every=0, age_s=0.02, missed=0):
    made, count = Connection(), int(seconds * rate_hz)
    for number in range(count):
        made.received(number / rate_hz, int(bool(lost_every) and number % lost_every == 0), missed, age_s)
    return made


def judged(made, now_s=5.0, stated_hz=STATED_HZ):
    quality = Quality.of(made.messages(now_s, stated_hz))
    return quality.grade, [message.code for message in quality.messages]


@pytest.mark.parametrize('options, grade, codes', [
    ({}, 'excellent', []),
    ({'lost_every': 200}, 'fair', ['frames-lost']),
    ({'lost_every': 5}, 'poor', ['frames-lost']),
    ({'rate_hz': 8.7}, 'excellent', []),
    ({'rate_hz': 7.0}, 'fair', ['frames-slow']),
    ({'rate_hz': 4.0}, 'poor', ['frames-slow']),
    ({'age_s': 0.25}, 'excellent', []),
    ({'age_s': 0.35}, 'fair', ['frames-late']),
    ({'age_s': 0.6}, 'poor', ['frames-late']),
    ({'rate_hz': 5.0, 'missed': 1, 'age_s': 0.6}, 'excellent', ['frames-missed']),
    ({'rate_hz': 2.5, 'missed': 1}, 'fair', ['frames-slow', 'frames-missed']),
    ({'seconds': 0.5, 'lost_every': 4, 'age_s': 9.0, 'rate_hz': 2.0}, 'excellent', [])])
def test_frames(options, grade, codes):
    assert judged(connection(**options)) == (grade, codes)


@pytest.mark.parametrize('events, grade, code', [
    ([STALL], 'fair', 'connection-breaks'), ([STALL, RECONNECT, STALL], 'poor', 'connection-breaks'),
    ([BAD], 'fair', 'frames-damaged'), ([BAD] * 6, 'poor', 'frames-damaged')])
def test_events_are_remembered_for_a_minute(events, grade, code):
    made = connection()
    for event in events:
        made.happened(5.0, event)
    assert judged(made) == (grade, [code])
    assert judged(made, 5.0 + EVENTS_S + 0.1) == ('excellent', [])


def test_frames_are_forgotten_after_some_seconds_and_with_the_connection():
    made = connection(lost_every=5)
    assert judged(made, 5.0 + FRAMES_S + 0.1) == ('excellent', [])
    made = connection(lost_every=5)
    made.reopened()
    assert judged(made) == ('excellent', []) and made.rate_hz(5.0) is None


def test_a_busy_computer_is_not_the_cameras_fault():
    made = connection(rate_hz=5.0, missed=1)
    message, = made.messages(5.0, STATED_HZ)
    assert message.sentence == 'The computer is busy and leaves out 50 % of the pictures.' and message.severity == OK
    assert made.rate_hz(5.0) == pytest.approx(STATED_HZ)


def test_a_camera_that_states_no_rate_is_not_slow():
    assert judged(connection(rate_hz=3.0), stated_hz=0.0) == ('excellent', [])


def test_the_worst_message_comes_first():
    made = connection(rate_hz=7.0, lost_every=4)
    quality = Quality.of(made.messages(5.0, STATED_HZ))
    assert [message.severity for message in quality.messages] == ['warning', 'info'] and quality.grade == 'poor'
    assert quality.to_dict()['messages'][0]['code'] == 'frames-lost'


@pytest.mark.parametrize('severity, grade', list(zip(SEVERITIES, GRADES)))
def test_the_worst_severity_sets_the_grade(severity, grade):
    messages = [Message('y', 'Y.', severity='ok'), Message('x', 'X.', severity=severity)]
    assert Quality.of(messages).grade == grade


def test_every_sentence_says_what_to_do():
    made = connection(rate_hz=4.0, lost_every=3, age_s=2.0)
    for event in (STALL, BAD, BAD):
        made.happened(5.0, event)
    messages = made.messages(5.0, STATED_HZ)
    assert len(messages) == 5
    assert all(message.sentence.endswith('.') and message.next_step.endswith('.') for message in messages)


def frame(t_s, celsius=None, **said):
    return Frame(thermogram(celsius, int(t_s * 10)), int(t_s * 10), t_s, Condition(**said))


def conditions(warms_up=False, warm_up_s=900.0):
    made = ConditionMonitor(warm_up_s)
    made.opened(warms_up)
    return made


def codes_of(made, now_s):
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
    assert made.calibrating(3.1) is None and made.usable and codes_of(made, 3.1) == []


def test_a_shutter_that_stays_closed():
    made = conditions()
    made.received(frame(0.0, ffc='running'))
    made.received(frame(FFC_STUCK_S + 1, ffc='running'))
    assert made.calibrating(FFC_STUCK_S + 1) is None
    assert codes_of(made, FFC_STUCK_S + 1) == ['shutter-closed']


def test_what_is_only_noted_is_told_and_the_frame_is_kept():
    made = conditions()
    made.received(frame(0.0, gain='low', tlinear=False))
    assert made.usable and codes_of(made, 0.0) == ['low-gain', 'no-temperatures']


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
    assert codes_of(made, 60.0) == []
    made.received(frame(61.0, ffc='complete', ffc_age_s=62.0, fpa_c=31.6))
    assert codes_of(made, 61.0) == ['calibration-due']
    made.received(frame(62.0, ffc='complete', ffc_age_s=0.1, fpa_c=31.6))
    assert codes_of(made, 62.0) == []


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
    assert codes_of(made, 10.0) == []


def test_a_patient_who_comes_and_goes_is_no_drift():
    room = np.random.RandomState(3).normal(22, 0.05, (60, 80)).astype(np.float32)
    made = conditions()
    shown(made, [picture(n) for n in range(5)] + [room] * 10 + [picture(n) for n in range(10)])
    assert codes_of(made, 25.0) == []


def test_noise_is_not_drift_and_relative_pictures_never_drift():
    made = conditions()
    shown(made, [picture(n, noise_c=0.3) for n in range(60)])
    assert codes_of(made, 60.0) == [] and SHIFT_C > 0.3
    made.opened(False)
    for number in range(20):
        grey = Thermogram.from_relative(picture(number) * 2 + number, 'counts')
        made.received(Frame(grey, number, float(number)))
    assert codes_of(made, 20.0) == []
