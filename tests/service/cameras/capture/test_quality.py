"""The four words for a connection, and what brings each about."""
import pytest

from service.cameras.capture import GRADES, Quality
from service.cameras.capture.quality import BAD, EVENTS_S, FRAMES_S, RECONNECT, STALL, Connection
from service.messages import SEVERITIES, Message

STATED_HZ = 10.0


def connection(seconds=5.0, rate_hz=STATED_HZ, lost_every=0, age_s=0.02):
    made, count = Connection(), int(seconds * rate_hz)
    for number in range(count):
        made.received(number / rate_hz, int(bool(lost_every) and number % lost_every == 0), age_s)
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
