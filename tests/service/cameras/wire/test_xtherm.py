"""T2S+ and HT-301: the table, and impossible metadata."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cameras.wire import FORMATS
from service.cameras.wire.xtherm import SIMULATED, Sensor, implausible, temperature_table
from service.condition import Condition
from service.radiometry import AirConstants, ObjectParameters

from .pictures import patient, refused

NAMES = ('t2s', 'ht301', 'xtherm-640', 'xtherm-240')
T2S = FORMATS['t2s']
PLAIN = Sensor(8617.0, 37.682, 170.0, 0.0)


def transmission(humidity, air_c, distance_m):
    """The one function of files and cameras; humidity 0..1."""
    return AirConstants().transmission(ObjectParameters(air_c=air_c, humidity_percent=100 * humidity,
                                                        distance_m=distance_m))


def value_of(celsius, said, sensor=PLAIN):
    """The value a camera gives of an object: the physics forwards, where the table goes backwards."""
    distance = min(said.distance_m, 20.0)
    further = (0.85 * distance - 1.125) / 100
    bare = (celsius - said.correction_c + further * said.air_c) / (1 + further)
    air = transmission(said.humidity, said.air_c, distance)
    own, reflected, of_air = ((t + 273.15) ** 4 for t in (bare, said.reflected_c, said.air_c))
    seen = (air * (said.emissivity * own + (1 - said.emissivity) * reflected) + (1 - air) * of_air) ** 0.25 - 273.15

    def response(t):
        return said.cal_01 * t * t + said.cal_02 * t
    gain = said.cal_03 * said.fpa_c ** 2 + said.cal_04 * said.fpa_c + said.cal_05
    zero = said.cal_00 - max(0, int(sensor.zero_c - sensor.zero_per_fpa * said.fpa_c))
    return zero + (response(seen) - response(said.shutter_c)) / gain


def test_a_black_body_as_warm_as_the_shutter_has_the_value_of_the_zero():
    said = SIMULATED._replace(emissivity=1.0, distance_m=0.0)
    # The maker's correction of distance takes 1.125 % of the difference from the air off even at 0 m.
    expected = said.shutter_c - 0.01125 * (said.shutter_c - said.air_c)
    assert temperature_table(said, PLAIN)[4000 - 170] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize('fpa_c, zero', [(40.0, 4000 - 108), (40.05, 4000 - 107), (40.13, 4000 - 107), (60.0, 4000)])
def test_the_zero_of_the_ht301_family_is_cut_off(fpa_c, zero):
    """108.0, 107.6, 107.1 and less than 0 of 390 - 7.05 F: a black body as warm as the shutter has that value."""
    said = SIMULATED._replace(emissivity=1.0, distance_m=0.0, fpa_c=fpa_c, air_c=SIMULATED.shutter_c)
    assert temperature_table(said, Sensor(7800.0, 36.0, 390.0, 7.05))[zero] == pytest.approx(said.shutter_c, abs=1e-4)


@settings(max_examples=40)
@given(celsius=st.floats(-10, 110), emissivity=st.floats(0.5, 1), humidity=st.floats(0, 1), air_c=st.floats(5, 40),
       reflected_c=st.floats(5, 40), distance_m=st.integers(0, 30), shutter_c=st.floats(10, 50),
       fpa_c=st.floats(10, 60), correction_c=st.floats(-3, 3))
def test_the_table_undoes_the_physics(celsius, emissivity, humidity, air_c, reflected_c, distance_m, shutter_c, fpa_c,
                                      correction_c):
    said = SIMULATED._replace(emissivity=emissivity, humidity=humidity, air_c=air_c, reflected_c=reflected_c,
                              distance_m=float(distance_m), shutter_c=shutter_c, fpa_c=fpa_c, cal_04=2e-4, cal_03=1e-6,
                              correction_c=correction_c)
    for sensor in (PLAIN, Sensor(7800.0, 36.0, 390.0, 7.05)):
        value = value_of(celsius, said, sensor)
        entries = temperature_table(said, sensor)
        low = int(math.floor(value))
        assert np.interp(value, [low, low + 1], entries[low:low + 2]) == pytest.approx(celsius, abs=2e-3)


@pytest.mark.parametrize('humidity, air_c, distance_m', [
    (humidity, air_c, distance_m) for humidity in (0.0, 1.0) for air_c in (-60.0, 80.0) for distance_m in (0.0, 20.0)])
def test_whatever_air_a_camera_may_state_lets_something_through(humidity, air_c, distance_m):
    assert 0.01 < transmission(humidity, air_c, distance_m) <= 1


def test_a_lower_emissivity_makes_a_warm_object_warmer():
    value = 4500
    warmer = temperature_table(SIMULATED._replace(emissivity=0.9), PLAIN)
    assert warmer[value] > temperature_table(SIMULATED, PLAIN)[value] + 0.5


def test_the_table_has_every_value_and_a_flat_cold_end():
    entries = temperature_table(SIMULATED._replace(cal_00=16383.0), PLAIN)
    assert entries.shape == (16384,) and np.isfinite(entries).all()
    assert (np.diff(entries) >= 0).all() and entries[0] == entries[1]
    assert temperature_table(SIMULATED._replace(cal_00=16383.0, cal_05=-1e9), PLAIN) is not None
    assert temperature_table(SIMULATED._replace(cal_01=0.005, cal_02=0.0, cal_05=0.0, shutter_c=-10.0, emissivity=0.1,
                                                reflected_c=100.0), PLAIN) is None


@pytest.mark.parametrize('name', NAMES)
def test_metadata_are_where_they_belong(name):
    wire = FORMATS[name]
    celsius = patient(wire.shape)
    celsius[5, 7], celsius[9, 3] = 50.0, 3.0
    words = np.frombuffer(wire.encode(celsius, Condition(fpa_c=35.0)), '<u2')
    pixels = wire.shape[0] * wire.shape[1]
    meta, own = words[pixels:], words[pixels + wire.width * (3 if wire.width >= 384 else 1):]
    assert tuple(meta[2:4]) == (7, 5) and meta[4] == words[:pixels].max()
    assert tuple(meta[5:7]) == (3, 9) and meta[7] == words[:pixels].min()
    assert own[0] == 4000 and own[1] == 3012  # 28 C in tenths of a Kelvin
    assert own[3:13].copy().view('<f4') == pytest.approx(SIMULATED[1:6])
    assert own[127:137].copy().view('<f4') == pytest.approx((0, 21, 21, 0.5, 0.98)) and own[137] == 1
    assert wire.decode(words.tobytes()).condition.fpa_c == pytest.approx(35.0, abs=0.02)


def test_every_size_reads_its_own_sensor():
    said = [FORMATS[name].decode(FORMATS[name].encode(patient(FORMATS[name].shape), Condition(fpa_c=40.0))).condition
            for name in NAMES]
    assert [round(condition.fpa_c, 1) for condition in said] == [40.0] * 4


def damaged(at, value, kind='<f4'):
    """A T2S+ frame with one value of its calibration replaced; `at` counts words from its beginning."""
    data = bytearray(T2S.encode(patient(T2S.shape)))
    start = 2 * (T2S.shape[0] * 256 + 256 + at)
    content = np.array(value, kind).tobytes()
    data[start:start + len(content)] = content
    return bytes(data)


@pytest.mark.parametrize('at, value', [(3, 0.0), (3, np.nan), (5, np.inf), (127, 1e9), (129, -300.0), (131, 500.0),
                                       (133, 50.0), (135, 0.0), (135, 1.5), (135, np.nan)])
def test_a_calibration_that_cannot_be(at, value):
    refused(T2S, damaged(at, value), 'impossible calibration')


def test_a_shutter_or_sensor_that_cannot_be():
    refused(T2S, damaged(1, 0, '<u2'), 'impossible calibration')
    refused(T2S, damaged(-256 + 1, 0, '<u2'), 'impossible calibration')


def test_a_calibration_without_a_solution_is_refused():
    data = bytearray(damaged(5, 0.0))
    for at, value in ((3, 0.005), (11, 0.0), (129, 100.0), (135, 0.1)):
        start = 2 * (T2S.shape[0] * 256 + 256 + at)
        data[start:start + 4] = np.array(value, '<f4').tobytes()
    start = 2 * (T2S.shape[0] * 256 + 256 + 1)
    data[start:start + 2] = np.array(2631, '<u2').tobytes()
    assert refused(T2S, bytes(data), 'calibration').detail == 'no value has a temperature'


def test_a_picture_instead_of_values():
    # What the camera sends before it is switched to values: grey and neutral chroma.
    data = bytearray(T2S.encode(patient(T2S.shape)))
    data[1:2 * T2S.shape[0] * 256:2] = b'\x80' * (T2S.shape[0] * 256)
    refused(T2S, data, 'picture instead of values')


def test_what_is_wrong_is_named():
    assert implausible(SIMULATED) == ''
    assert implausible(SIMULATED._replace(emissivity=0.0)) == 'emissivity 0'
    assert implausible(SIMULATED._replace(cal_04=float('nan'))).startswith('number')


def test_a_calibration_that_falls_is_not_encoded():
    with pytest.raises(ValueError, match='rising'):
        T2S.encode(patient(T2S.shape), calibration=SIMULATED._replace(cal_05=-0.03))
    with pytest.raises(ValueError, match='rising'):
        T2S.encode(patient(T2S.shape), calibration=SIMULATED._replace(emissivity=0.0))
