"""The page that shows where in a kept picture the finding comes from."""
import json

import cv2
import numpy as np

from service.exams import Patient

from .test_beside import ZOE, client, examined, picture, text_of, torso  # noqa: F401


def test_a_picture_is_explained_on_request(client, exams, torso, stub):  # noqa: F811
    judged = torso._replace(result=dict(torso.result, bundle=stub.bundle.manifest.identity))
    here = '/exams/%s/pictures/1' % examined(exams, ZOE, ('frontal', judged), signed=False)
    assert here + '/why' in text_of(client.get(here))
    page = text_of(client.get(here + '/why'))
    assert '>Explain</button>' in page and 'map.png' not in page
    assert client.get(here + '/why/map.png').status_code == 400
    assert client.post(here + '/why').status_code == 303
    while 'id="percent"' in page or '>Explain</button>' in page:
        page = text_of(client.get(here + '/why'))
    # The stub network answers the same whatever it sees.
    assert 'No place takes the heat pattern down' in page and 'not a heat map, and not a diagnosis' in page
    drawn = cv2.imdecode(np.frombuffer(client.get(here + '/why/map.png').data, np.uint8), cv2.IMREAD_COLOR)
    plain = cv2.imdecode(np.frombuffer(client.get(here + '/layer.png?layer=original&palette=grey').data, np.uint8),
                         cv2.IMREAD_COLOR)
    assert drawn.shape == plain.shape
    assert client.post(here + '/why/stop').status_code == 303
    assert '>Explain</button>' in text_of(client.get(here + '/why'))


def test_what_cannot_be_explained_says_why(client, exams, torso):  # noqa: F811
    bare = dict(torso.result, finding=None)
    other = dict(torso.result, bundle=dict(torso.result['bundle'], hash='00' * 32))
    for result, code in ((bare, 'explanation-none'), (other, 'explanation-model')):
        kept = torso._replace(result=json.loads(json.dumps(result)))
        here = '/exams/%s/pictures/' % examined(exams, Patient('P-9'), ('frontal', kept), signed=False)
        for answer in (client.get(here + '1/why'), client.post(here + '1/why')):
            assert answer.status_code == 400 and code in answer.get_data(as_text=True)
        assert client.get(here + '7/why').status_code == 404
