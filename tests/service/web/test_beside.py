"""Two visits beside each other: pictures at one span, what changed, and what cannot be compared."""
import re
from pathlib import Path

import pytest

from service.capture_file import pack_capture
from service.exams import Patient, Picture
from service.overlay import draw_overlay
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.settings import Settings
from service.thermogram import Thermogram
from service.web.app import create_app

from ...fakes import frames
from .conftest import LocalClient

ZOE = Patient('P-1', 'Zoë O\'Hara', '1970-12-31')


@pytest.fixture
def client(stub, live, exams, files_root):
    """A demonstration whose camera does not run."""
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=exams, demo=True)
    app.test_client_class = LocalClient
    return app.test_client()


@pytest.fixture(scope='module')
def picture(stub):
    """A picture as an exam keeps it: of an even torso by default."""
    def made(celsius=None, kind='simulated', distance_m=1.0, relative=False):
        make = Thermogram.from_relative if relative else Thermogram.from_celsius
        thermogram = make(frames.torso() if celsius is None else celsius, 'made', reader='made')
        result = stub.analyse(thermogram)
        return Picture(pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(draw_overlay(result)),
                       b'' if result.labels is None else encode_png(result.labels), {'kind': kind},
                       read_signs(result, distance_m).to_dict())
    return made


@pytest.fixture(scope='module')
def torso(picture):
    return picture()


def examined(exams, patient, *pictures, signed=True):
    """An exam with pictures by their roles; its id."""
    exam = exams.create(patient, 'op')
    exams.start(exam.id, 'op')
    for role, picture in pictures:
        exams.add_capture(exam.id, 'op', role, picture)
    exams.review(exam.id, 'op')
    if signed:
        exams.sign(exam.id, 'op')
    return exam.id


def text_of(answer):
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_two_visits_stand_beside_each_other_at_one_span(client, exams, picture, torso):
    """With the latest signed exam of the patient, or another one that is chosen."""
    warmer = picture(frames.torso() + 2)
    oldest = examined(exams, ZOE, ('frontal', warmer), ('left-lateral', torso))
    latest = examined(exams, ZOE._replace(birth_date='1970-12-30'), ('frontal', torso))
    examined(exams, Patient('P-2', 'Bo'), ('frontal', torso))
    exams.discard(examined(exams, ZOE, ('frontal', torso), signed=False), 'op', 'example')
    here = '/exams/' + examined(exams, ZOE, ('frontal', torso), signed=False)
    assert '>Before</a>' in text_of(client.get(here)) and '>Before</a>' not in text_of(client.get('/exams/' + oldest))
    assert 'no earlier signed exam' in text_of(client.get('/exams/%s/beside' % oldest))
    page = text_of(client.get(here + '/beside'))
    assert latest in page and 'another name or birth date' in page and '12 signs: 0 changed' in page
    page = text_of(client.get('%s/beside?prior=%s' % (here, oldest)))
    assert 'another name' not in page
    (first, span), (second, other) = re.findall(r'src="(/exams/[0-9a-f]+/pictures/1/drawn.png\?span=([0-9.,%C]+))"',
                                                page)
    assert span == other and first != second
    drawn = [client.get(address).data for address in (first, second)]
    assert drawn[0] != drawn[1] and drawn[0] != torso.overlay
    page = text_of(client.get('%s/beside?prior=%s&look=changes' % (here, oldest)))
    assert 'Breast against breast: not changed.</b>' in page and '(counts above 0.8 °C)' in page
    assert 'Vessels, left against right: cannot tell.</b>' in page
    page = text_of(client.get('%s/beside?prior=%s&role=left-lateral' % (here, oldest)))
    assert 'This view was not taken in this visit.' in page and 'Nothing can be compared.' in page
    page = text_of(client.get(here + '/beside?choose=1'))
    assert 0 < page.index(latest) < page.index(oldest)
    labels = Path(exams.folder) / 'exams' / oldest[:2] / oldest / '0001.labels.png'
    labels.write_bytes(labels.read_bytes()[:-1] + b'x')
    assert 'exam-damaged' in text_of(client.get('%s/beside?prior=%s' % (here, oldest)))
    for address, status in (('/beside?prior=0123456789abcdef', 404), ('/beside?span=31', 400),
                            ('/beside?span=nan,31', 400), ('/pictures/1/drawn.png?span=32,31', 400),
                            ('/pictures/2/drawn.png', 404), ('/pictures/1/drawn.png', 200)):
        assert client.get(here + address).status_code == status, address


def test_pictures_that_cannot_be_compared_say_why(client, exams, picture, torso):
    for number, (reason, before) in enumerate((
            ('Another camera took the earlier picture.', torso._replace(camera={'kind': 'other'})),
            ('The distances are 1.00 and 1.50 m.', picture(distance_m=1.5)),
            ('The earlier picture has no temperatures.', picture((frames.torso() - 20) * 15, relative=True)),
            ('The signs of one visit were not computed.', torso._replace(signs={})))):
        patient = Patient('P-%d' % (10 + number))
        examined(exams, patient, ('frontal', before))
        here = '/exams/%s' % examined(exams, patient, ('frontal', torso), signed=False)
        for look in ('pictures', 'changes'):
            page = text_of(client.get('%s/beside?look=%s' % (here, look)))
            assert 'Cannot tell. ' + reason in page and 'Another model' not in page
