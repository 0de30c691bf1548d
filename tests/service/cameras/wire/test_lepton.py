"""Lepton: telemetry, and values that are no temperatures."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cameras.wire import FORMATS
from service.condition import FFC_STATES, Condition

from .pictures import patient, refused

WITH = FORMATS['lepton-y16-telemetry']
WITHOUT = FORMATS['lepton-y16']
SMALL = FORMATS['lepton25-y16-telemetry']


def words_of(wire, data):
    """The telemetry words of a frame, writable, and the frame around them."""
    frame = np.frombuffer(bytearray(data), '<u2')
    return frame[wire.shape[0] * wire.shape[1]:], frame


def test_rows_are_where_the_data_sheet_has_them():
    data = WITH.encode(patient(WITH.shape), Condition(ffc='imminent', ffc_age_s=150.0, fpa_c=31.85, uptime_s=70.0e3,
                                                      frame_number=0x00030201, over_temperature=True))
    rows = np.frombuffer(data, '<u2').reshape(122, 160)[120:].astype(np.int64)
    row_a, row_c = rows[0, :80], rows[1, :80]
    assert row_a[1] | row_a[2] << 16 == 70000000  # low word first
    assert (row_a[3], row_a[4]) == (1 << 4, 1 << (20 - 16))
    assert (row_a[20], row_a[21]) == (0x0201, 0x0003)
    assert row_a[24] == 30500
    assert row_a[30] | row_a[31] << 16 == 70000000 - 150000
    assert (row_c[48], row_c[49]) == (1, 1)
    assert row_a[22] == pytest.approx(np.frombuffer(data, '<u2')[:19200].mean(), abs=1)


def test_a_small_lepton_has_three_rows():
    rows = np.frombuffer(SMALL.encode(patient(SMALL.shape), Condition(frame_number=7)), '<u2').reshape(63, 80)[60:]
    assert rows[0, 20] == 7 and (rows[2, 48], rows[2, 49]) == (1, 1)


@pytest.mark.parametrize('wire', [WITH, SMALL])
@settings(max_examples=25)
@given(ffc=st.sampled_from(FFC_STATES), age_ms=st.integers(0, 10 ** 9), since_ms=st.integers(0, 3 * 10 ** 9),
       fpa_c=st.floats(-50, 100), number=st.integers(0, 2 ** 32 - 1), flags=st.tuples(*[st.booleans()] * 3))
def test_a_condition_survives_encoding(wire, ffc, age_ms, since_ms, fpa_c, number, flags):
    over, locked, agc = flags
    said = Condition(ffc=ffc, ffc_age_s=age_ms / 1000.0, fpa_c=fpa_c, uptime_s=(age_ms + since_ms) / 1000.0,
                     frame_number=number, over_temperature=over, shutter_locked=locked, agc=agc)
    heard = wire.decode(wire.encode(patient(wire.shape), said)).condition
    assert (heard.ffc, heard.frame_number) == (ffc, number)
    assert (heard.over_temperature, heard.shutter_locked, heard.agc) == flags
    assert heard.fpa_c == pytest.approx(fpa_c, abs=0.0051)
    assert heard.uptime_s == pytest.approx(said.uptime_s, abs=0.0011)
    if ffc == 'never':
        assert heard.ffc_age_s is None
    else:
        assert heard.ffc_age_s == pytest.approx(said.ffc_age_s, abs=0.0011)


def test_without_telemetry_nothing_is_reported():
    condition = WITHOUT.decode(WITHOUT.encode(patient(WITHOUT.shape), Condition(ffc='running'))).condition
    assert condition == Condition(saturated=0.0)


def test_steps_of_a_tenth():
    celsius = patient(WITH.shape)
    decoded = WITH.decode(WITH.encode(celsius, resolution_k=0.1))
    assert decoded.unit == 'celsius' and decoded.scale == (0.1, -273.15)
    assert np.abs(decoded.pixels - celsius).max() <= 0.05 + 1e-5


def test_counts_are_shown_as_grey():
    decoded = WITH.decode(WITH.encode(patient(WITH.shape), tlinear=False))
    assert decoded.unit == 'relative' and decoded.scale is None
    assert 0 <= decoded.pixels.min() < 5 and 250 < decoded.pixels.max() <= 255


def test_stretched_contrast_is_grey_and_not_usable():
    decoded = WITH.decode(WITH.encode(patient(WITH.shape), Condition(agc=True)))
    assert decoded.unit == 'relative' and [message.code for message in decoded.condition.messages()] == ['agc-on']


def test_counts_where_celsius_are_promised_are_refused():
    counts = np.frombuffer(WITH.encode(patient(WITH.shape), tlinear=False), '<u2')[:120 * 160]
    refused(WITHOUT, counts.tobytes(), 'counts', 'TLinear', 'telemetry')
    tenths = np.frombuffer(WITH.encode(patient(WITH.shape), resolution_k=0.1), '<u2')[:120 * 160]
    refused(WITHOUT, tenths.tobytes(), 'steps of 0.1 K')
    refused(WITHOUT, np.full(120 * 160, 200, '<u2').tobytes(), 'TLinear')  # 8-bit grey
    refused(WITHOUT, bytes(2 * 120 * 160), 'impossible temperatures')


@pytest.mark.parametrize('tlinear', [True, False])
def test_counts_say_that_they_are_counts(tlinear):
    condition = WITH.decode(WITH.encode(patient(WITH.shape), tlinear=tlinear)).condition
    assert condition.tlinear == tlinear and condition.usable
    assert [message.code for message in condition.warnings()] == ([] if tlinear else ['no-temperatures'])


@pytest.mark.parametrize('mode, effective, gain', [(0, 0, 'high'), (1, 1, 'low'), (0, 1, 'high'), (1, 0, 'low'),
                                                   (2, 0, 'high'), (2, 1, 'low'), (2, 7, None), (9, 0, None)])
def test_the_gain_is_noted(mode, effective, gain):
    telemetry, frame = words_of(WITH, WITH.encode(patient(WITH.shape)))
    telemetry[160 + 5:160 + 7] = mode, effective
    condition = WITH.decode(frame.tobytes()).condition
    assert condition.gain == gain and condition.usable
    assert [message.code for message in condition.warnings()] == (['low-gain'] if gain == 'low' else [])


@pytest.mark.parametrize('word, value', [(160 + 48, 2), (160 + 49, 7), (24, 0), (24, 60000), (31, 0x0FFF)])
def test_telemetry_that_cannot_be(word, value):
    telemetry, frame = words_of(WITH, WITH.encode(patient(WITH.shape), Condition(uptime_s=100.0, ffc_age_s=3.0)))
    telemetry[word] = value
    refused(WITH, frame.tobytes(), 'impossible telemetry')


def test_no_telemetry_at_all():
    telemetry, frame = words_of(WITH, WITH.encode(patient(WITH.shape)))
    telemetry[:] = 0
    assert refused(WITH, frame.tobytes(), 'telemetry').detail == 'all zero'


def test_the_clock_starts_over_after_50_days():
    telemetry, frame = words_of(WITH, WITH.encode(patient(WITH.shape)))
    telemetry[1:3] = 500, 0
    telemetry[30:32] = 0xFFFF, 0xFFFF
    assert WITH.decode(frame.tobytes()).condition.ffc_age_s == pytest.approx(0.501)


def test_what_it_cannot_say_is_not_encoded():
    with pytest.raises(ValueError, match='no telemetry'):
        WITHOUT.encode(patient(WITHOUT.shape), tlinear=False)
    with pytest.raises(ValueError, match='no telemetry'):
        WITHOUT.encode(patient(WITHOUT.shape), resolution_k=0.1)
    with pytest.raises(ValueError):
        WITH.encode(patient(WITH.shape), resolution_k=0.05)
