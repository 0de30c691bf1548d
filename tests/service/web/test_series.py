"""A dynamic series: its pictures one by one at one span, curves with their fit, and the same for programs."""
import copy
import math
import re

import pytest

from service.exams import DYNAMIC

from .test_api import as_documented
from .test_beside import ZOE, client, picture, text_of, torso  # noqa: F401 (fixtures)

TAU_S = {'right_breast': 100.0, 'left_breast': 140.0}
LATE = 5


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


def test_an_exam_without_a_series_says_so(client, exams, torso):  # noqa: F811
    exam = exams.create(ZOE, 'op')
    exams.start(exam.id, 'op')
    assert client.get('/exams/%s/curves' % exam.id).status_code == 404
    assert client.get('/api/v1/exams/%s/series' % exam.id).get_json() == {'times_s': [], 'regions': {}, 'paired': []}
    for frame in (1, 2):
        exams.add_capture(exam.id, 'op', DYNAMIC, torso._replace(result=dict(torso.result, unit='relative')), frame)
    assert 'were not seen in the series' in text_of(client.get('/exams/%s/curves?of=breast' % exam.id))
