"""The page of similar exams: pictures, what readers wrote, and words where nothing can be compared."""
import json

import numpy as np

from service.exams import Patient
from service.web import similar

from .test_beside import ZOE, client, examined, picture, text_of, torso  # noqa: F401


def with_features(picture, *values):  # noqa: F811
    values = np.array(values) / np.linalg.norm(values)
    return picture._replace(features=json.dumps({'schema': 1, 'features': values.tolist()}).encode())


def test_similar_exams_stand_with_their_pictures_and_what_was_read(client, exams, torso):  # noqa: F811
    far, near = (examined(exams, Patient('P-%d' % number, 'Bo Secret'), ('frontal', with_features(torso, 1, slope)))
                 for number, slope in ((7, 1), (8, 0.1)))
    exams.interpret(near, 'op', 'Ruhiges <Muster>.', 'TH 2')
    own = examined(exams, ZOE, ('frontal', with_features(torso, 1, 0)))
    earlier = examined(exams, ZOE, ('frontal', with_features(torso, 1, 0)))
    here = '/exams/' + own
    assert here + '/similar' in text_of(client.get(here))
    page = text_of(client.get(here + '/similar'))
    assert page.index('other=' + near) < page.index('other=' + far) and earlier not in page and 'Secret' not in page
    assert ', TH 2</b>' in page and 'says nothing about what they mean' in page and 'Of 2 exams' in page
    chosen = text_of(client.get('%s/similar?other=%s' % (here, near)))
    assert 'Ruhiges &lt;Muster&gt;.' in chosen and '/exams/%s"' % near in chosen
    assert 'no impression' in text_of(client.get('%s/similar?other=%s' % (here, far)))
    assert client.get('%s/similar?other=%s' % (here, earlier)).status_code == 404
    told = client.get('/api/v1%s/similar' % here).get_json()
    assert [(one['id'], one['picture']) for one in told['exams']] == [(near, 1), (far, 1)]
    assert (told['compared'], told['others']) == (2, 0) and 0 < told['exams'][0]['distance'] < 0.01


def test_while_exams_are_read_the_page_says_how_far(client, exams, torso, monkeypatch):  # noqa: F811
    own = examined(exams, ZOE, ('frontal', with_features(torso, 1, 0)))
    monkeypatch.setattr(similar, '_READ_S', 0.0)
    answer = client.get('/exams/%s/similar' % own)
    assert answer.status_code == 303 and answer.headers['Location'].endswith('/similar/reading')
    assert '<b id="percent">0</b>' in text_of(client.get('/exams/%s/similar/reading' % own))
    monkeypatch.undo()
    assert client.get('/exams/%s/similar/reading' % own).status_code == 303
    assert 'no signed exam of another patient' in text_of(client.get('/exams/%s/similar' % own))


def test_what_cannot_be_compared_is_one_sentence(client, exams, torso):  # noqa: F811
    own = examined(exams, ZOE, ('frontal', torso))
    assert '/similar"' not in text_of(client.get('/exams/' + own))
    assert 'similar-none' in text_of(client.get('/exams/%s/similar' % own))
    refused = client.get('/api/v1/exams/%s/similar' % own)
    assert (refused.status_code, refused.get_json()['code']) == (400, 'similar-none')
