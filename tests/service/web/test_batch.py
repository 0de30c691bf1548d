"""The page on which a folder is analysed: supervisors alone, their PIN, a medium, and what came of it."""
import re

import pytest

from service.backup import Medium
from service.operators.chain import decode, read_lines
from service.settings import Settings
from service.storage import Room
from service.web.app import create_app

from .conftest import LocalClient
from .stations import PINS, confirm, csrf_of


@pytest.fixture
def app(stub, live, files_root, home, folder):
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=home.exams,
                     sessions=home.sessions)
    app.test_client_class = LocalClient
    (folder / 'sda1').mkdir()
    job = app.extensions['thermoscreen'].batch
    job.media = lambda: [Medium(str(folder / 'sda1'), 'USB medium sda1', 'vfat', Room(32 << 30, 17 << 30))]
    job._unmount = lambda place: None
    yield app
    job.close()


def text_of(answer):
    return answer.get_data(as_text=True)


def test_a_supervisor_has_a_folder_analysed_with_the_pin_and_sees_how_it_ends(app, enter, home, folder):
    job, client = app.extensions['thermoscreen'].batch, enter('supervisor')
    assert 'href="/batch?path=many">Analyse all<' in text_of(client.get('/open?path=many'))
    assert client.get('/batch?path=visit 1/flat.csv').headers['Location'].endswith('/open'), 'no folder'
    page = client.get('/batch?path=many&scale=centikelvin')
    assert 'many: 23 thermograms' in text_of(page) and 'USB medium sda1' in text_of(page)
    assert 'scale=centikelvin" aria-current="true"' in text_of(page) and 'not encrypted' in text_of(page)
    form = {'csrf': csrf_of(page), 'path': 'many', 'scale': '', 'place': str(folder / 'sda1')}
    assert confirm(client, '/batch', form, PINS['supervisor']).headers['Location'].endswith('/batch')
    job._thread.join(60)
    page = text_of(client.get('/batch'))
    assert 'You may remove the medium.' in page and '0 of 23 files were analysed' in page
    entries = [decode(line) for line in read_lines(home.station.audit.folder)]
    assert [entry['facts'] for entry in entries if entry['event'] == 'files-analysed'] == [{'files': 23}]
    assert client.post('/batch/stop', data=form).status_code == 303 and job.progress.step == 'idle'


def test_some_files_of_a_folder_are_chosen(app, enter, folder):
    job, client = app.extensions['thermoscreen'].batch, enter('supervisor')
    page = text_of(client.get('/open?path=many&choose=1&file=view-01.csv&file=elsewhere.csv&page=1'))
    boxes = re.findall('<input type="checkbox"[^>]* value="([^"]+)"[^>]*?( checked)?>', page)
    assert len(boxes) > 5 and [name for name, checked in boxes if checked] == ['view-01.csv']
    assert '<input type="hidden" name="file" value="elsewhere.csv">' in page and 'name="page" value="2">More<' in page
    assert client.get('/batch?path=many&choose=1').headers['Location'].endswith('/open?path=many&choose=1')
    page = client.get('/batch?path=many&choose=1&file=view-01.csv&file=view-02.csv')
    assert 'many: 2 thermograms' in text_of(page) and 'file=view-01.csv&amp;file=view-02.csv' in text_of(page)
    form = {'csrf': csrf_of(page), 'path': 'many', 'scale': '', 'place': str(folder / 'sda1'),
            'file': ['view-01.csv', 'view-02.csv']}
    job.start, started = lambda *arguments: started.append(arguments), []
    confirm(client, '/batch', form, PINS['supervisor'])
    assert started[0][-1] == ['view-01.csv', 'view-02.csv']


def test_it_is_for_supervisors(app, enter):
    for role in ('operator', 'integrator'):
        client = enter(role)
        csrf = csrf_of(client.get('/status'))
        answers = [client.get('/batch?path=many'), client.post('/batch', data={'csrf': csrf}),
                   client.post('/batch/stop', data={'csrf': csrf})]
        assert [answer.status_code for answer in answers] == [403] * 3
    assert 'Analyse all' not in text_of(enter('operator').get('/open?path=many'))
