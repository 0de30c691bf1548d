"""Each control measures what its name says, and nothing of the skin pattern."""
import numpy as np
import pytest

from models.audit.controls import CHANCE, CONTROLS
from models.audit.inputs import is_constant, tabulate

from . import worlds

BY_NAME = {one.name: one for one in CONTROLS + (CHANCE,)}
PLAIN = worlds.audited()


def test_background_is_the_room_far_from_the_body():
    row = BY_NAME['background'].measure(worlds.audited(room_c=24.0))
    assert row['median'] == pytest.approx(24.0, abs=0.02) and row['sd'] < 0.1 and row['p5'] < row['median']


def test_background_is_missing_where_the_body_fills_the_frame():
    audited = worlds.audited()
    object.__setattr__(audited.body, 'mask', np.ones_like(audited.body.mask))
    assert BY_NAME['background'].measure(audited) == {}


def test_marker():
    assert BY_NAME['marker'].measure(PLAIN)['present'] == 0
    row = BY_NAME['marker'].measure(worlds.audited(plate=25.0))
    assert row['present'] == 1 and row['contrast'] == pytest.approx(6, abs=0.4)


@pytest.mark.parametrize('facts, patient, number', [({'number': 138}, 'x', 138), ({'number': None}, 'T0138', 138)])
def test_patient_number(facts, patient, number):
    assert BY_NAME['patient number'].measure(worlds.audited(facts=facts, patient=patient)) == {'number': number}


def test_patient_without_a_number():
    audited = worlds.audited(facts={'number': None}, patient='anna')
    assert np.isnan(BY_NAME['patient number'].measure(audited)['number'])


def test_file_dialect_tells_two_dialects_apart_and_one_is_constant():
    rows = [BY_NAME['file dialect'].measure(worlds.audited(facts={'dialect': one})) for one in ('space', 'semicolon')]
    assert not is_constant(tabulate(rows)[0])
    assert is_constant(tabulate(rows[:1] * 3)[0])


@pytest.mark.parametrize('sigma', [0.03, 0.09])
def test_noise_is_measured_in_degrees(sigma):
    row = BY_NAME['noise'].measure(worlds.audited(noise_c=sigma))
    assert row['frame'] == pytest.approx(sigma, rel=0.1) and row['skin'] == pytest.approx(sigma, rel=0.1)


def test_geometry_is_the_outline_alone():
    row = BY_NAME['geometry'].measure(PLAIN)
    assert row['left'] == pytest.approx(0.08, abs=0.02) and row['share'] == pytest.approx(0.78, abs=0.05)
    assert BY_NAME['geometry'].measure(worlds.audited(asymmetry_c=0.5, plate=24.0)) == pytest.approx(row, abs=0.02)


def test_file_statistics_see_steps():
    coarse = worlds.audited()
    object.__setattr__(coarse.thermogram, 'pixels', np.round(coarse.pixels * 4) / 4)
    row = BY_NAME['file statistics'].measure(coarse)
    assert row['step'] == 0.25 and row['width'] == worlds.WIDTH
    assert row['packed'] < BY_NAME['file statistics'].measure(PLAIN)['packed']


def test_frame_mean():
    assert BY_NAME['frame mean'].measure(PLAIN)['mean'] == pytest.approx(PLAIN.pixels.mean(), abs=1e-4)


def test_date_where_it_is_stated():
    row = BY_NAME['date'].measure(worlds.audited(facts={'date': '2013-09-06', 'visit': 2}))
    assert row['day'] == 735117 and row['visit'] == 2 and np.isnan(row['frame'])
    assert tabulate([BY_NAME['date'].measure(PLAIN)] * 2)[0].shape == (2, 0)


def test_chance_depends_on_the_patient_alone():
    one, same, other = (CHANCE.measure(worlds.audited(patient=name, seed=seed)) for name, seed in
                        (('a', 0), ('a', 1), ('b', 0)))
    assert one == same != other
