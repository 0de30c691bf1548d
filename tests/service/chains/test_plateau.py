"""plateau-1 looks at skin only."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chains import get_chain
from service.chains.levels import classic_table, plateau_table
from service.thermogram import Thermogram

from .contract import ChainContract, torso


class TestPlateau(ChainContract):
    chain_id = 'plateau-1'

    def test_the_wall_is_zero_and_skin_is_not(self):
        tensor = self.tensor(Thermogram.from_celsius(torso(240, 320), source='torso'))[0, 0]
        assert tensor[5, 5] == 0
        assert tensor[150, 160] >= 56 / 255.0

    def test_how_much_wall_is_seen_does_not_change_skin(self):
        near = torso(240, 320)
        far = np.full((480, 640), 22.0)
        far[120:360, 160:480] = near
        seen_near = self.tensor(Thermogram.from_celsius(near, source='near'))[0, 0]
        seen_far = self.tensor(Thermogram.from_celsius(far, source='far'), height=480, width=640)[0, 0]
        inside = near > 26
        difference = np.abs(seen_far[120:360, 160:480] - seen_near)[inside]
        assert np.percentile(difference, 95) < 0.03

    def test_an_offset_of_the_camera_changes_nothing_much(self):
        plain = self.tensor(Thermogram.from_celsius(torso(240, 320), source='a'))
        shifted = self.tensor(Thermogram.from_celsius(torso(240, 320, offset_c=1.5), source='b'))
        assert np.abs(plain - shifted).mean() < 0.01


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 10000), min_size=2, max_size=300), st.floats(0.1, 50))
def test_a_plateau_table_rises_and_ends_at_white(counts, plateau):
    table = plateau_table(counts, plateau)
    assert (np.diff(table.astype(int)) >= 0).all()
    assert table[-1] == (255 if any(counts) else 0)


def test_without_a_limit_it_follows_the_cumulative_count():
    counts = np.random.RandomState(0).randint(1, 100, 256)
    assert np.abs(plateau_table(counts, 1e9).astype(int) - classic_table(counts).astype(int)).max() <= 2


def test_a_low_limit_makes_it_a_straight_line():
    counts = np.random.RandomState(0).randint(50, 5000, 256)
    assert np.abs(plateau_table(counts, 1e-6) - np.arange(1, 257) * 255 / 256.0).max() <= 1


def test_a_large_flat_area_cannot_take_all_contrast():
    counts = np.full(256, 20)
    counts[40] = 5000
    limited = plateau_table(counts, 3.0).astype(int)
    classic = classic_table(counts).astype(int)
    assert (classic[41] - classic[39]) > 3 * (limited[41] - limited[39])


def test_the_constants_are_the_manifest_s():
    assert get_chain('plateau-1', {'plateau': 2.0}).constants['plateau'] == 2.0
