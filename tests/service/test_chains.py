"""What every chain must do, what each of them computes, and how frames lie in the input."""
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chains import Fit, get_chain, plateau_table
from service.messages import BundleError
from service.palettes import palette
from service.thermogram import Thermogram

SHAPES = [(480, 640), (120, 160), (192, 256), (512, 640), (640, 480), (60, 80)]


def torso(height, width, offset_c=0.0):
    """A warm ellipse in a cool room with a gradient inside, degrees Celsius."""
    y, x = np.mgrid[0:height, 0:width]
    inside = ((x / width - 0.5) / 0.35) ** 2 + ((y / height - 0.6) / 0.55) ** 2 < 1
    return np.where(inside, 30 + 4 * np.sin(6.0 * x / width) * y / height, 22.0) + offset_c


def classic_table(histogram):
    """The table of `cv2.equalizeHist` for a 256-bin histogram, written out.

    The cumulative count, from which the first occupied bin is left out, is scaled with a float32 factor and rounded
    half to even. A constant picture is mapped to itself.
    """
    counts = np.asarray(histogram, np.int64)
    total, first = int(counts.sum()), int(np.argmax(counts > 0))
    if counts[first] == total:
        return np.full(256, first, np.uint8)
    scale = np.float32(255) / np.float32(total - counts[first])
    cumulative = np.cumsum(counts) - counts[first]
    table = np.rint(cumulative.astype(np.float32) * scale)
    table[:first + 1] = 0
    return np.clip(table, 0, 255).astype(np.uint8)


class ChainContract:
    chain_id = ''

    def tensor(self, thermogram, **constants):
        return get_chain(self.chain_id, constants).apply(thermogram).tensor

    @pytest.mark.parametrize('shape', SHAPES)
    def test_any_size_becomes_the_input(self, shape):
        chain = get_chain(self.chain_id)
        prepared = chain.apply(Thermogram.from_celsius(torso(*shape), source='torso'))
        assert prepared.tensor.shape == (1, chain.channels, 240, 320)
        assert prepared.tensor.dtype == np.float32
        assert prepared.tensor.flags['C_CONTIGUOUS']
        assert 0 <= prepared.tensor.min() and prepared.tensor.max() <= 1
        assert prepared.fit.enlarge(prepared.fit.cut(np.zeros((240, 320), np.uint8))).shape == shape

    def test_the_same_frame_gives_the_same_bytes(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        assert self.tensor(thermogram).tobytes() == self.tensor(thermogram).tobytes()

    def test_a_constant_frame_is_finite(self):
        tensor = self.tensor(Thermogram.from_celsius(np.full((120, 160), 25.0), source='wall'))
        assert np.isfinite(tensor).all()

    def test_temperatures_outside_the_window_are_clipped(self):
        celsius = torso(120, 160)
        celsius[:10], celsius[-10:] = -40, 400
        assert np.isfinite(self.tensor(Thermogram.from_celsius(celsius, source='hot'))).all()

    def test_a_relative_frame_needs_no_temperatures(self):
        grey = (torso(120, 160) - 20) * 15
        tensor = self.tensor(Thermogram.from_relative(grey, source='grey'))
        assert len(np.unique(tensor)) > 50

    def test_the_frame_itself_is_left_alone(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        before = thermogram.pixels.copy()
        self.tensor(thermogram)
        assert np.array_equal(thermogram.pixels, before)

    @pytest.mark.parametrize('constants', [{'gamma': 2}, {'width': 0}, {'width': 3.5}, {'width': '320'},
                                           {'low_c': 40.0, 'high_c': 18.0}], ids=str)
    def test_constants_that_make_no_sense_are_refused(self, constants):
        with pytest.raises(BundleError) as caught:
            get_chain(self.chain_id, constants)
        assert caught.value.code == 'chain-constants'

    @pytest.mark.parametrize('value', ['40', None, [], {}, True, float('nan'), float('inf'), 10 ** 400, b'1'],
                             ids=lambda value: '%.9r' % (value,))
    def test_a_constant_of_another_type_is_refused_by_name(self, value):
        for name, default in get_chain(self.chain_id).DEFAULTS.items():
            if isinstance(value, bool) and isinstance(default, bool):
                continue
            with pytest.raises(BundleError) as caught:
                get_chain(self.chain_id, {name: value})
            assert caught.value.code == 'chain-constants' and name in caught.value.message.sentence

    def test_whole_numbers_are_whole(self):
        for name, default in get_chain(self.chain_id).DEFAULTS.items():
            if type(default) is int:
                with pytest.raises(BundleError):
                    get_chain(self.chain_id, {name: default + 0.5})
            elif type(default) is float:
                assert get_chain(self.chain_id, {name: int(default)}).constants[name] == default


class TestClassic(ChainContract):
    chain_id = 'classic-1'

    @pytest.mark.parametrize('celsius', [torso(120, 160), np.full((120, 160), 25.0), np.full((120, 160), 90.0)],
                             ids=['torso', 'constant', 'all clipped'])
    def test_it_is_the_table_bit_for_bit(self, celsius):
        chain = get_chain('classic-1', {'height': 120, 'width': 160})
        thermogram = Thermogram.from_celsius(celsius, source='x')
        grey = chain.grey(thermogram)
        table = classic_table(np.bincount(grey.ravel(), minlength=256))
        assert np.array_equal(chain.apply(thermogram).picture, table[grey])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2 ** 32 - 1), st.integers(1, 256), st.floats(0.05, 6), st.sampled_from(((37, 53), (480, 640))))
def test_every_opencv_equalises_with_the_same_table(seed, levels, shape, size):
    """classic-1 and turbo-1 were trained with this table: an OpenCV with another one would change their input."""
    random = np.random.RandomState(seed)
    picture = np.resize((random.beta(shape, 2, (37, 53)) * levels).clip(0, 255).astype(np.uint8), size)
    table = classic_table(np.bincount(picture.ravel(), minlength=256))
    assert np.array_equal(cv2.equalizeHist(picture), table[picture])


class TestTurbo(ChainContract):
    chain_id = 'turbo-1'

    def test_it_is_equalisation_followed_by_the_palette(self):
        shape = {'height': 120, 'width': 160}
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        grey = get_chain('classic-1', shape).apply(thermogram).picture
        assert np.array_equal(get_chain('turbo-1', shape).apply(thermogram).picture, palette('turbo')[grey])

    @pytest.mark.parametrize('equalise', [True, False])
    @pytest.mark.parametrize('celsius', [torso(100, 100), np.full((100, 100), 25.0)], ids=['torso', 'constant'])
    def test_padding_is_what_the_coolest_level_becomes(self, equalise, celsius):
        chain = get_chain('turbo-1', {'equalise': equalise})
        thermogram = Thermogram.from_celsius(celsius, source='x')
        levels = chain.grey(thermogram)
        table = palette('turbo')
        if equalise:
            table = table[classic_table(np.bincount(levels.ravel(), minlength=256))]
        assert np.array_equal(chain.apply(thermogram).picture[0, 0], table[0])

    def test_equalisation_can_be_left_out(self):
        thermogram = Thermogram.from_celsius(torso(120, 160), source='torso')
        assert not np.array_equal(self.tensor(thermogram), self.tensor(thermogram, equalise=False))


@pytest.mark.skipif(not hasattr(cv2, 'COLORMAP_TURBO'), reason='this OpenCV has no TURBO palette to compare with')
def test_the_palette_is_opencv_s():
    ramp = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    expected = cv2.applyColorMap(ramp, cv2.COLORMAP_TURBO)[:, 0, ::-1]
    assert np.array_equal(palette('turbo'), expected)


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
    table = plateau_table(np.array(counts), plateau)
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


def test_an_unknown_chain_is_refused_with_the_known_ones():
    with pytest.raises(BundleError) as caught:
        get_chain('plateau-2')
    assert caught.value.code == 'chain-unknown' and 'plateau-1' in caught.value.message.text


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 700), st.integers(40, 700))
def test_the_picture_fills_one_side_and_keeps_its_aspect(height, width):
    fit = Fit.of((height, width), (240, 320))
    top, left, inner_height, inner_width = fit.inner
    assert inner_height == 240 or inner_width == 320
    assert 0 <= top and top + inner_height <= 240 and 0 <= left and left + inner_width <= 320
    assert abs(inner_height / float(inner_width) - height / float(width)) < 0.05 * height / float(width) + 0.02


@pytest.mark.parametrize('frame', [(480, 640), (120, 160), (512, 640), (640, 480)])
def test_labels_come_back_to_their_place(frame):
    fit = Fit.of(frame, (240, 320))
    labels = np.zeros(frame, np.uint8)
    labels[frame[0] // 4:frame[0] // 2, frame[1] // 5:frame[1] // 2] = 1
    there = fit.to_input(labels.astype(np.float32), padding=0).round().astype(np.uint8)
    back = fit.enlarge(fit.cut(there))
    overlap = (back & labels).sum() / float((back | labels).sum())
    assert overlap > 0.95


def test_padding_is_what_was_asked_for():
    padded = Fit.of((100, 100), (240, 320)).to_input(np.ones((100, 100), np.float32), padding=7)
    assert padded[0, 0] == 7 and padded[120, 160] == 1
