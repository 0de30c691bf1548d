"""Frames that forms are compared on, and the tolerances that follow for a board."""
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from calibration import Parity  # noqa: E402
from models.exporting.parity import FIRST_SEED, WIDEST, golden_tensor, parity_frames, tolerances  # noqa: E402
from service import bundle as bundles  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.messages import BundleError  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402

from .small import HEIGHT, WIDTH  # noqa: E402

BASE = {'labels_agreement': 0.995, 'confidence_tolerance': 0.05, 'finding_tolerance': 0.02, 'view_tolerance': 0.02,
        'features_tolerance': 0.02}


def answer(wrong=0, confidence=0.9, finding=0.5, view=0.9, feature=0.6):
    labels = np.zeros((1, 10, 100), np.int32)
    labels.ravel()[:wrong] = 1
    return {'labels': labels, 'confidence': np.full((1, 10, 100), confidence), 'finding': np.array([[finding]]),
            'view': np.array([[view, 1 - view]]), 'features': np.array([[feature, 0.8]])}


def test_equal_answers_are_held_to_what_the_base_is_held_to():
    assert tolerances('fp16', BASE, answer(), answer()) == BASE


def test_twice_the_distance_is_added():
    found = tolerances('int8-qdq', BASE, answer(), answer(wrong=10, confidence=0.8, finding=0.53, view=0.92,
                                                             feature=0.61))
    assert found == pytest.approx({'labels_agreement': 0.975, 'confidence_tolerance': 0.25, 'finding_tolerance': 0.08,
                                   'view_tolerance': 0.06, 'features_tolerance': 0.04})


def test_what_it_is_off_by_elsewhere_counts_as_well():
    other = Parity(3, 0.1, 0.999, None, None, None, 0.03, 0, worst_agreement=0.99, view_error=0.02,
                   features_error=0.01)
    found = tolerances('int8-qdq', BASE, answer(), answer(), [other])
    assert found == pytest.approx({'labels_agreement': 0.975, 'confidence_tolerance': 0.25, 'finding_tolerance': 0.08,
                                   'view_tolerance': 0.06, 'features_tolerance': 0.04})
    far = Parity(3, 0.9, 0.5, None, None, None, 0.9, 0, worst_agreement=0.4, view_error=0.9, features_error=0.9)
    assert tolerances('int8-qdq', BASE, answer(), answer(), [other, far]) == WIDEST


def test_no_tolerance_is_wider_than_a_manifest_allows():
    found = tolerances('int8-qdq', BASE, answer(), answer(wrong=90, confidence=0.5, finding=0.65, view=0.75,
                                                             feature=0.75))
    assert found == WIDEST


def test_without_finding_view_and_features_there_is_no_tolerance_for_them():
    without = {name: value for name, value in answer().items() if name not in ('finding', 'view', 'features')}
    assert set(tolerances('fp16', BASE, without, without)) == {'labels_agreement', 'confidence_tolerance'}


@pytest.mark.parametrize('found, named', [
    (answer(wrong=200), 'labels agreement 0.8000'), (answer(confidence=0.3), 'confidence tolerance 0.6000'),
    (answer(finding=0.9), 'finding tolerance 0.4000'), (answer(view=0.5), 'view tolerance 0.4000'),
    (answer(feature=0.9), 'features tolerance 0.3000'), (answer(confidence=float('nan')), 'confidence tolerance inf')])
def test_what_no_tolerance_covers_is_refused(found, named):
    with pytest.raises(BundleError, match=named) as caught:
        tolerances('int8-qdq', BASE, answer(), found)
    assert caught.value.code == 'parity-failed'


def test_the_widest_are_those_of_the_schema():
    schema = json.loads((Path(bundles.__file__).parent / 'manifest.schema.json').read_text())
    stated = schema['definitions']['variant']['properties']['golden']['properties']
    assert {name: stated[name]['minimum' if name == 'labels_agreement' else 'maximum'] for name in stated} == WIDEST


def test_the_golden_thermogram_is_prepared_as_the_service_prepares_it():
    bundle = open_bundle(SHIPPED_BUNDLE)
    tensor = golden_tensor(bundle.manifest.raw, bundle.golden)
    assert tensor.shape == bundle.inputs[0].shape and tensor.dtype == np.float32 and 0 <= tensor.min() < tensor.max()


def document():
    return {'preprocess': {'chain': 'plateau-1', 'constants': {'height': HEIGHT, 'width': WIDTH}},
            'regions': {'names': ['background', 'right_breast', 'left_breast', 'right_nipple', 'left_nipple',
                                  'right_armpit', 'left_armpit', 'neck']}}


def test_frames_come_with_their_true_regions_at_the_size_of_the_network():
    sets = parity_frames(document(), 3, 'phantoms:5:8')
    assert {title: len(frames) for title, frames in sets.items()} == {'3 phantoms': 3, '3 frames of phantoms': 3}
    for frame in sets['3 phantoms'] + sets['3 frames of phantoms']:
        assert frame.tensor.shape == (1, 1, HEIGHT, WIDTH) and frame.tensor.dtype == np.float32
        assert frame.truth.shape == (HEIGHT, WIDTH) and frame.truth.dtype == np.uint8 and frame.truth.max() == 7


def test_frames_that_ranges_were_measured_on_are_left_out_as_far_as_others_are_left():
    taken = {'phantom-%08d' % seed for seed in (5, 6, 7)}
    first = parity_frames(document(), 1, 'phantoms:5:4', taken)['1 frames of phantoms'][0]
    last = parity_frames(document(), 1, 'phantoms:8:1')['1 frames of phantoms'][0]
    assert np.array_equal(first.tensor, last.tensor)
    assert len(parity_frames(document(), 9, 'phantoms:5:3', taken)['3 frames of phantoms']) == 3


def test_no_recipe_trains_on_the_phantoms_that_are_compared():
    from models.recipe_files import list_recipes, load_recipe

    for name in list_recipes():
        phantoms = load_recipe(name).phantoms
        assert phantoms.first_seed + phantoms.train + phantoms.val + phantoms.test < FIRST_SEED
