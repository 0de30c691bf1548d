"""The page of backups: supervisors alone, a PIN for each, and words that say when the medium may be removed."""
import pytest

from service.backup import BackupJob, Medium
from service.backup.job import Progress
from service.backup.make import Backup
from service.messages import Message
from service.settings import Settings
from service.storage import Room
from service.web.access import SUPERVISOR, act_of, admitted
from service.web.app import create_app

from .conftest import LocalClient
from .stations import PINS, confirm, csrf_of

STICK = Medium('/media/sda1', 'USB medium sda1', 'vfat', Room(32 << 30, 17 << 30))
MADE = Backup('/media/sda1/thermo-backup-3f9a0c1d', '5be0c1d21f0c7a9a', 412, 6000, 3 << 30, 4, 0, None, ())
GONE = Message('medium-gone', 'The medium is gone.', 'Put it in again.')


@pytest.fixture
def job(home, monkeypatch):
    audit = home.station.audit
    made = BackupJob(home.exams.folder, home.station.operators._clock, audit.append, audit.checkpoint, lambda: [STICK])
    monkeypatch.setattr(made, 'begun', [], raising=False)
    monkeypatch.setattr(made, 'start', lambda place, operator: made.begun.append((place, operator)))
    return made


@pytest.fixture
def app(stub, live, files_root, home, job):
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), exams=home.exams,
                     sessions=home.sessions, backups=job)
    app.test_client_class = LocalClient
    return app


def test_its_routes_are_for_supervisors_and_making_one_asks_for_the_pin(app):
    found = {rule.endpoint: (admitted(app, rule.endpoint), act_of(app, rule.endpoint))
             for rule in app.url_map.iter_rules() if rule.endpoint.startswith('backups.')}
    assert found == {'backups.page': ({SUPERVISOR}, ''), 'backups.make': ({SUPERVISOR}, 'make a backup'),
                     'backups.stop': ({SUPERVISOR}, '')}


def test_a_medium_is_chosen_and_the_pin_typed(home, job, enter):
    client = enter('supervisor')
    assert b'href="/backup"' in client.get('/status').data and b'backup-none' in client.get('/status').data
    page = client.get('/backup')
    assert b'USB medium sda1' in page.data and b'17 GiB of 32 GiB free' in page.data
    form = {'place': '/media/sda1', 'csrf': csrf_of(page)}
    assert b'To make a backup, type your PIN once more.' in client.post('/backup', data=form).data and job.begun == []
    assert confirm(client, '/backup', form, PINS['supervisor']).headers['Location'].endswith('/backup')
    assert job.begun == [('/media/sda1', home.people['supervisor'].id)]
    job.media = lambda: []
    assert b'Plug in a memory stick.' in client.get('/backup').data


@pytest.mark.parametrize('progress, words, may', [
    (Progress('copying', 'USB medium sda1', 1 << 30, 3 << 30), ['33 %', '1.0 GiB of 3.0 GiB', 'Stop'], False),
    (Progress('verifying', 'USB medium sda1', 2 << 30, 3 << 30), ['66 %', 'Reading it back'], False),
    (Progress('unmounting', 'USB medium sda1', backup=MADE), ['Unmounting USB medium sda1'], False),
    (Progress('waiting', 'USB medium sda1', 1, 3, GONE), ['The medium is gone.', 'goes on by itself'], False),
    (Progress('failed', 'USB medium sda1', 1, 3, GONE), ['Put it in again.', 'Choose a medium'], False),
    (Progress('done', 'USB medium sda1', backup=MADE), ['412 exams were copied', '5be0c1d21f0c7a9a', 'Done'], True)])
def test_it_says_that_the_medium_may_be_removed_only_when_it_is_unmounted(job, progress, words, may, enter):
    job.progress = progress
    client = enter('supervisor')
    html = client.get('/backup').get_data(as_text=True)
    assert [word for word in words if word not in html] == [] and ('You may remove the medium.' in html) == may
    assert client.post('/backup/stop', data={'csrf': csrf_of(client.get('/backup'))}).status_code == 303


@pytest.mark.parametrize('role', ['operator', 'integrator'])
def test_nobody_else_makes_one(job, role, enter):
    client = enter(role)
    csrf = csrf_of(client.get('/status'))
    for path in ('/backup', '/backup/stop'):
        assert client.post(path, data={'csrf': csrf, 'place': '/media/sda1'}).status_code == 403
    assert client.get('/backup').status_code == 403 and b'href="/backup"' not in client.get('/status').data
    assert job.begun == []
