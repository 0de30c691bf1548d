"""What the viewer is given of a kept picture is what was taken and what was analysed."""
import dataclasses
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from service import viewing
from service.capture_file import pack_capture
from service.exams import ExamUnreadableError
from service.kept_picture import kept_result
from service.overlay import LAYERS, draw_outlines, draw_overlay, draw_picture
from service.palettes import PALETTES, TITLES, isotherm_colour
from service.radiometry import Raw
from service.reading import Scale, grid_of, mirrored_map
from service.record import encode_png
from service.regions import LEFT_BREAST, RIGHT_BREAST
from service.thermogram import Thermogram

from ..fakes import frames
from ..fakes.pipelines import stub_pipeline

SCALE = Scale(1.2, 0.05, 'distance')


@pytest.fixture(scope='module')
def pipeline():
    with stub_pipeline() as made:
        yield made


@pytest.fixture(scope='module')
def result(pipeline):
    celsius = frames.torso() + np.random.RandomState(1).normal(0, 0.05, frames.torso().shape)
    return pipeline.analyse(Thermogram.from_celsius(celsius, 'x'))


def kept(result, pipeline, labels=None, **changes):
    """A result again from its files."""
    files = {'0001.tscap': pack_capture([Raw.of(result.thermogram)]),
             '0001.labels.png': encode_png(result.labels) if labels is None else labels}
    exam = SimpleNamespace(id='0' * 16, counting='{:04d}.{}'.format,
                           files={name for name, data in files.items() if data})
    return kept_result(SimpleNamespace(read_file=lambda exam, name: files[name]), exam, SimpleNamespace(number=1),
                       json.loads(json.dumps(dict(result.to_dict(), **changes))), pipeline)


@pytest.mark.parametrize('layer', LAYERS)
def test_a_kept_picture_is_drawn_as_it_was_without_the_network(result, pipeline, layer):
    runs = pipeline.backend_stub.runs
    again = kept(result, pipeline)
    for span in (None, (30.2, 32.9)):
        assert np.array_equal(draw_overlay(again, layer=layer, span=span), draw_overlay(result, layer=layer, span=span))
    assert pipeline.backend_stub.runs == runs and again.to_dict()['regions'] == result.to_dict()['regions']


def test_layers_and_outlines_laid_over_each_other_are_the_overlay(result):
    """But for what a page adds itself: marks and spots, scale and notice."""
    whole = draw_overlay(dataclasses.replace(result, spots=()))
    picture, outlines = draw_picture(result, 'iron', 'original'), draw_outlines(result)
    drawn = np.where(outlines[..., 3:] > 0, outlines[..., :3], picture)[50:]
    assert np.array_equal(drawn, whole[50:len(picture), :picture.shape[1]])
    assert 0 < np.count_nonzero(outlines[..., 3]) < 0.1 * outlines[..., 3].size


def test_every_value_of_the_frame_is_given(result, pipeline):
    about, data = viewing.describe(kept(result, pipeline), 320), viewing.frame_bytes(kept(result, pipeline))
    shape = (about['height_px'], about['width_px'])
    assert np.array_equal(np.frombuffer(data, '<f4', shape[0] * shape[1]).reshape(shape), result.thermogram.pixels)
    assert np.array_equal(np.frombuffer(data, np.uint8, offset=4 * shape[0] * shape[1]).reshape(shape), result.labels)
    assert list(about['layers']) == list(LAYERS) and (about['unit'], about['side_view']) == ('celsius', '')
    assert json.dumps(about) and not about['reduced'] and viewing.describe(result, 640)['reduced']


def test_what_was_not_analysed_so_is_not_shown(result, pipeline):
    other = dict(result.bundle, version='0')
    assert viewing.describe(kept(result, pipeline, bundle=other), 320)['layers'] == (
        'original', 'regions', 'difference')
    assert viewing.describe(kept(result, pipeline, view='left-oblique'), 320)['side_view'] == 'left oblique view'
    assert 'difference' not in viewing.describe(kept(result, pipeline, view='left-oblique'), 320)['layers']
    bare = kept(result, pipeline, labels=b'')
    assert viewing.describe(bare, 320)['layers'] == ('original',) and not draw_outlines(bare)[..., 3].any()
    assert not any(viewing.frame_bytes(bare)[4 * bare.thermogram.pixels.size:])


@pytest.mark.parametrize('changes', [{'labels': b'no picture'}, {'labels': encode_png(np.zeros((60, 80), np.uint8))},
                                     {'regions': {'head': {}}}, {'checks': [{}]}, {'hottest': None}])
def test_what_is_damaged_is_refused(result, pipeline, changes):
    with pytest.raises(ExamUnreadableError) as caught:
        kept(result, pipeline, **changes)
    assert caught.value.code == 'exam-damaged'


@pytest.mark.parametrize('mm_per_px', [1.2, 0.4])
def test_the_mirrored_site_is_that_of_the_signs(result, mm_per_px):
    scale = Scale(mm_per_px, 0.05, 'distance')
    told, grid = viewing.mirrored_site(result, scale), grid_of(result, scale)
    made = mirrored_map(grid)
    assert grid.step_px == (3 if mm_per_px < 1 else 1) and told['residual_mm'] == made.residual_mm
    for x, y in ((10.0, 20.0), (30.0, 40.0)):
        there = grid.in_frame(*made.onto_left.dot((x, y, 1.0)))
        assert np.array(told['onto_left']).dot(grid.in_frame(x, y) + (1.0,)) == pytest.approx(there)
    right, left = (np.argwhere(result.labels == breast).mean(axis=0)[::-1] for breast in (RIGHT_BREAST, LEFT_BREAST))
    assert np.array(told['onto_left']).dot(np.append(right, 1.0)) == pytest.approx(left, abs=2.0)


def test_why_there_is_no_mirrored_site(result, pipeline):
    assert 'how many millimetres' in viewing.mirrored_site(result, None)['sentence']
    assert 'Resolution insufficient' in viewing.mirrored_site(result, Scale(7.0, 0.05, 'distance'))['sentence']
    assert 'side view' in viewing.mirrored_site(kept(result, pipeline, view='left-oblique'), SCALE)['sentence']
    grey = pipeline.analyse(Thermogram.from_relative(frames.torso() * 5, 'x'))
    assert 'no temperatures' in viewing.mirrored_site(grey, SCALE)['sentence']


def test_an_isotherm_is_no_colour_of_its_palette():
    assert set(TITLES) == set(PALETTES)
    for name, table in PALETTES.items():
        drawn = np.uint8([[isotherm_colour(name)], *table[:, np.newaxis].tolist()]).reshape(-1, 1, 3)
        lab = cv2.cvtColor(drawn.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
        assert np.linalg.norm(lab[1:] - lab[0], axis=1).min() > 40, name
