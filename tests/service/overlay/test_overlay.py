"""The overlay shows what was found and nothing that was not."""
import numpy as np
import pytest

from service.body import find_body
from service.errors import InputError
from service.overlay import LAYERS, automatic_span, draw_layer, draw_overlay
from service.overlay import draw as module
from service.palettes import PALETTES
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline


def analysed(array=None, relative=False, **answers):
    make = Thermogram.from_relative if relative else Thermogram.from_celsius
    with stub_pipeline(**answers) as pipeline:
        return pipeline.analyse(make(frames.torso() if array is None else array, source='x'))


@pytest.fixture
def words(monkeypatch):
    """Every text that is drawn."""
    said = []
    monkeypatch.setattr(module.cv2, 'putText', lambda picture, text, *rest: said.append(text))
    return said


@pytest.mark.parametrize('layer', LAYERS)
def test_every_layer_is_a_picture_of_its_own(layer):
    result = analysed()
    picture = draw_overlay(result, layer=layer)
    assert picture.shape == (480 + module.NOTICE_HEIGHT_PX, 640 + module.SCALE_WIDTH_PX, 3)
    assert picture.dtype == np.uint8
    if layer != 'original':
        assert (picture != draw_overlay(result)).mean() > 0.05


def test_a_small_sensor_is_enlarged_and_keeps_its_aspect():
    assert draw_overlay(analysed(frames.torso(120, 160))).shape[:2] == (524, 706)
    assert draw_overlay(analysed(frames.torso(512, 640))).shape[1] == 600 + module.SCALE_WIDTH_PX


def test_sides_scale_spots_and_notice_are_written(words):
    draw_overlay(analysed())
    assert 'R' in words and 'L' in words and 'C' in words and '31' in words
    assert 'Not a substitute for mammography.' in ' '.join(words)
    assert any(word.startswith('30.') for word in words)


def test_the_patient_s_right_is_marked_on_the_left(monkeypatch):
    places = {}
    monkeypatch.setattr(module.cv2, 'putText', lambda picture, text, at, *rest: places.setdefault(text, at))
    draw_overlay(analysed())
    assert places['R'][0] < 100 and places['L'][0] > 500


def test_a_relative_picture_has_no_degrees(words):
    grey = np.clip((frames.torso() - 20) * 15, 0, 255)
    draw_overlay(analysed(grey, relative=True))
    assert 'C' not in words and 'not C' in words
    assert not any(word.replace('.', '').isdigit() for word in words)


def test_every_layer_has_the_scale_of_its_own_colours(words):
    result = analysed()
    draw_overlay(result, layer='difference')
    assert {'C', '-2', '-1', '0', '1', '2'} <= set(words) and '31' not in words
    del words[:]
    draw_overlay(result, layer='equalised')
    assert 'not C' in words and 'C' not in words


def test_the_difference_layer_is_white_where_both_sides_are_alike():
    result = analysed()
    layer = draw_layer(result, 'difference', PALETTES['iron'], (28, 34), (640, 480))
    assert layer.span == (-2, 2)
    warmer, cooler = (layer.picture[300, x].astype(int) for x in (440, 200))
    assert warmer[0] > warmer[2] and cooler[2] > cooler[0]


def test_a_no_result_says_why_in_the_picture(words):
    result = analysed(labels=np.zeros((240, 320)))
    assert result.refusals
    draw_overlay(result)
    assert 'No result' in words and result.refusals[0].sentence in words


def test_a_frame_that_the_network_never_saw_can_be_drawn():
    for layer in LAYERS:
        draw_overlay(analysed(np.full((120, 160), 25.0)), layer=layer)


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
    assert caught.value.code == 'palette-unknown' and 'iron' in caught.value.message
