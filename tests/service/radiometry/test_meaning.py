"""FLIR counts: golden values of published calibrations, every term of the radiation, and the way back."""
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.radiometry import (
    OBJECT_PARAMETERS,
    AirConstants,
    FlirParameters,
    ObjectParameters,
    PlanckConstants,
    flir_celsius,
    flir_raw,
    meaning_from_dict,
)

I7 = PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818)
SC660 = PlanckConstants(21106.77, 1501, 1, -7340, 0.012545258)

conditions = st.builds(ObjectParameters, st.floats(0.5, 1), st.floats(0, 40), st.floats(5, 40), st.floats(0, 100),
                   st.floats(0, 20), st.floats(5, 40), st.floats(0.5, 1))


def frame(value, dtype=np.uint16):
    return np.full((2, 3), value, dtype)


@pytest.mark.parametrize('celsius, counts', [(20, 12424.63), (30, 13405.43), (34, 13822.99), (37, 14145.66)])
def test_golden_counts_of_an_i7(celsius, counts):
    assert I7.counts(celsius) == pytest.approx(counts, abs=0.005)
    assert I7.celsius(counts) == pytest.approx(celsius, abs=5e-5)


def test_a_golden_temperature_of_an_sc660():
    celsius = flir_celsius(frame(18109), FlirParameters(SC660))
    assert celsius.dtype == np.float32 and celsius.shape == (2, 3)
    assert np.abs(celsius - 23.624).max() < 0.0005


def test_every_term_counts_as_flir_publishes_it():
    """FLIR's K1 and K2, term by term, against the one gain and offset: the air once, over the whole distance."""
    setting = ObjectParameters(0.9, 25.0, 22.0, 60.0, 3.0, 28.0, 0.8)
    e, w, tau = 0.9, 0.8, AirConstants().transmission(setting)
    reflected, air, window = (float(SC660.counts(celsius)) for celsius in (25.0, 22.0, 28.0))
    surface = (18109 / (tau * e * w) - (1 - e) / e * reflected - (1 - tau) / (e * tau) * air -
               (1 - w) / (e * tau * w) * window)
    assert flir_celsius(frame(18109), FlirParameters(SC660, setting))[0, 0] == np.float32(SC660.celsius(surface))


def test_air_of_a_clinic_lets_nearly_all_through():
    """One metre, worked out by hand: 8.564 g/m3 of vapour, 1.9 * 1.0000917 - 0.9 * 1.0069235."""
    setting = ObjectParameters(air_c=20, humidity_percent=50, distance_m=1)
    assert AirConstants().transmission(setting) == pytest.approx(0.99394, abs=1e-5)
    assert AirConstants().transmission(ObjectParameters(distance_m=0, air_c=40)) == 1


@pytest.mark.parametrize('distance_m, warmer_c', [(0.5, 0.026), (1.0, 0.033), (2.0, 0.047), (5.0, 0.077)])
def test_two_halves_are_not_the_whole(distance_m, warmer_c):
    """What [Thermimage] does: skin of 34.6 °C comes out too warm by this."""
    setting = ObjectParameters(0.98, 20.0, 20.0, 50.0, distance_m)
    half = AirConstants().transmission(setting.corrected({'distance_m': distance_m / 2}))
    room = float(I7.counts(20.0))
    counts = int(flir_raw(frame(34.6, np.float64), FlirParameters(I7, setting))[0, 0])
    whole = float(flir_celsius(frame(counts), FlirParameters(I7, setting))[0, 0])
    others = 0.02 * half * half * room + (half + 1) * (1 - half) * room
    assert float(I7.celsius((counts - others) / (0.98 * half * half))) - whole == pytest.approx(warmer_c, abs=0.003)


def test_what_has_no_share_is_not_looked_at():
    """A window of 0 K without a window, air that no curve has over no distance, a room that a black body ignores."""
    pole = PlanckConstants(13799.269, 1374.5, 5.0, -6646, 0.022241818)
    setting = ObjectParameters(1.0, 1000.0, 100.0, 50.0, 0.0, 1000.0, 1.0)
    assert np.isnan(pole.counts(1000.0))
    assert np.isfinite(flir_celsius(frame(13000), FlirParameters(pole, setting))).all()


@given(st.floats(-20, 100), conditions)
def test_where_all_has_one_temperature_nothing_needs_correcting(celsius, setting):
    alike = setting.corrected({'reflected_c': celsius, 'air_c': celsius, 'window_c': celsius})
    try:
        counts = flir_raw(frame(celsius, np.float64), FlirParameters(I7, alike))
    except InputError as error:
        assert error.code == 'radiometry-air' and celsius > 40  # steam lets nothing through
    else:
        assert abs(float(I7.counts(celsius)) - int(counts[0, 0])) <= 0.501


@settings(max_examples=40)
@given(st.sampled_from([I7, SC660]), conditions, st.integers(0, 2 ** 32 - 1))
def test_there_and_back_is_the_same_count(planck, setting, seed):
    parameters = FlirParameters(planck, setting)
    celsius = np.random.RandomState(seed).uniform(10, 60, (4, 5))
    raw = flir_raw(celsius, parameters)
    again = flir_celsius(raw, parameters)
    slope = np.abs(flir_celsius(raw + np.uint16(1), parameters) - again)  # degrees of one count
    assert (np.abs(again - celsius) <= slope * 0.6 + 1e-4).all()
    assert np.array_equal(flir_raw(again, parameters), raw)


@settings(max_examples=40)
@given(conditions, st.floats(0.5, 1))
def test_a_corrected_emissivity_is_that_emissivity(setting, emissivity):
    raw = np.arange(13000, 14000, dtype=np.uint16).reshape(20, 50)
    parameters = FlirParameters(I7, setting).corrected({'emissivity': emissivity})
    stated = FlirParameters(I7, ObjectParameters(**dict(setting.to_dict(), emissivity=emissivity)))
    assert np.array_equal(outcome(raw, parameters), outcome(raw, stated))


def outcome(raw, parameters):
    try:
        return flir_celsius(raw, parameters)
    except InputError as error:
        return error.message.text


def test_warm_skin_in_a_cool_room_is_warmer_than_a_black_body_of_its_light():
    raw = frame(int(I7.counts(33)))
    black = flir_celsius(raw, FlirParameters(I7, ObjectParameters(1.0, 20.0)))
    skin = flir_celsius(raw, FlirParameters(I7, ObjectParameters(0.98, 20.0)))
    assert 0.2 < (skin - black)[0, 0] < 0.35


def refused(code, make, *arguments):
    with pytest.raises(InputError) as caught:
        make(*arguments)
    error = caught.value
    assert error.code == code, (error.code, error.message.text)
    assert '\n' not in error.message.text and error.message.text.endswith('.') and len(error.message.text) < 400
    return error.message.text


def test_a_count_without_a_temperature_is_refused_with_its_place():
    raw = frame(13000)
    raw[1, 2] = 100
    message = refused('radiometry-no-temperature', flir_celsius, raw, FlirParameters(I7, ObjectParameters(0.98)))
    assert 'row 2, column 3' in message and '0.98' in message and '1 such' in message


@pytest.mark.parametrize('celsius', [5000.0, -273.15, -300.0, np.nan, np.inf])
def test_a_temperature_beyond_the_camera_is_refused(celsius):
    refused('radiometry-out-of-range', flir_raw, frame(celsius, np.float64),
            FlirParameters(I7, ObjectParameters(0.5, 100.0)))


def test_air_that_lets_nothing_through_is_refused():
    refused('radiometry-air', flir_celsius, frame(13000),
            FlirParameters(I7, ObjectParameters(distance_m=10000, air_c=90, humidity_percent=100)))
    refused('radiometry-air', flir_celsius, frame(13000),
            FlirParameters(I7, ObjectParameters(distance_m=10000), AirConstants(alpha1=-1000, alpha2=-1000)))


def test_a_room_beyond_the_curve_is_refused():
    pole = PlanckConstants(13799.269, 1374.5, 5.0, -6646, 0.022241818)
    refused('radiometry-scene', flir_celsius, frame(13000), FlirParameters(pole, ObjectParameters(0.9, 1000.0)))


#: What a camera may state, with a window and a metre of air, so that everything counts.
HEADER = {'emissivity': 0.98, 'reflected_c': 21.0, 'air_c': 22.0, 'humidity_percent': 50.0, 'distance_m': 1.0,
          'window_c': 21.0, 'window_transmission': 0.9}
IMPOSSIBLE = [('emissivity', 0.0), ('emissivity', 95.0), ('emissivity', np.nan), ('reflected_c', np.inf),
              ('air_c', -273.15), ('humidity_percent', -50.0), ('distance_m', -1.0), ('window_c', -273.15),
              ('window_transmission', 0.0), ('window_transmission', 82.0)]


@pytest.mark.parametrize('name, value', IMPOSSIBLE)
def test_an_impossible_value_that_counts_is_refused_until_it_is_overruled(name, value):
    impossible = FlirParameters.of_header(I7, dict(HEADER, **{name: value}), AirConstants())
    message = refused('radiometry-value', flir_celsius, frame(13000), impossible)
    bounds = OBJECT_PARAMETERS[name]
    assert bounds.label in message and 'states %g.' % value in message and bounds.option + ' ' in message
    assert name not in impossible.computed_with
    right = impossible.corrected({name: HEADER[name]})
    whole = FlirParameters(I7, ObjectParameters(**HEADER))
    assert right == whole == impossible.with_stated({name: HEADER[name]}) and not right.impossible
    assert np.array_equal(flir_celsius(frame(13000), right), flir_celsius(frame(13000), whole))


@pytest.mark.parametrize('name, value, unused', [
    ('reflected_c', np.nan, {'emissivity': 1.0}), ('air_c', -273.15, {'distance_m': 0.0}),
    ('humidity_percent', np.inf, {'distance_m': 0.0}), ('window_c', -273.15, {'window_transmission': 1.0})])
def test_an_impossible_value_that_changes_nothing_does_not_matter(name, value, unused):
    header = dict(HEADER, **unused)
    kept = FlirParameters.of_header(I7, dict(header, **{name: value}), AirConstants())
    whole = FlirParameters(I7, ObjectParameters(**header))
    assert np.array_equal(flir_celsius(frame(13000), kept), flir_celsius(frame(13000), whole))
    again = kept.corrected({next(iter(unused)): 0.9})
    assert OBJECT_PARAMETERS[name].label in refused('radiometry-value', flir_celsius, frame(13000), again)


@pytest.mark.parametrize('name, value', IMPOSSIBLE)
def test_an_impossible_value_is_stored_as_what_it_is(name, value):
    stored = FlirParameters.of_header(I7, dict(HEADER, **{name: value}), AirConstants())
    assert meaning_from_dict(json.loads(json.dumps(stored.to_dict(), allow_nan=False))) == stored
    assert 'impossible' not in FlirParameters(I7).to_dict()


@pytest.mark.parametrize('impossible', [
    {'colour': 'red'}, {'emissivity': 0.0}, {'emissivity': 'x' * 41}, ['emissivity'], 'emissivity', None, 3])
def test_impossible_values_that_nobody_wrote_are_refused(impossible):
    document = dict(FlirParameters(I7).to_dict(), impossible=impossible)
    refused('radiometry-stored', meaning_from_dict, document)


@pytest.mark.parametrize('name, value', [
    ('r1', 0), ('r1', np.nan), ('b', -1), ('f', 0), ('o', np.inf), ('o', 1e300), ('r2', 0), ('r2', None),
    ('b', 'warm')])
def test_constants_that_no_camera_has(name, value):
    constants = {'r1': 13799.269, 'b': 1374.5, 'f': 1.35, 'o': -6646, 'r2': 0.022241818}
    message = refused('radiometry-constant', lambda: PlanckConstants(**dict(constants, **{name: value})))
    assert name.upper() in message
    refused('radiometry-constant', lambda: AirConstants(beta2=float('nan')))


def test_counts_must_be_counts():
    with pytest.raises(ValueError):
        flir_celsius(frame(13000, np.int32), FlirParameters(I7))
