"""The pages of the settings: supervisors alone, the PIN for a change, the next start, and a restart that waits."""
import pytest

from service.exams import Patient
from service.languages import Language
from service.settings import FIXED, SECTIONS, load_settings
from service.settings_changes import Changes
from service.web.access import SUPERVISOR, act_of, admitted
from service.web.app import create_app

from .conftest import LocalClient
from .stations import PINS, confirm, csrf_of
from .test_keeping import text_of


@pytest.fixture
def changes(home, folder):
    path = folder / 'settings.toml'
    path.write_text('[exams]\nexams_folder = "%s"\n' % (folder / 'exams'))
    return Changes(str(path), {'port': 8080}, load_settings(str(path), port=8080), home.station.audit.append)


@pytest.fixture
def app(stub, live, home, changes):
    app = create_app(stub, live, changes.running, exams=home.exams, sessions=home.sessions, changes=changes)
    app.test_client_class = LocalClient
    return app


def test_every_setting_says_in_german_what_it_is():
    german = Language('de')
    told = {entry.metadata['sentence'] for entries in SECTIONS.values() for entry in entries.values()}
    assert [sentence for sentence in told | set(FIXED.values()) if german.translated(sentence) == sentence] == []


def test_every_setting_is_shown_and_those_of_the_network_are_not_changed(app, enter):
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith('settings.')]
    assert {rule.endpoint for rule in rules if admitted(app, rule.endpoint) != {SUPERVISOR}} == set()
    assert {rule.endpoint for rule in rules if 'POST' in rule.methods and not act_of(app, rule.endpoint)} == {
        'settings.restart'}, 'it changes nothing'
    client = enter('supervisor')
    assert 'href="/settings"' in text_of(client.get('/status'))
    for section, entries in SECTIONS.items():
        rows = text_of(client.get('/settings/' + section))
        for name in entries:
            here = '/settings/%s/%s' % (section, name)
            page = text_of(client.get(here))
            assert here in rows and '[%s] %s' % (section, name) in page and 'It comes from' in page
            assert ('in the settings file alone' in page) == (name in FIXED) == (
                client.get(here + '/change').status_code == 404), name
    assert client.get('/settings/nothing').status_code == client.get('/settings/web/lock_minutes').status_code == 404


def test_a_change_wants_the_pin_and_waits_for_the_next_start(app, enter, home, changes):
    client = enter('supervisor')
    here = '/settings/exams/acclimatisation_minutes'
    question = text_of(client.get(here + '/change'))
    assert 'From 0 to 60 minutes.' in question and 'value="15"' in question
    form = {'csrf': csrf_of(client.get(here)), 'mark': changes.look().mark, 'value': '12,5'}
    assert client.post(here, data=form).status_code == 403 and changes.look().changed == {}
    assert confirm(client, here, form, PINS['supervisor']).headers['Location'].endswith(here)
    assert changes.look().changed == {'acclimatisation_minutes': 12.5}
    page = text_of(client.get(here))
    assert 'From the next start</dt><dd><b>12.5 minutes' in page and 'As in the settings file' in page
    answer = confirm(client, here, dict(form, value='90'), PINS['supervisor'])
    assert answer.status_code == 400 and 'changed meanwhile' in text_of(answer)
    form['mark'] = changes.look().mark
    answer = confirm(client, here, dict(form, value='90'), PINS['supervisor'])
    assert answer.status_code == 400
    assert 'must be between 0 and 60' in text_of(answer) and 'value="90"' in text_of(answer)
    for path, value in (('/settings/exams/lock_between_patients', 'false'), ('/settings/overlay/palette', 'grey'),
                        ('/settings/screen/keyboards', 'de'), ('/settings/exams/series_frames', '30')):
        confirm(client, path, dict(form, value=value, mark=changes.look().mark), PINS['supervisor'])
    assert (changes.look().coming.lock_between_patients, changes.look().coming.palette) == (False, 'grey')
    confirm(client, here, dict(form, basis='yes', mark=changes.look().mark), PINS['supervisor'])
    assert 'acclimatisation_minutes' not in changes.look().changed
    overview = text_of(client.get('/settings'))
    assert 'Palette grey, ' in overview and 'Series frames 30 pictures' in overview
    assert 'Take back the last change' in overview
    confirm(client, '/settings/before', dict(form, mark=changes.look().mark), PINS['supervisor'])
    assert changes.look().changed['acclimatisation_minutes'] == 12.5
    answer = confirm(client, '/settings/web/port', dict(form, value='1', mark=changes.look().mark), PINS['supervisor'])
    assert answer.status_code == 400 and 'setting-fixed' in text_of(answer)


def test_the_service_starts_anew_but_never_in_an_exam(app, enter, home, changes):
    client, asked = enter('supervisor'), []
    changes.restart = lambda: asked.append(True)
    form = {'csrf': csrf_of(client.get('/settings'))}
    exam = home.exams.create(Patient('P-1'), 'op')
    answer = client.post('/settings/restart', data=form)
    assert answer.status_code == 409 and 'Exam 1 is under way.' in text_of(answer)
    home.exams.discard(exam.id, 'op', 'example')
    with home.sessions.at_work():
        assert 'restart-busy' in text_of(client.post('/settings/restart', data=form))
    assert client.get('/settings/restart').status_code == 303 and asked == []
    assert client.post('/settings/restart', data=form).headers['Location'].endswith('/settings/restart')
    assert asked == [True] and 'data-phase="restarting"' in text_of(client.get('/settings/restart'))


def test_a_file_that_was_broken_by_hand_is_said(app, enter, changes, folder):
    client = enter('supervisor')
    (folder / 'settings.toml').write_text('[exams]\nlock_minutes = 0\n')
    page = client.get('/settings')
    assert page.status_code == 500 and 'line 2: lock_minutes must be between' in text_of(page)
