"""Boson: telemetry before or behind the picture."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cameras.wire import FORMATS
from service.condition import FFC_STATES, Condition

from .pictures import patient, refused

NAMES = ['boson-320-telemetry', 'boson-640-telemetry', 'boson-320-tlinear-telemetry', 'boson-640-tlinear-telemetry']
SAID = Condition(ffc='imminent', fpa_c=35.5, frame_number=0x00030201, over_temperature=True, gain='low')


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('header', [True, False])
def test_telemetry_may_come_before_or_behind(name, header):
    wire, without = FORMATS[name], FORMATS[name.replace('-telemetry', '')]
    celsius = patient(wire.shape)
    heard = wire.decode(wire.encode(celsius, SAID, header=header))
    assert np.array_equal(heard.counts, without.decode(without.encode(celsius)).counts)
    condition = heard.condition
    assert (condition.ffc, condition.frame_number) == ('imminent', 0x00030201)
    assert condition.fpa_c == pytest.approx(35.5, abs=0.051) and condition.over_temperature and condition.gain == 'low'
    assert [message.code for message in condition.warnings()] == ['low-gain']


@pytest.mark.parametrize('header', [True, False])
def test_words_are_where_public_readers_have_them(header):
    wire = FORMATS['boson-640-telemetry']
    rows = np.frombuffer(wire.encode(patient(wire.shape), SAID, header=header), '<u2').reshape(514, 640)
    row = rows[0 if header else 512]
    assert row[38] == 1 | 1 << 2 | 1 << 8 and (row[42], row[43]) == (0x0003, 0x0201)
    assert row[47] == row[48] == 3086  # 35.45 °C in tenths of a kelvin


@settings(max_examples=40)
@given(ffc=st.sampled_from(FFC_STATES), fpa_c=st.floats(-50, 100), number=st.integers(0, 2 ** 32 - 1),
       over=st.booleans(), gain=st.sampled_from(['high', 'low']), header=st.booleans())
def test_a_condition_survives_encoding(ffc, fpa_c, number, over, gain, header):
    wire = FORMATS['boson-320-telemetry']
    said = Condition(ffc=ffc, fpa_c=fpa_c, frame_number=number, over_temperature=over, gain=gain)
    heard = wire.decode(wire.encode(patient(wire.shape), said, header=header)).condition
    assert (heard.ffc, heard.frame_number, heard.over_temperature, heard.gain) == (ffc, number, over, gain)
    assert heard.fpa_c == pytest.approx(fpa_c, abs=0.051)


def test_an_automatic_gain_is_not_known():
    wire = FORMATS['boson-320-telemetry']
    words = np.frombuffer(bytearray(wire.encode(patient(wire.shape))), '<u2')
    words[38] |= 2 << 2
    assert wire.decode(words.tobytes()).condition.gain is None


@pytest.mark.parametrize('name', NAMES)
def test_a_picture_without_its_telemetry_is_refused(name):
    wire = FORMATS[name]
    rows = np.frombuffer(wire.encode(patient(wire.shape), SAID), '<u2').reshape(wire.height, wire.width)
    refused(wire, rows[2:].tobytes() + rows[2:4].tobytes(), 'without the telemetry')
    refused(wire, rows[:2].tobytes() + rows[2:-2].tobytes() + rows[:2].tobytes(), 'without the telemetry')
    refused(wire, rows[1:].tobytes() + bytes(2 * wire.width), 'without the telemetry')


def test_telemetry_that_is_not_there_is_not_encoded():
    wire = FORMATS['boson-320']
    assert wire.encode(patient(wire.shape), header=True) == wire.encode(patient(wire.shape))
