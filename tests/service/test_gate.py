"""What the gate says before a picture is taken, and which of it blocks the picture."""
import re
from dataclasses import replace

import numpy as np
import pytest

from service.body import find_body
from service.condition import Condition
from service.gate import LIMITS, NAMES, OWN, Wanted, body_scale, check_gate, deviations, moved
from service.messages import INFO, OK, PROBLEM, WARNING
from service.quality import QualityLimits
from service.regions import LEFT_ARMPIT, LEFT_BREAST, LEFT_NIPPLE, NECK, RIGHT_BREAST, RIGHT_NIPPLE
from service.simulator import Scene
from service.thermogram import Thermogram

from ..fakes import frames
from ..fakes.pipelines import stub_pipeline

WELL = Condition()
WHOLE = frames.labels()
FRONT = Wanted('raised-arms')
REPORT = {'quality': {'grade': 'excellent', 'messages': []}, 'notice': None, 'warming_s': 0.0}


def celsius(array):
    return Thermogram.from_celsius(array, 'made')


def analysed(view='raised-arms', labels=WHOLE, array=None):
    with stub_pipeline(view=view, labels=labels) as pipeline:
        return pipeline.analyse(celsius(frames.torso() if array is None else array))


@pytest.fixture(scope='module')
def seen():
    """The torso of `frames`, analysed as each view."""
    return {view: analysed(view) for view in ('raised-arms', 'frontal', 'left-oblique', 'left-lateral', 'none')}


def judged(result, wanted=FRONT, condition=WELL, **more):
    return {check.name: check for check in check_gate(result, condition, wanted, QualityLimits(), **more)}


def told(checks):
    return [(check.name, check.message.code, check.message.severity) for check in checks.values() if check.holds_up]


def without(*regions):
    return np.where(np.isin(WHOLE, regions), 0, WHOLE).astype(np.uint8)


def turned(columns):
    """The breasts moved to the right, armpits and neck where they were."""
    ids = (RIGHT_BREAST, LEFT_BREAST, RIGHT_NIPPLE, LEFT_NIPPLE)
    result, breasts = without(*ids), np.roll(np.where(np.isin(WHOLE, ids), WHOLE, 0), columns, 1)
    return np.where(breasts > 0, breasts, result).astype(np.uint8)


def shifted(columns):
    """`WHOLE` and its frame, moved to the right."""
    labels, array = np.roll(WHOLE, columns, 1), np.roll(frames.torso(), columns, 1)
    empty = slice(columns) if columns > 0 else slice(columns, None)
    labels[:, empty], array[:, empty] = 0, 22.0
    return labels, array


def smaller(share):
    """`WHOLE` and its frame from further away."""
    rows, columns = (np.clip((np.arange(size) - size / 2) / share + size / 2, 0, size - 1).astype(int)
                     for size in WHOLE.shape)
    return WHOLE[rows][:, columns], frames.torso()[rows][:, columns]


def heated():
    array = frames.torso()
    array[100:200, 1:20] = 31.0
    return array


def test_a_patient_who_stands_right_passes_everything(seen):
    checks = judged(seen['raised-arms'], replace(FRONT, room_c=21.0), Condition(ffc='complete', ffc_age_s=20.0),
                    capture=REPORT, speed=0.01)
    assert told(checks) == [] and tuple(checks) == NAMES
    assert all(check.message.severity in (OK, INFO) for check in checks.values())


@pytest.mark.parametrize('view, role, expected', [
    ('raised-arms', None, None), ('raised-arms', 'dynamic', None), ('left-oblique', 'left-oblique', None),
    ('frontal', 'raised-arms', ('arms', WARNING, 'raise her arms')),
    ('raised-arms', 'frontal', ('arms', WARNING, 'lower her arms')),
    ('left-oblique', 'raised-arms', ('view-wrong', PROBLEM, 'face the camera')),
    ('left-lateral', 'dynamic', ('view-wrong', PROBLEM, 'face the camera')),
    ('none', 'raised-arms', ('no-torso', PROBLEM, 'in front of the camera')),
    ('none', 'left-lateral', ('no-torso', WARNING, 'in front of the camera')),
    ('raised-arms', 'right-oblique', ('view-wrong', WARNING, 'by 45 degrees, her right side')),
    ('left-oblique', 'right-oblique', ('wrong-side', PROBLEM, 'by 45 degrees, her right side')),
    ('left-lateral', 'right-oblique', ('wrong-side', PROBLEM, 'her right side towards')),
    ('left-oblique', 'left-lateral', ('view-wrong', WARNING, 'further, to 90 degrees')),
    ('left-lateral', 'left-oblique', ('view-wrong', WARNING, 'back, to 45 degrees'))])
def test_the_view_against_the_one_that_is_wanted(seen, view, role, expected):
    checks = judged(seen[view], Wanted(role))
    message = checks['view'].message
    if expected is None:
        assert message.severity == OK and told(checks) == []
    else:
        assert (message.code, message.severity) == expected[:2] and expected[2] in message.next_step


@pytest.mark.parametrize('labels, array, expected, step', [
    (without(NECK), None, ('coverage', 'neck-missing', WARNING), 'Move the camera up.'),
    shifted(-100) + (('coverage', 'in-frame', WARNING), 'to the left'),
    (without(LEFT_BREAST, LEFT_NIPPLE), None, ('coverage', 'breast-absent', WARNING), 'nothing in front'),
    (turned(14), None, ('rotation', 'rotated', WARNING), 'a little to her right.'),
    (turned(-14), None, ('rotation', 'rotated', WARNING), 'a little to her left.'),
    smaller(0.6) + (('distance', 'too-far', WARNING), 'Move the camera 65 cm closer.'),
    (WHOLE, heated(), ('background', 'background', WARNING), 'Take it away'),
    (WHOLE, np.full((240, 320), 25.0), ('signal', 'signal', PROBLEM), 'lens'),
    (WHOLE, np.minimum(frames.torso(), 30.5), ('saturation', 'saturation', WARNING), 'range'),
    (WHOLE[:, ::-1], None, ('sides', 'sides', PROBLEM), 'mirrored')],
    ids=['no neck', 'cut off', 'absent', 'turned left', 'turned right', 'far', 'heat', 'shutter', 'clipped', 'mirror'])
def test_what_is_to_be_mended(labels, array, expected, step):
    checks = judged(analysed(labels=np.ascontiguousarray(labels), array=array))
    assert told(checks)[0] == expected and step in checks[expected[0]].message.next_step


def test_a_side_view_that_is_cut_off():
    checks = judged(analysed('left-oblique', *shifted(110)), Wanted('left-oblique'))
    assert ('coverage', 'in-frame', WARNING) in told(checks)
    assert checks['coverage'].message.next_step == 'Move the camera to the right.'


@pytest.mark.parametrize('condition, report, code, severity', [
    (Condition(ffc='running'), {}, 'ffc-running', PROBLEM),
    (Condition(ffc='never'), {}, 'ffc-never', PROBLEM),
    (Condition(agc=True), {}, 'agc-on', PROBLEM),
    (Condition(gain='low'), {}, 'low-gain', WARNING),
    (Condition(ffc='imminent'), {'notice': {'code': 'camera-calibrating', 'sentence': 'The camera is calibrating.',
                                            'next_step': ''}}, 'camera-calibrating', PROBLEM),
    (Condition(), {'quality': {'messages': [{'code': 'shutter-closed', 'sentence': 'Closed.', 'next_step': 'Wait.'}]}},
     'shutter-closed', PROBLEM),
    (Condition(ffc_age_s=300.0), {'quality': {'messages': [
        {'code': 'calibration-due', 'sentence': 'Due.', 'next_step': 'Wait.'}]}}, 'calibration-due', WARNING)])
def test_what_the_camera_says(seen, condition, report, code, severity):
    checks = judged(seen['raised-arms'], FRONT, condition, capture=dict(REPORT, **report))
    assert told(checks) == [('camera', code, severity)]


def test_room_and_warming_up(seen):
    for room_c, code, step in ((16.0, 'room-cold', 'Warm the room to 18'), (25.5, 'room-warm', 'Cool the room')):
        check = judged(seen['raised-arms'], replace(FRONT, room_c=room_c))['room']
        assert check.message.code == code and step in check.message.next_step
        assert (check.measured, check.unit, check.source) == (room_c, '°C', 'Iact')
    check = judged(seen['raised-arms'], capture=dict(REPORT, warming_s=130.0))['warm-up']
    assert check.message.sentence == 'The camera is warming up, 3 minutes.' and check.holds_up
    assert 'warm-up' not in judged(seen['raised-arms'], capture=dict(REPORT, warming_s=None))


@pytest.mark.parametrize('change, role, code, step', [
    (1.04, 'raised-arms', 'distance', ''), (0.96, 'raised-arms', 'distance', ''),
    (1.10, 'raised-arms', 'too-near', 'Move the camera 10 cm back.'),
    (0.92, 'raised-arms', 'too-far', 'Move the camera 10 cm closer.'),
    (1.08, 'left-oblique', 'distance', ''), (1.15, 'left-oblique', 'too-near', 'Move the camera 15 cm back.')])
def test_the_distance_of_the_first_picture(seen, change, role, code, step):
    result = seen[role]
    first = Wanted(role, body_scale(result) / change, 'raised-arms')
    check = judged(result, first)['distance']
    assert (check.message.code, check.message.next_step) == (code, step)
    assert check.measured == pytest.approx(100 * abs(change - 1), abs=0.02) and check.source == OWN


@pytest.mark.parametrize('share', [0.9, 1.0])
def test_the_scale_follows_the_distance(seen, share):
    labels, array = smaller(share)
    measured = body_scale(analysed(labels=labels, array=array)) / body_scale(seen['raised-arms'])
    assert measured == pytest.approx(share, abs=0.03)
    assert body_scale(analysed(labels=without(NECK))) is None


def test_motion_is_that_of_the_body():
    scene = Scene(8, 120, 160)
    still, later = (find_body(celsius(scene.frame(t_s))) for t_s in (0.0, 0.1))
    assert moved(still, still) == 0
    assert moved(still, later) / 0.1 < LIMITS['motion'].value / 2  # she breathes
    shifted = find_body(celsius(np.roll(scene.frame(0.0), 1, 1)))
    assert moved(still, shifted) == pytest.approx(1 / 120.0, rel=0.3)
    assert moved(still, find_body(celsius(np.full((60, 80), 30.0)))) == 0


def test_a_patient_who_moves_is_asked_to_hold_still(seen):
    assert told(judged(seen['raised-arms'], speed=0.2)) == [('motion', 'moves', WARNING)]
    assert 'motion' not in judged(seen['raised-arms'])


def test_a_picture_that_is_taken_all_the_same_has_deviations(seen):
    checks = judged(seen['raised-arms'], replace(FRONT, room_c=25.0), Condition(ffc='running'), speed=0.2).values()
    kept = deviations(checks)
    assert [entry['code'] for entry in kept] == ['room-warm', 'moves']
    assert kept[0] == {'name': 'room', 'code': 'room-warm', 'severity': WARNING, 'sentence': 'The room is at 25.0 °C.',
                       'next_step': 'Cool the room to 18 to 23 °C.', 'measured': 25.0, 'limit': 23.0, 'unit': '°C',
                       'source': 'Iact', 'own': False}


def test_every_limit_has_a_source_that_is_in_the_references(root):
    references = (root / 'docs' / 'references.md').read_text(encoding='utf-8')
    page = (root / 'docs' / 'gate.md').read_text(encoding='utf-8').split('| limit |')[1]
    for name, limit in LIMITS.items():
        assert limit.source == OWN or '- [%s] ' % limit.source in references
        row = re.search(r'^\| `%s` \| ([^|]*) \| ([^|]*) \|' % name, page, re.M)
        assert row and row.group(1) == '%g %s' % (limit.value, limit.unit)
        assert row.group(2) == ('own' if limit.source == OWN else '[%s]' % limit.source)


def test_a_region_that_is_not_there_is_not_judged(seen):
    assert 'rotation' not in judged(analysed(labels=without(LEFT_ARMPIT)))
    assert not {'rotation', 'distance'} & set(judged(seen['none']))
