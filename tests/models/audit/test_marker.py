"""The marker is detected where there is one, and can be removed from the picture."""
import csv

import numpy as np
import pytest

from models.audit.marker import find_marker, without_marker
from service.body import find_body
from service.readers import read_thermogram
from service.thermogram import Thermogram

from . import worlds


def found(picture):
    thermogram = Thermogram.from_celsius(picture, 'made here')
    return find_marker(thermogram, find_body(thermogram))


@pytest.mark.parametrize('plate', [22.0, 25.0, 28.5])
def test_a_cold_square_on_the_chest_is_found(plate):
    marker = found(worlds.celsius(plate=plate))
    x, y, side = worlds.PLATE
    assert marker.size == pytest.approx(side / worlds.WIDTH, rel=0.15)
    assert marker.contrast == pytest.approx(31.0 - plate, abs=0.4)
    assert marker.mask[y:y + side, x:x + side].all()
    assert marker.mask.sum() < 2.2 * side ** 2
    assert marker.x == pytest.approx(0.5, abs=0.06) and 0.7 < marker.y < 0.95


def test_a_plate_that_the_lower_edge_cuts_is_found():
    picture = worlds.celsius()
    picture[-5:, 74:86] = 23.0
    assert found(picture).mask[-5:, 74:86].all()


def test_a_bare_torso_has_none():
    assert found(worlds.celsius()) is None


def test_a_cold_disc_is_not_a_plate():
    picture = worlds.celsius()
    y, x = np.mgrid[:worlds.HEIGHT, :worlds.WIDTH]
    picture[(x - 80) ** 2 + (y - 92) ** 2 < 10.5 ** 2] = 25.0
    assert found(picture) is None


def test_a_cool_patch_without_an_edge_is_not_a_plate():
    picture = worlds.celsius()
    y, x = np.mgrid[:worlds.HEIGHT, :worlds.WIDTH]
    picture -= 4.0 * np.exp(-((x - 80) ** 4 + (y - 92) ** 4) / 14.0 ** 4)
    assert found(picture) is None


def test_a_frame_without_a_body_has_none():
    assert found(np.full((worlds.HEIGHT, worlds.WIDTH), 22.0)) is None


def test_it_is_filled_in_from_the_skin_around_it():
    picture = worlds.celsius(plate=23.0).astype(np.float32)
    marker = found(picture)
    clean = without_marker(picture, marker)
    assert clean[marker.mask].min() > 30.5
    assert np.array_equal(clean[~marker.mask], picture[~marker.mask])
    assert without_marker(picture, None) is picture


def test_real_markers_are_found(shared_data):
    folder = shared_data / 'dmr'
    with open(folder / 'patients.csv') as stream:
        numbers = [int(row['patient']) for row in csv.DictReader(stream)]
    hit = {}
    for number in numbers[:30:3]:
        thermogram = read_thermogram(folder / 'matrices' / ('%04d.png' % number), scale='centicelsius')
        hit[number] = find_marker(thermogram, find_body(thermogram))
    bare = {1, 2, 94}  # as seen in the pictures
    assert all((marker is None) == (number in bare) for number, marker in hit.items())
    assert all(0.03 < marker.size < 0.13 for marker in hit.values() if marker)
