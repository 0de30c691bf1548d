"""Who looks at an exam or at a file of a patient has an entry in the audit log; who is refused has none."""
import pytest
from flask import Flask

from service.exams import Patient, Picture
from service.operators.chain import decode, read_lines
from service.settings import Settings
from service.web.access import audited, audited_as
from service.web.app import create_app
from service.web.tokens import Tokens

from .conftest import LocalClient
from .stations import OTHER, log_in


@pytest.fixture
def app(stub, live, files_root, home, tmp_path):
    settings = Settings(port=8080, files_root=str(files_root), api_tokens=str(tmp_path / 'tokens.json'))
    app = create_app(stub, live, settings, exams=home.exams, sessions=home.sessions)
    app.test_client_class = LocalClient
    return app


@pytest.fixture
def told(home):
    """What was added to the log since it was asked last: event, operator and facts."""
    seen = [0]

    def ask():
        entries = [decode(line) for line in read_lines(home.station.audit.folder)]
        new, seen[0] = entries[seen[0]:], len(entries)
        return [(entry['event'], entry['operator'], entry['facts']) for entry in new]
    return ask


def test_what_a_program_reads_is_told_with_its_token(app, home, told, tmp_path):
    headers = {'Authorization': 'Bearer ' + Tokens(str(tmp_path / 'tokens.json')).add('dashboard')}
    who = home.people['operator'].id
    browser, program = app.test_client(), app.test_client()
    log_in(browser, who, OTHER)
    exam = home.exams.create(Patient('P-1', 'Zoe'), who)
    home.exams.start(exam.id, who)
    home.exams.add_capture(exam.id, who, 'frontal', Picture(b'counts', {}, b'picture'))
    told()
    address, by = '/api/v1/exams/' + exam.id, {'token': 'dashboard'}
    for path, status in (('/api/v1/exams?state=acquiring', 200), (address, 200), (address + '/files/0001.tscap', 200),
                         ('/api/v1/results?path=visit 1/flat.csv', 200), ('/api/v1/status', 200),
                         (address[:-1] + 'x', 404), (address + '/files/none', 409)):
        assert program.get(path, headers=headers).status_code == status, path
        assert program.head(path, headers=headers).status_code == status
        assert program.get(path).status_code == 401
    assert told() == [('exams-searched', '', by), ('exam-viewed', '', dict(by, exam=exam.id)),
                      ('exam-viewed', '', dict(by, exam=exam.id, file='0001.tscap')), ('file-viewed', '', by)]


def test_a_file_that_a_person_opens_is_told_without_its_name(app, home, told):
    browser, who = app.test_client(), home.people['operator'].id
    log_in(browser, who, OTHER)
    told()
    for path in ('/open?path=visit 1', '/open?path=visit 1/flat.csv', '/open/thumbnail.png?path=visit 1/flat.csv'):
        assert browser.get(path).status_code == 200
    assert browser.get('/open/result?path=visit 1/flat.csv').status_code == 200
    assert browser.get('/open/layer.png?path=visit 1/flat.csv').status_code == 200
    assert app.test_client().get('/exams').status_code == 303, 'to the login'
    assert told() == [('files-listed', who, {}), ('file-viewed', who, {})]


def test_who_may_see_exams_does_so_when_the_log_cannot_be_written(app, home, tmp_path, caplog):
    headers = {'Authorization': 'Bearer ' + Tokens(str(tmp_path / 'tokens.json')).add('dashboard')}
    home.station.audit.close()
    assert app.test_client().get('/api/v1/exams', headers=headers).status_code == 200
    assert 'audit-failed' in caplog.text


def test_every_route_about_an_exam_says_what_it_shows(app):
    unsaid = [rule.rule for rule in app.url_map.iter_rules() if 'GET' in rule.methods and 'exam' in rule.rule
              and audited_as(app, rule.endpoint) is None]
    assert not unsaid, 'state the entry of the audit log with access.audited'
    with pytest.raises(ValueError, match='exam-invented'):
        audited('exam-invented')
    bare = Flask('bare')
    bare.add_url_rule('/', 'page', lambda: '')
    assert audited_as(bare, 'page') is None
