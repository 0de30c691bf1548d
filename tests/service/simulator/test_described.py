"""Phantoms by description: views, bodies, optics, and what their labels say."""
import json

import numpy as np
import pytest

from service import regions, views
from service.simulator import FACINGS, KINDS, THINGS, Description, choose_kind, describe, make_phantom, view_of

HEIGHT, WIDTH = 60, 80
RIGHT = (regions.RIGHT_BREAST, regions.RIGHT_NIPPLE, regions.RIGHT_ARMPIT)
LEFT = (regions.LEFT_BREAST, regions.LEFT_NIPPLE, regions.LEFT_ARMPIT)


def make(seed, height=HEIGHT, width=WIDTH, abnormal=False, **attributes):
    return make_phantom(seed, height, width, abnormal, Description(**attributes))


def share(phantom, *ids):
    return float(np.isin(phantom.labels, ids).mean())


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind(kind):
    phantom = make_phantom(7, HEIGHT, WIDTH, None, describe(kind, 7))
    assert phantom.celsius.shape == phantom.labels.shape == (HEIGHT, WIDTH)
    assert phantom.celsius.dtype == np.float32 and phantom.labels.dtype == np.uint8
    assert np.isfinite(phantom.celsius).all() and 10 < phantom.celsius.min() and phantom.celsius.max() < 90
    assert json.loads(json.dumps(phantom.planted)) == phantom.planted
    again = make_phantom(7, HEIGHT, WIDTH, None, describe(kind, 7))
    assert np.array_equal(phantom.celsius, again.celsius) and phantom.planted == again.planted


@pytest.mark.parametrize('height, width', [(60, 80), (80, 60), (120, 160), (480, 640)])
def test_every_camera_size_shows_the_same_body(height, width):
    phantom = make(8, height, width, facing='left-oblique', rotation_deg=-45.0)
    assert phantom.labels.shape == (height, width)
    if (height, width) == (480, 640):
        small = make(8, 120, 160, facing='left-oblique', rotation_deg=-45.0)
        assert (phantom.labels[2::4, 2::4] == small.labels).mean() > 0.96


@pytest.mark.parametrize('angle, view', [(0, 'frontal'), (-20, 'frontal'), (30, 'right-oblique'),
                                         (-45, 'left-oblique'), (75, 'right-lateral'), (-100, 'left-lateral')])
def test_the_view_of_an_angle(angle, view):
    assert view_of(angle, 'arms down') == view
    assert make(1, rotation_deg=float(angle), arms='arms down').planted['view'] == view


@pytest.mark.parametrize('arms, view', [('arms raised', 'raised-arms'), ('hands on hips', 'frontal')])
def test_arms_tell_frontal_views_apart(arms, view):
    assert view_of(-5, arms) == view and view_of(80, arms) == 'right-lateral'
    assert make(1, 8, 8, arms=arms).planted['view'] == view


@pytest.mark.parametrize('facing', FACINGS)
def test_turns_scatter_within_their_view(facing):
    turns = [make(seed, 8, 8, facing=facing, arms='arms raised').planted for seed in range(5)]
    expected = 'raised-arms' if facing == 'front' else facing
    assert {planted['view'] for planted in turns} == {expected} <= set(views.VIEWS)
    assert np.std([planted['rotation_deg'] for planted in turns]) > 1


def test_an_unturned_body_has_the_outlines_of_the_flat_drawing():
    for seed in (3, 6):
        solid, flat = make(seed, rotation_deg=0.0), make_phantom(seed, HEIGHT, WIDTH, False)
        assert (solid.labels == flat.labels).mean() > 0.94


def test_views_are_named_after_the_side_that_faces_the_camera():
    for seed in range(3):
        for facing, near, far in (('left-lateral', LEFT, RIGHT), ('right-lateral', RIGHT, LEFT)):
            phantom = make(seed, facing=facing, arms='arms raised')
            assert share(phantom, *near) > 5 * share(phantom, *far)
    # Her left side faces the camera: her chest, and what is seen of her right breast, is on the left of the picture.
    phantom = make(1, facing='left-oblique', arms='arms raised')
    columns = np.arange(WIDTH)
    right, left = ((np.isin(phantom.labels, ids).sum(0) * columns).sum() / np.isin(phantom.labels, ids).sum()
                   for ids in ((1, 3), (2, 4)))
    assert right < left


def test_the_far_breast_goes_behind_the_chest_step_by_step():
    seen = [share(make(5, rotation_deg=float(angle)), 1, 3) for angle in (0, -30, -60, -90)]
    assert seen[0] > seen[1] > seen[2] > seen[3]


def test_the_pattern_turns_with_the_skin():
    """A planted pattern keeps its breast and its height, and moves across the picture with the breast."""
    places = []
    for angle in (0.0, -30.0):
        normal, planted = (make(5, 120, 160, abnormal, rotation_deg=angle) for abnormal in (False, True))
        side = planted.planted['items'][0]['side']
        breast = np.isin(normal.labels, (1, 3) if side == 'right' else (2, 4))
        warmer = np.clip(planted.celsius - normal.celsius, 0, None) * breast
        rows, columns = np.indices(breast.shape)
        places.append([(field * warmer).sum() / warmer.sum() - (field * breast).sum() / breast.sum()
                       for field in (rows, columns)])
    (row, column), (turned_row, turned_column) = places
    assert abs(row - turned_row) < 4 and abs(column - turned_column) < 12


def test_an_absent_breast_has_no_label_and_is_said():
    for side, absent, other in (('right', (1, 3), (2, 4)), ('left', (2, 4), (1, 3))):
        phantom = make(4, **{side + '_breast': 'flat'})
        assert share(phantom, *absent) == 0 and share(phantom, *other) > 0.03
        assert phantom.planted['absent_breasts'] == [side]


def test_a_rebuilt_breast_has_no_nipple():
    phantom = make(4, left_breast='mound')
    assert share(phantom, regions.LEFT_BREAST) > 0.03 and share(phantom, regions.LEFT_NIPPLE) == 0
    assert share(phantom, regions.RIGHT_NIPPLE) > 0 and phantom.planted['absent_breasts'] == []


def test_breasts_have_their_size():
    areas = [share(make(6, right_breast=size, left_breast=size), 1, 2, 3, 4)
             for size in ('small', 'natural', 'very large')]
    assert areas[0] < 0.7 * areas[1] and areas[1] < 0.9 * areas[2]


def test_lowered_arms_are_lowered():
    raised, lowered = (make(2, rotation_deg=0.0, arms=arms) for arms in ('arms raised', 'arms down'))
    # Beside the head there is the wall, not an arm.
    corner = [p.celsius[:6, 8:20].mean() - p.planted['room_c'] for p in (raised, lowered)]
    assert corner[0] > corner[1] + 2 and lowered.planted['arms'] == 'arms down'


def test_a_belly_fold_is_warm():
    plain, folded = (make(6, 120, 160, rotation_deg=0.0, belly_folds=folds) for folds in (0, 3))
    change = (folded.celsius - plain.celsius)[80:, 60:100]
    assert np.array_equal(plain.labels[:60], folded.labels[:60]) and change.max() > 0.4


def test_what_a_dressing_hides_has_no_label():
    plain, dressed = (make(6, 120, 160, rotation_deg=0.0, dressings=count) for count in (0, 3))
    hidden = (plain.labels != 0) & (dressed.labels == 0)
    assert hidden.sum() > 30
    assert dressed.celsius[hidden].mean() < plain.celsius[hidden].mean() - 0.5
    assert np.array_equal(plain.labels[~hidden], dressed.labels[~hidden])


def test_a_breast_out_of_frame():
    phantom = make(3, out_of_frame='left')
    edge = np.isin(phantom.labels[:, -1], (2, 4))
    assert share(phantom, 2, 4) < 0.6 * share(phantom, 1, 3) and edge.any() | (share(phantom, 2, 4) == 0)
    assert phantom.planted['out_of_frame'] == 'left'


@pytest.mark.parametrize('blur', [{'defocus': 0.03}, {'motion': 0.06}])
def test_blur_takes_detail(blur):
    sharp, blurred = make(9, 120, 160), make(9, 120, 160, **blur)
    assert np.array_equal(sharp.labels, blurred.labels)
    detail = [np.hypot(*np.gradient(p.celsius)).max() for p in (sharp, blurred)]
    assert detail[1] < 0.8 * detail[0] and blurred.planted[next(iter(blur))] == next(iter(blur.values()))


def test_the_second_camera_is_noisier_and_bends_lines():
    good, second = (make(9, rotation_deg=0.0, camera=camera) for camera in ('good', 'second'))
    assert second.planted['noise_c'] > good.planted['noise_c']
    assert not np.array_equal(good.labels, second.labels)


@pytest.mark.parametrize('thing', THINGS)
def test_a_thing_is_no_torso(thing):
    phantom = make_phantom(2, HEIGHT, WIDTH, None, Description(thing=thing))
    assert not phantom.labels.any() and not phantom.planted['abnormal']
    assert phantom.planted['view'] == 'none' and phantom.planted['thing'] == thing
    assert phantom.celsius.std() > 0.1


def test_abnormal_patterns_are_planted_in_described_phantoms():
    normal, planted = (make(5, 120, 160, abnormal, rotation_deg=0.0) for abnormal in (False, True))
    assert planted.planted['items'] and np.array_equal(normal.labels, planted.labels)
    side = planted.planted['items'][0]['side']
    change = planted.celsius - normal.celsius
    hot, other = (np.isin(normal.labels, ids) for ids in (((1, 3), (2, 4)) if side == 'right' else ((2, 4), (1, 3))))
    assert change[hot].max() > change[other].max()


@pytest.mark.parametrize('attributes', [{'left_breast': 'flat'}, {'thing': 'mug'}])
def test_nothing_abnormal_without_two_breasts(attributes):
    with pytest.raises(ValueError, match='both breasts'):
        make(5, abnormal=True, **attributes)
    assert not make(5, abnormal=None, **attributes).planted['abnormal']


@pytest.mark.parametrize('attributes', [{'facing': 'back'}, {'arms': 'crossed'}, {'thing': 'cat'}, {'facing': 'none'},
                                        {'defocus': -1.0}, {'rotation_deg': 200.0}, {'belly_folds': 9},
                                        {'lean_deg': float('nan')}])
def test_a_description_refuses_what_it_does_not_know(attributes):
    with pytest.raises(ValueError):
        Description(**attributes)


def test_kinds_come_in_their_shares():
    shares = {'frontal': 3.0, 'left-lateral': 1.0}
    kinds = [choose_kind(seed, shares) for seed in range(200)]
    assert set(kinds) == set(shares) and 120 < kinds.count('frontal') < 178


@pytest.mark.parametrize('shares', [{}, {'frontal': 0.0}, {'frontal': -1.0}, {'sideways': 1.0}])
def test_shares_must_mean_something(shares):
    with pytest.raises(ValueError):
        choose_kind(0, shares)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match='sideways'):
        describe('sideways', 0)
