"""Another emissivity without counts, against Planck's law integrated over the camera's wavelengths."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.radiometry import FlirParameters, ObjectParameters, PlanckConstants, flir_celsius, recompute_celsius

PLANCK, LIGHT, BOLTZMANN = 6.62607015e-34, 299792458.0, 1.380649e-23

WAVES = np.linspace(8e-6, 14e-6, 601)
GRID_C = np.linspace(-20, 70, 3001)

emissivities = st.floats(0.7, 1)


def radiance(celsius):
    """Light of a black body between 8 and 14 um: float64, same length as `celsius`."""
    kelvin = np.atleast_1d(celsius)[:, None] + 273.15
    each = 1 / (WAVES ** 5 * np.expm1(PLANCK * LIGHT / (WAVES * BOLTZMANN * kelvin)))
    return each.sum(axis=1)


def seen_as_black(surface, setting):
    """What a camera that assumes a black body says of a surface: Planck's law, summed and inverted."""
    light = setting.emissivity * radiance(surface) + (1 - setting.emissivity) * radiance(setting.reflected_c)
    return np.interp(light, radiance(GRID_C), GRID_C)


@pytest.mark.parametrize('emissivity, within', [(0.98, 0.0003), (0.95, 0.0007), (0.8, 0.002), (0.5, 0.006)])
@pytest.mark.parametrize('room', [10.0, 22.0, 35.0])
def test_the_error_is_as_stated(emissivity, within, room):
    surface, setting = np.linspace(15, 45, 31), ObjectParameters(emissivity, room)
    black = seen_as_black(surface, setting)[None]
    assert np.abs(recompute_celsius(black, ObjectParameters(), setting) - surface).max() < within
    if emissivity == 0.98 and room == 10.0:
        assert np.abs(black - surface).max() > 0.4  # what is corrected, against which the error is small


def test_the_usual_short_cut_is_worse():
    surface, setting = np.linspace(15, 45, 31), ObjectParameters(0.98, 10.0)
    fourth = lambda celsius: (celsius + 273.15) ** 4  # noqa: E731
    black = seen_as_black(surface, setting)
    short = ((fourth(black) - 0.02 * fourth(10.0)) / 0.98) ** 0.25 - 273.15
    recomputed = recompute_celsius(black[None], ObjectParameters(), setting)
    assert np.abs(short - surface).max() > 10 * np.abs(recomputed - surface).max()


@given(emissivities, emissivities, st.floats(0, 45), st.floats(0, 45))
def test_back_again_is_what_it_was(first, second, room, other_room):
    celsius = np.linspace(15, 45, 40).reshape(4, 10)
    one, other = ObjectParameters(first, room), ObjectParameters(second, other_room)
    try:
        there = recompute_celsius(celsius, one, other)
    except InputError as error:
        assert error.code == 'radiometry-no-temperature'
    else:
        assert np.abs(recompute_celsius(there, other, one) - celsius).max() < 1e-3


@settings(max_examples=40)
@given(st.floats(0.8, 1), st.floats(10, 35))
def test_counts_and_temperatures_agree_on_a_correction(emissivity, room):
    """The way through FLIR's counts and the way without them, for a camera of these wavelengths."""
    camera = PlanckConstants(17096, 1394, 1, -342, 0.0422)
    raw = np.rint(camera.counts(np.linspace(25, 40, 20))).astype(np.uint16)[None]
    black, setting = flir_celsius(raw, FlirParameters(camera)), ObjectParameters(emissivity, room)
    recomputed = recompute_celsius(black, ObjectParameters(), setting)
    assert np.abs(recomputed - flir_celsius(raw, FlirParameters(camera, setting))).max() < 1e-4


def test_what_was_right_stays_bit_for_bit():
    celsius = np.float32([[30.1, 36.6]])
    assert np.array_equal(recompute_celsius(celsius, ObjectParameters(0.98, 20), ObjectParameters(0.98, 20)), celsius)
    assert np.array_equal(recompute_celsius(celsius, ObjectParameters(1, 20), ObjectParameters(1, 25)), celsius)


def test_a_surface_of_less_than_no_light_is_refused():
    with pytest.raises(InputError) as caught:
        recompute_celsius(np.float32([[30, -60]]), ObjectParameters(), ObjectParameters(0.5, 200.0))
    assert caught.value.code == 'radiometry-no-temperature' and 'column' in caught.value.message.text


def test_the_air_cannot_be_corrected_without_counts():
    with pytest.raises(InputError) as caught:
        recompute_celsius(np.float32([[30]]), ObjectParameters(), ObjectParameters(0.98, distance_m=1))
    assert caught.value.code == 'radiometry-needs-raw'
