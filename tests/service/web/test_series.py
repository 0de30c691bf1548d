"""A dynamic series: its pictures one by one at one span, curves with their fit, and the same for programs."""
import copy
import math
import re

import cv2
import numpy as np
import pytest

from service.capture_file import pack_capture
from service.exams import DYNAMIC
from service.radiometry import Raw
from service.thermogram import Thermogram

from ...fakes import frames
from .test_api import as_documented
from .test_beside import ZOE, client, picture, text_of, torso  # noqa: F401 (fixtures)

TAU_S = {'right_breast': 100.0, 'left_breast': 140.0}
LATE = 5
#: Column and row of a place of the left breast, away from its edge and its nipple.
SLOW_AT = (228, 130)


@pytest.fixture
def exam_id(exams, torso):  # noqa: F811
    """20 pictures after the cooling, in which both breasts warm by 2 °C; one is late, in three no nipple is seen."""
    exam = exams.create(ZOE, 'op')
    exams.start(exam.id, 'op', {}, {'protocol': 'dynamic'})
    for frame in range(1, 22):
        result = copy.deepcopy(torso.result)
        for name, tau_s in TAU_S.items():
            entry = result['regions'][name]
            entry['mean'] = round(33.0 - (2 * math.exp(-15.0 * (frame - 2) / tau_s) if frame > 1 else 0.0), 3)
        if frame > 4:
            del result['regions']['right_nipple']
        due_s = 15.0 * (frame - 2)
        times = {'due_s': due_s, 'taken_s': due_s + (2.5 if frame == LATE else 0.0)} if frame > 1 else {}
        exams.add_capture(exam.id, 'op', DYNAMIC, torso._replace(result=result), frame, {}, times)
    exams.review(exam.id, 'op')
    return exam.id


def test_a_series_is_stepped_through_and_fitted(client, exam_id, exams, torso):  # noqa: F811
    here = '/exams/' + exam_id
    assert '>Series</a>' in text_of(client.get(here))
    pages = [text_of(client.get('%s/curves?frame=%d' % (here, frame))) for frame in (1, 2, LATE, 21, 99)]
    spans = {re.search(r'drawn.png\?span=([0-9.,%C]+)', page).group(1) for page in pages}
    assert len(spans) == 1
    assert 'Before cooling' in pages[0] and '1 of 20' in pages[1] and '0 s after the cooling' in pages[1]
    assert 'Late: it was due at 45 s.' in pages[2] and 'Late' not in pages[1]
    assert 'frame=22' not in pages[3] and 'frame=20' in pages[3] and '20 of 20' in pages[4]
    page = text_of(client.get(here + '/curves?of=breast'))
    told = re.findall(r'Time constant (\d+) s \(95 %: (\d+) to (\d+) s\)', page)
    assert [int(tau) for tau, _, _ in told] == pytest.approx(list(TAU_S.values()), abs=3)
    assert all(int(low) <= int(tau) <= int(high) for tau, low, high in told)
    assert 'Left minus right.' in page and page.count('r="4"') == 2 * 20 and page.count('<polyline') == 4
    page = text_of(client.get(here + '/curves?of=nipple'))
    assert 'at least 6 pictures in which the region is seen' in page and 'Time constants cannot be compared.' in page
    assert 'hardly cooled' in text_of(client.get(here + '/curves?of=neck'))
    document = client.get('/api/v1/openapi.json').get_json()
    address = '/exams/%s/series' % exam_id
    status, values = as_documented(document, 'get', address, client.get('/api/v1' + address))
    assert status == 200 and values['regions']['left_breast']['tau_s'] == pytest.approx(TAU_S['left_breast'], rel=0.02)
    assert values['regions']['right_nipple']['means_c'][5] is None and len(values['times_s']) == 20
    assert values['paired'][0]['tau_s'] == pytest.approx(40, abs=3) and values['paired'][1]['tau_s'] is None


@pytest.fixture
def cooled(exams, torso):  # noqa: F811
    """A picture from before the cooling, and eight after it, in which a place of the left breast warms slowly."""
    exam = exams.create(ZOE, 'op')
    exams.start(exam.id, 'op', {}, {'protocol': 'dynamic'})
    celsius = frames.torso()
    rows, columns = np.indices(celsius.shape)
    tau_s = 100.0 * 2.0 ** np.exp(-0.5 * ((columns - SLOW_AT[0]) ** 2 + (rows - SLOW_AT[1]) ** 2) / 12.0 ** 2)
    exams.add_capture(exam.id, 'op', DYNAMIC, torso, 1)
    for frame in range(2, 10):
        taken_s = 30.0 * (frame - 2)
        left = 2.0 * (celsius > 25) * np.exp(-taken_s / tau_s)
        frame_c = Raw.of(Thermogram.from_celsius(celsius - left, 'made', reader='made'))
        exams.add_capture(exam.id, 'op', DYNAMIC, torso._replace(capture=pack_capture([frame_c])), frame, {},
                          {'due_s': taken_s, 'taken_s': taken_s})
    exams.review(exam.id, 'op')
    return exam.id


def test_places_that_warm_slowly_are_shown(client, cooled):  # noqa: F811
    here = '/exams/' + cooled
    page = text_of(client.get(here + '/curves?of=map'))
    assert re.search(r'Slowest place of the left breast: 1\.\d\d times the time constant of that breast, above', page)
    assert 'No threshold was found in print: 1.25 is' in page and here + '/rewarming.png' in page
    assert 'From 8 pictures; movements of up to 0 mm' in page and 'Met' not in page
    drawn = cv2.imdecode(np.frombuffer(client.get(here + '/rewarming.png').data, np.uint8), cv2.IMREAD_COLOR)
    near, mirrored = drawn[2 * SLOW_AT[1] + 10, 2 * SLOW_AT[0] + 10], drawn[2 * SLOW_AT[1] + 10, 2 * (320 - SLOW_AT[0])]
    assert near[1] > near[2] + 60 and mirrored.max() - mirrored.min() < 10
    values = client.get('/api/v1/exams/%s/series' % cooled).get_json()['rewarming']
    assert values['state'] == 'met' and values['slowest'][0]['region'] == 'left_breast' and values['pictures'] == 8


def test_a_map_that_cannot_be_made_says_why(client, exam_id):  # noqa: F811
    """Here nothing warmed: every picture is the same, whatever the curves say."""
    here = '/exams/' + exam_id
    page = text_of(client.get(here + '/curves?of=map'))
    assert 'Not assessable' in page and 'hardly cooled' in page and 'rewarming.png' not in page
    answer = client.get(here + '/rewarming.png')
    assert answer.status_code == 400 and 'hardly cooled' in answer.get_data(as_text=True)


def test_an_exam_without_a_series_says_so(client, exams, torso):  # noqa: F811
    exam = exams.create(ZOE, 'op')
    exams.start(exam.id, 'op')
    assert client.get('/exams/%s/curves' % exam.id).status_code == 404
    assert client.get('/api/v1/exams/%s/series' % exam.id).get_json() ['rewarming'] == {
        'state': 'not-assessable', 'sentence': 'There is no usable picture from before the cooling.',
        'threshold': 1.25, 'source': 'own', 'slowest': [], 'refusals': [], 'moved_mm': None, 'pictures': 0}
    for frame in (1, 2):
        exams.add_capture(exam.id, 'op', DYNAMIC, torso._replace(result=dict(torso.result, unit='relative')), frame)
    assert 'were not seen in the series' in text_of(client.get('/exams/%s/curves?of=breast' % exam.id))
