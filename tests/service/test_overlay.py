"""The overlay shows what was found and nothing that was not."""
import dataclasses

import cv2
import numpy as np
import pytest

from service import overlay
from service.body import find_body
from service.messages import InputError, Message
from service.overlay import LAYERS, automatic_span, draw_layer, draw_overlay
from service.palettes import PALETTES, palette
from service.pipeline import Pipeline
from service.reading import SLOW
from service.regions import (
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    region_masks,
)
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import Thermogram
from tests.fakes import frames, plain_overlay
from tests.fakes.pipelines import stub_pipeline

#: What is drawn once and kept.
KEPT = (overlay._notice_strip, overlay._bar, overlay._tick)


def analysed(array=None, relative=False, **answers):
    make = Thermogram.from_relative if relative else Thermogram.from_celsius
    with stub_pipeline(**answers) as pipeline:
        return pipeline.analyse(make(frames.torso() if array is None else array, source='x'))


def drawn_plainly(result, layer, palette_name='iron', span=None):
    """The picture, after it was held against the same one drawn the plain way."""
    picture = draw_overlay(result, palette_name, layer, span)
    assert np.array_equal(picture, plain_overlay.draw(result, palette_name, layer, span))
    return picture


@pytest.fixture
def words(monkeypatch):
    """Every text that is drawn, with its place; nothing is kept from before or for later."""
    said = {}
    for kept in KEPT:
        kept.cache_clear()
    monkeypatch.setattr(overlay, '_write', lambda picture, text, x, y, size=None: said.setdefault(text, (x, y)))
    yield said
    for kept in KEPT:
        kept.cache_clear()


@pytest.mark.parametrize('layer', LAYERS)
def test_every_layer_is_a_picture_of_its_own(layer):
    result = analysed()
    picture = draw_overlay(result, layer=layer)
    assert picture.shape == (480 + overlay.NOTICE_HEIGHT_PX, 640 + overlay.SCALE_WIDTH_PX, 3)
    assert picture.dtype == np.uint8
    if layer != 'original':
        assert (picture != draw_overlay(result)).mean() > 0.05


def test_a_small_sensor_is_enlarged_and_keeps_its_aspect():
    assert draw_overlay(analysed(frames.torso(120, 160))).shape[:2] == (524, 706)
    assert draw_overlay(analysed(frames.torso(512, 640))).shape[1] == 600 + overlay.SCALE_WIDTH_PX


def test_sides_scale_spots_and_notice_are_written(words):
    draw_overlay(analysed())
    assert 'R' in words and 'L' in words and '°C' in words and '31' in words
    assert 'Not a substitute for mammography.' in ' '.join(words)
    assert any(word.startswith('30.') for word in words)


def test_the_patient_s_right_is_marked_on_the_left(words):
    draw_overlay(analysed())
    assert words['R'][0] < 100 and words['L'][0] > 500


def test_a_relative_picture_has_no_degrees(words):
    grey = np.clip((frames.torso() - 20) * 15, 0, 255)
    draw_overlay(analysed(grey, relative=True))
    assert '°C' not in words and 'not °C' in words
    assert not any(word.replace('.', '').isdigit() for word in words)


def test_every_layer_has_the_scale_of_its_own_colours(words):
    result = analysed()
    draw_overlay(result, layer='difference')
    assert {'°C', '-2', '-1', '0', '1', '2'} <= set(words) and '31' not in words
    words.clear()
    overlay._bar.cache_clear()
    draw_overlay(result, layer='equalised')
    assert 'not °C' in words and '°C' not in words


def test_the_difference_layer_is_white_where_both_sides_are_alike():
    result = analysed()
    picture = np.zeros((480, 640, 3), np.uint8)
    layer = draw_layer(result, 'difference', overlay._palette_table('iron'), (28, 34), picture)
    assert layer.span == (-2, 2)
    warmer, cooler = (picture[300, x].astype(int) for x in (440, 200))
    assert warmer[2] > warmer[0] and cooler[0] > cooler[2]


def test_a_no_result_says_why_in_the_picture(words):
    result = analysed(labels=np.zeros((240, 320)))
    assert result.refusals
    draw_overlay(result)
    assert 'No result' in words and result.refusals[0].sentence in words


@pytest.mark.parametrize('view', ['left-oblique', 'right-lateral'])
def test_a_side_view_has_its_name_in_place_of_sides(words, view):
    result = analysed(view=view)
    draw_overlay(result)
    assert view.replace('-', ' ') + ' view' in words and not {'R', 'L', 'No result'} & set(words)


@pytest.mark.parametrize('layer', LAYERS)
def test_a_side_view_is_as_drawn_the_plain_way(layer):
    drawn_plainly(analysed(view='right-oblique'), layer)


def test_what_is_no_torso_has_no_outlines(words):
    result = analysed(view='none')
    draw_overlay(result, layer='regions')
    assert 'There is no torso in the picture.' in words and not any(word.startswith('30.') for word in words)


def test_a_place_just_above_the_limit_is_seen_where_it_is_slow_and_even_skin_stays_grey():
    result = analysed()
    slower = np.ones(result.thermogram.pixels.shape, np.float32)
    even = overlay.draw_slower(result, slower, 1, 1).astype(int)
    height, width = slower.shape
    slower[:, width // 2:] = SLOW + 0.05
    drawn = overlay.draw_slower(result, slower, 1, 1).astype(int)
    # Half of the way, at least, to the colour of a slow place: a third of it nobody sees on bright skin.
    share = (drawn - even)[100:-20, -60:-20].sum() / (np.array(overlay._EXPLANATION) - even[100:-20, -60:-20]).sum()
    assert share > 0.45 and np.array_equal(drawn[:, 60:200], even[:, 60:200])


def test_a_frame_that_the_network_never_saw_can_be_drawn():
    for layer in LAYERS:
        draw_overlay(analysed(np.full((120, 160), 25.0)), layer=layer)


@pytest.mark.parametrize('span', [(28.0, 36.0), (30.2, 32.9), (-500.0, 700.5), (-2.0, 2.0)])
def test_a_level_is_the_nearest_and_ends_hold_what_lies_beyond(span):
    values = np.float32([[-1e6, -3, -2, 0, 1.3], [20, 28, 30.2, 31.7, 32.9], [33, 36, 700.5, 701, 1e6]])
    exact = np.clip(255 - (values.astype(np.float64) - span[0]) * 247 / (span[1] - span[0]), 8, 255)
    levels = overlay._levels(values, span, values.shape)
    assert levels.dtype == np.uint8 and np.abs(levels - exact).max() < 0.51


def test_an_outline_has_the_tint_of_its_region_on_a_dark_rim():
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 10:50], labels[15:25, 20:30] = LEFT_BREAST, LEFT_NIPPLE
    result = dataclasses.replace(analysed(), labels=labels,
                                 boxes={region: box for region, (box, _) in region_masks(labels).items()})
    area, outlines = overlay._outlines(result, labels.shape)
    marks = np.full(labels.shape, 255, np.uint8)
    marks[area] = outlines
    assert marks[20, 5:15].tolist() == [255, 255, 0] + [LEFT_BREAST] * 3 + [0, 255, 255, 255]
    # Smoothing takes a pixel from so small a region.
    assert marks[20, 17:23].tolist() == [255, 0, LEFT_NIPPLE, LEFT_NIPPLE, LEFT_NIPPLE, 0]
    assert not overlay._palette_table('turbo')[0].any()
    without = dataclasses.replace(result, labels=np.zeros_like(labels), boxes={})
    assert (overlay._outlines(without, labels.shape)[1] == 255).all()


def test_outlines_are_of_colours_that_iron_does_not_contain_and_without_stairs():
    def lab(colours):
        return cv2.cvtColor(np.float32(colours)[np.newaxis] / 255, cv2.COLOR_RGB2LAB)[0]

    iron, tints = lab(palette('iron')), lab(overlay._TINTS[1:, ::-1])
    nearest = np.sqrt(((tints[:, np.newaxis] - iron) ** 2).sum(2)).min(1)
    assert nearest.min() > 30  # of the colours before, the least was 6.5
    sides = {name: abs(tints[right - 1, 0] - tints[left - 1, 0]) for name, (right, left) in
             {'breast': (RIGHT_BREAST, LEFT_BREAST), 'nipple': (RIGHT_NIPPLE, LEFT_NIPPLE),
              'armpit': (RIGHT_ARMPIT, LEFT_ARMPIT)}.items()}
    assert min(sides.values()) > 10
    # A disc of a network's pixels, four pixels wide each: its smoothed edge lies nearer to the disc's.
    rows, columns = np.mgrid[:240, :240]
    pixels = np.hypot(rows[::4, ::4] - 118.5, columns[::4, ::4] - 118.5) < 80
    coarse = pixels.astype(np.uint8).repeat(4, 0).repeat(4, 1)
    exact = np.hypot(rows - 120, columns - 120) < 80
    assert (overlay._smooth(coarse) != exact).sum() < 0.75 * (coarse != exact).sum()


def test_the_span_follows_the_body_and_has_a_least_width():
    thermogram = Thermogram.from_celsius(frames.torso(), source='x')
    low, high = automatic_span(thermogram, find_body(thermogram))
    assert 28 < low < 30 and 31 < high < 33 and high - low >= 3.9


def test_a_locked_span_gives_the_same_colour_for_the_same_temperature():
    results = analysed(), analysed(frames.torso() + 0.0)
    pictures = [draw_overlay(result, span=(20, 36)) for result in results]
    assert np.array_equal(*pictures)


def test_every_palette_draws_and_an_unknown_one_is_named():
    result = analysed()
    pictures = {name: draw_overlay(result, palette_name=name).tobytes() for name in PALETTES}
    assert len(set(pictures.values())) == len(PALETTES)
    with pytest.raises(InputError) as caught:
        draw_overlay(result, palette_name='rainbow')
    assert caught.value.code == 'palette-unknown' and 'iron' in caught.value.message.text


@pytest.fixture(scope='module')
def shipped():
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads=1) as pipeline:
        yield pipeline


@pytest.fixture(scope='module', params=[(60, 80), (192, 256), (480, 640), (512, 640)], ids='{0[1]}x{0[0]}'.format)
def results(request, shipped):
    """A thermogram, the same as a 'no result', and one without temperatures, analysed with the shipped bundle."""
    height, width = request.param
    celsius = make_phantom(2, height, width).celsius
    whole = shipped.analyse(Thermogram.from_celsius(celsius, source='x'))
    grey = shipped.analyse(Thermogram.from_relative(np.clip((celsius - 18) * 13, 0, 255), source='x'))
    refused = Message('in-frame', 'The patient is cut off at the left.', 'Move the camera to the left.')
    return whole, dataclasses.replace(whole, checks=whole.checks + (refused,)), grey


@pytest.mark.parametrize('layer', LAYERS)
def test_every_pixel_is_as_drawn_the_plain_way(results, layer):
    """What is kept, cropped or looked up for speed changes nothing."""
    whole, refused, grey = results
    assert not whole.refusals and len(whole.regions) > 4 and refused.refusals
    for palette_name, span in (('iron', None), ('turbo', (30.2, 32.9)), ('grey-inverted', (-500, 700.5))):
        first = drawn_plainly(whole, layer, palette_name, span)
        # What is kept was not drawn upon.
        assert np.array_equal(first, draw_overlay(whole, palette_name, layer, span))
    drawn_plainly(refused, layer)
    drawn_plainly(grey, layer, 'inferno')


@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('shape, relative', [((960, 1280), False), ((1000, 700), True), ((481, 640), False)])
def test_a_large_frame_is_drawn_from_what_its_picture_shows(layer, shape, relative):
    """A kept result of 16 million pixels would take the memory of thirty pictures."""
    large = cv2.resize(frames.torso().astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    result = analysed(large * 5 if relative else large, relative)
    assert len(result.boxes) == 7 and len(result.spots) == 2
    small = overlay.at_picture_size(result)
    assert small.thermogram.height == overlay.PICTURE_HEIGHT_PX and small.labels.shape == small.thermogram.pixels.shape
    assert np.array_equal(draw_overlay(small, layer=layer), draw_overlay(result, layer=layer))
    assert overlay.at_picture_size(small) is small


def test_a_frame_too_narrow_to_be_made_smaller_stays():
    result = analysed(np.full((4096, 40), 30.0))
    assert overlay.at_picture_size(result) is result
