"""Corrections are made in what was measured, once or twice, and come out as if they had been there at first."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.messages import InputError
from service.radiometry import (
    FlirParameters,
    GreyLevels,
    LinearScale,
    ObjectParameters,
    PlanckConstants,
    Raw,
    Temperatures,
    flir_celsius,
    meaning_from_dict,
    recompute_celsius,
)
from service.thermogram import Provenance, Thermogram
from tests.service.readers.files import body_c

CAMERA = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646, 0.022241818),
                        ObjectParameters(0.95, 21.0, distance_m=1.0))
COUNTS = np.random.RandomState(1).randint(12500, 14500, (60, 80)).astype(np.uint16)
CELSIUS = body_c().astype(np.float32)


def raw(values, meaning):
    return Raw(values, meaning, Provenance('visit.txt', 'text'))


def refused(code, change, *arguments):
    with pytest.raises(InputError) as caught:
        change(*arguments)
    message = caught.value.message.text
    assert caught.value.code == code, (caught.value.code, message)
    assert message.startswith('visit.txt: ') and '\n' not in message and message.endswith('.')
    return message


@settings(max_examples=25)
@given(st.floats(0.7, 1), st.floats(0, 40), st.floats(0, 5), st.floats(0.7, 1))
def test_a_correction_of_counts_is_as_if_it_had_been_stated(emissivity, reflected, distance, before):
    changes = {'emissivity': emissivity, 'reflected_c': reflected, 'distance_m': distance}
    corrected = raw(COUNTS, CAMERA).corrected({'emissivity': before}).corrected(changes)
    stated = FlirParameters(CAMERA.planck, ObjectParameters(emissivity, reflected, distance_m=distance))
    assert np.array_equal(corrected.values, COUNTS)
    assert np.abs(corrected.thermogram().pixels - flir_celsius(COUNTS, stated)).max() < 2e-4
    assert corrected.thermogram().provenance.emissivity == pytest.approx(emissivity, abs=1e-6)


def test_a_correction_back_gives_the_first_temperatures_bit_for_bit():
    first = raw(COUNTS, CAMERA)
    back = first.corrected({'emissivity': 0.8}).corrected({'emissivity': 0.95})
    assert np.array_equal(back.thermogram().pixels, first.thermogram().pixels)
    assert back.provenance.notes == ('computed with emissivity 0.8 instead of 0.95',
                                     'computed with emissivity 0.95 instead of 0.8')
    temperatures = raw(CELSIUS, Temperatures(None, {'emissivity': 1.0}))
    back = temperatures.corrected({'emissivity': 0.9, 'reflected_c': 22}).corrected({'emissivity': 1.0})
    assert np.array_equal(back.thermogram().pixels, CELSIUS)


def test_seven_digits_of_a_camera_are_no_correction():
    camera = FlirParameters(CAMERA.planck, ObjectParameters(float(np.float32(0.95)), 21.0))
    first = raw(COUNTS, camera)
    assert first.corrected({'emissivity': 0.95}) is first and first.corrected({}) is first
    assert first.thermogram().provenance.emissivity == 0.95


def test_temperatures_of_a_black_body_are_corrected_through_their_light():
    first = raw(CELSIUS, Temperatures(None, {'emissivity': 1.0}))
    corrected = first.corrected({'emissivity': 0.98, 'reflected_c': 22.0})
    expected = recompute_celsius(CELSIUS, ObjectParameters(), ObjectParameters(0.98, 22.0))
    assert np.array_equal(corrected.thermogram().pixels, expected)
    assert corrected.provenance.notes == ('computed with emissivity 0.98 instead of 1',)
    # A second correction starts from what the camera said, not from the first.
    again = corrected.corrected({'emissivity': 0.95}).thermogram().pixels
    assert np.array_equal(again, recompute_celsius(CELSIUS, ObjectParameters(), ObjectParameters(0.95, 22.0)))


@pytest.mark.parametrize('stated, changes, words', [
    ({}, {'emissivity': 0.98}, '"emissivity"'),
    ({}, {'reflected_c': 22.0}, '"emissivity"'),
    ({'emissivity': 0.9}, {'emissivity': 0.98}, '"reflected_c"'),
    ({'emissivity': 1.0}, {'emissivity': 0.98}, 'reflected temperature')])
def test_nothing_is_guessed(stated, changes, words):
    assert words in refused('radiometry-unstated', raw(CELSIUS, Temperatures(None, stated)).corrected, changes)


def test_air_needs_counts():
    black = Temperatures(None, {'emissivity': 1.0})
    refused('radiometry-needs-raw', raw(CELSIUS, black).corrected, {'distance_m': 2.0})
    assert raw(COUNTS, CAMERA).corrected({'distance_m': 2.0}).meaning.object_parameters.distance_m == 2.0


def test_grey_levels_are_left_alone():
    grey = raw(np.uint8(CELSIUS), GreyLevels())
    refused('radiometry-relative', grey.corrected, {'emissivity': 0.98})
    refused('radiometry-value', raw(COUNTS, CAMERA).corrected, {'emissivity': 7})
    stated = grey.with_stated({'emissivity': 0.98})
    assert (stated.meaning, stated.provenance) == (grey.meaning, grey.provenance)
    assert not grey.thermogram().is_celsius


def test_what_is_told_twice_corrects():
    once = raw(CELSIUS, Temperatures()).with_stated({'emissivity': 1.0})
    assert np.array_equal(once.thermogram().pixels, CELSIUS) and once.provenance.notes == ()
    assert once.thermogram().provenance.emissivity == 1.0
    twice = once.with_stated({'emissivity': 0.98, 'reflected_c': 22.0})
    expected = recompute_celsius(CELSIUS, ObjectParameters(1.0, 22.0), ObjectParameters(0.98, 22.0))
    assert np.array_equal(twice.thermogram().pixels, expected)


def test_what_cannot_be_is_named_with_its_file():
    refused('radiometry-no-temperature', raw(COUNTS * 0, CAMERA).thermogram)
    with pytest.raises(InputError) as caught:
        raw(np.full((60, 80), 65535, np.uint16), Temperatures(LinearScale(0.1, -273.15))).thermogram()
    assert caught.value.code == 'temperature-impossible' and caught.value.message.text.startswith('visit.txt has 6280')


@pytest.mark.parametrize('scale', [(0.01, -273.15), (1 / 64.0, -273.15), (0.04, -273.15), (0.1, -273.15), (0.01, 0.0)])
def test_temperatures_of_a_scale_take_sixteen_bits(scale):
    counts = np.rint((body_c() - scale[1]) / scale[0]).astype(np.uint16)
    celsius = LinearScale(*scale).celsius(counts)
    packed = raw(celsius, Temperatures(None, {'emissivity': 1.0})).packed()
    assert packed.values.dtype == np.uint16 and packed.meaning.stated == {'emissivity': 1.0}
    assert np.array_equal(packed.thermogram().pixels, celsius)


def test_temperatures_of_no_scale_stay_as_they_are():
    between = CELSIUS + np.float32(0.003)
    for values in (between, np.full((60, 80), np.nan, np.float32), CELSIUS - np.float32(400)):
        same = raw(values, Temperatures())
        assert same.packed() is same
    assert raw(np.float32([[1, 2], [3, 255]]), GreyLevels()).packed().values.dtype == np.uint8
    assert raw(np.float32([[1, 2], [3, 255.5]]), GreyLevels()).packed().values.dtype == np.float32


def test_a_thermogram_without_its_source():
    thermogram = Thermogram.from_celsius(CELSIUS, 'camera', emissivity=0.98, captured_at='2026-01-02T03:04:05.000Z')
    again = Raw.of(thermogram)
    assert again.meaning == Temperatures(None, {'emissivity': 0.98})
    assert again.thermogram().provenance == thermogram.provenance
    assert np.array_equal(again.packed().thermogram().pixels, CELSIUS)
    assert Raw.of(Thermogram.from_relative(CELSIUS, 'scan.jpg')).meaning == GreyLevels()


@pytest.mark.parametrize('meaning', [
    CAMERA, Temperatures(), Temperatures(LinearScale(0.04, -273.15), {'emissivity': 0.9, 'reflected_c': 20.0},
                                         {'emissivity': 0.98}), GreyLevels()])
def test_a_meaning_survives_json(meaning):
    assert meaning_from_dict(meaning.to_dict()) == meaning


@pytest.mark.parametrize('document', [
    None, [], {}, {'kind': []}, {'kind': 'grey', 'more': 1}, {'kind': 'flir'}, {'kind': 'temperatures'},
    {'kind': 'temperatures', 'scale': 5, 'stated': {}, 'true': {}},
    {'kind': 'temperatures', 'scale': None, 'stated': 5, 'true': {}},
    dict(CAMERA.to_dict(), air=[1]), dict(CAMERA.to_dict(), planck={'r1': 1.0})])
def test_a_made_up_meaning_is_refused(document):
    with pytest.raises(InputError) as caught:
        meaning_from_dict(document)
    assert caught.value.code == 'radiometry-stored'
