"""Pages and answers around the live picture, and what a person reads when something is refused."""
import json
import re

import pytest

from service.analysis import NO_FINDING
from service.messages import INFO, WARNING, BackendError, Message
from service.pipeline import Pipeline
from service.result import ADJUNCT_NOTICE
from service.settings import Settings
from service.web.app import create_app

from .conftest import LocalClient, picture_shown

PAGES = ('/', '/open', '/open?path=visit%201/frontal.csv', '/open?path=visit%201/cut.csv', '/about', '/about/model',
         '/about/metrics', '/about/software', '/status', '/status/timing', '/status/board', '/nowhere')


@pytest.mark.parametrize('page', PAGES)
def test_notice_is_on_every_page(client, page):
    html = client.get(page).get_data(as_text=True)
    assert html.count(ADJUNCT_NOTICE) == 1
    assert '<footer class="notice"' in html


@pytest.mark.parametrize('page', PAGES)
def test_no_page_has_inline_code_or_style(client, page):
    html = client.get(page).get_data(as_text=True)
    assert not re.search(r'<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:', html)
    assert 'lang="en"' in html and '<title>' in html
    assert html.count('<main') == 1 and html.count('<h1') == 1


@pytest.mark.parametrize('page', PAGES)
def test_words_are_calm(client, page):
    words = re.sub(r'<[^>]+>', ' ', client.get(page).get_data(as_text=True)).replace('<!doctype', '')
    assert '!' not in words
    assert not re.search(r'\berrors?\b', words, re.I)


def test_before_the_first_picture(client):
    values = client.get('/live/values').get_json()
    assert values['live']['status']['code'] == 'camera-starting'
    assert values['notice'] == ADJUNCT_NOTICE
    answer = client.get('/live.mjpg')
    assert (answer.status_code, answer.get_json()['code']) == (503, 'picture-none')


def test_ready_only_while_the_picture_runs(client, live):
    assert client.get('/healthz').get_json() == {'status': 'alive', 'parts': {}}
    answer = client.get('/readiness')
    assert (answer.status_code, answer.get_json()['code']) == (503, 'camera-starting')
    live.start()
    picture_shown(live)
    assert client.get('/readiness').status_code == 200


def test_health_names_every_part_and_the_one_that_hangs(client, live):
    live.start()
    picture_shown(live)
    answer = client.get('/healthz')
    assert (answer.status_code, answer.get_json()['status']) == (200, 'alive')
    assert all(part['fresh'] for part in answer.get_json()['parts'].values())
    assert {'capture', 'inference'} <= set(answer.get_json()['parts'])
    live.stop()
    live.heartbeats.expect('inference')
    live.heartbeats._since_s['inference'] -= 60
    answer = client.get('/healthz')
    assert (answer.status_code, answer.get_json()['code']) == (503, 'inference-stuck')
    assert answer.get_json()['parts']['inference']['fresh'] is False
    assert live.pulse()['stuck']['sentence'] == 'The analysis does not answer any more.'


def test_an_old_picture_is_not_ready(client, live, monkeypatch):
    live.start()
    picture_shown(live)
    monkeypatch.setattr(live, 'pulse', lambda: {'doing': 'analysis', 'age_ms': 6000, 'sequence': 2})
    answer = client.get('/readiness')
    assert (answer.status_code, answer.get_json()['code']) == (503, 'analysis-waiting')


def test_values_name_bundle_stages_and_notice(client, live):
    live.start()
    picture_shown(live)
    text = client.get('/live/values').get_data(as_text=True)
    values = json.loads(text)
    assert values['outcome'] == 'result'
    assert values['finding']['threshold'] == 0.5
    assert values['bundle']['hash'] and values['backend']['name'] == 'stub'
    assert text.index('"quality"') < text.index('"infer"') < text.index('"total"')


def test_live_page_names_the_bundle(client):
    html = client.get('/').get_data(as_text=True)
    assert 'tiny 1.0.0' in html and '>5a02cb75</button>' in html  # a touch shows all of it


def test_about_tells_what_the_manifest_says(client):
    model = client.get('/about/model').get_data(as_text=True)
    assert '5a02cb75' * 8 in model and 'None: four fixed operators.' in model and 'Set by hand.' in model
    use = client.get('/about').get_data(as_text=True)
    assert 'Tests.' in use and 'Finds nothing.' in use
    metrics = client.get('/about/metrics').get_data(as_text=True)
    assert '<dt>Regions, mean intersection over union</dt><dd>0.7812</dd>' in metrics and '0.7 to 0.8' in metrics
    assert 'OpenCV' in client.get('/about/software').get_data(as_text=True)


def test_about_says_what_runs_the_model_and_what_was_passed_over(client, stub, monkeypatch):
    backend = {'name': 'onnxruntime', 'provider': 'CUDAExecutionProvider', 'variant': 'fp16', 'notes': ['Built in 5W.'],
               'passed_over': ['as JSON']}
    monkeypatch.setattr(Pipeline, 'backend', property(lambda pipeline: dict(backend)))
    monkeypatch.setattr(stub, 'passed_over', (
        Message('engine-stale', 'It is out of date.', 'Build it again.', severity=WARNING, subject='tensorrt:fp16'),
        Message('backend-provider', 'It was never there.', severity=INFO, subject='here')))
    html = client.get('/about/software').get_data(as_text=True)
    assert '<dt>backend provider</dt><dd>CUDAExecutionProvider</dd>' in html
    assert '<dt>backend note</dt><dd>Built in 5W.</dd>' in html
    assert '<dt>passed over tensorrt:fp16</dt><dd>It is out of date. Build it again.</dd>' in html
    assert 'It was never there.' not in html and '<dt>backend passed over</dt>' not in html


@pytest.fixture
def bare_client(regions_only, make_live, camera, files_root):
    """A client of a device whose model only marks regions."""
    live = make_live(regions_only, camera)
    app = create_app(regions_only, live, Settings(port=8080, max_viewers=2, files_root=str(files_root)))
    app.test_client_class = LocalClient
    return app.test_client()


@pytest.mark.parametrize('page', PAGES)
def test_every_page_is_there_without_a_finding(bare_client, client, page):
    answer = bare_client.get(page)
    html = answer.get_data(as_text=True)
    assert answer.status_code == client.get(page).status_code
    assert html.count(ADJUNCT_NOTICE) == 1
    assert '>Meaning<' not in html and 'None' not in html.replace('None: four fixed operators.', '')


def test_a_file_without_a_finding_is_a_result(bare_client):
    values = bare_client.get('/open/result?path=visit 1/frontal.csv').get_json()
    assert (values['outcome'], values['finding']) == ('result', None)
    assert values['sentences'][-1] == NO_FINDING


def test_about_says_that_there_is_no_finding(bare_client):
    model = bare_client.get('/about/model').get_data(as_text=True)
    assert NO_FINDING in model and 'Threshold' not in model


def test_about_counts_patients_and_names_none(bare_client):
    metrics = bare_client.get('/about/metrics').get_data(as_text=True)
    assert '<dt>Training patients</dt><dd>2</dd>' in metrics and '0001' not in metrics
    assert 'one, other' in metrics


@pytest.mark.parametrize('page, status', [('/nowhere', 404), ('/about/nothing', 404), ('/static/none.css', 404)])
def test_missing_pages_are_pages(client, page, status):
    answer = client.get(page)
    assert (answer.status_code, answer.mimetype) == (status, 'text/html')
    assert 'There is no such page' in answer.get_data(as_text=True)


def test_missing_answers_are_json(client):
    answer = client.get('/live/nowhere')
    assert (answer.status_code, answer.get_json()['code']) == (404, 'page-missing')


def test_the_unexpected_shows_no_traceback(client, stub, shared_opened, monkeypatch, caplog):
    def fail(*args):
        raise ZeroDivisionError('inner words')

    monkeypatch.setattr(stub, 'analyse', fail)
    answer = client.get('/open/result?path=visit%201/frontal.csv')
    assert (answer.status_code, answer.get_json()['code']) == (500, 'unexpected')
    monkeypatch.setattr(shared_opened, 'look', fail)
    page = client.get('/open?path=visit%201/frontal.csv')
    assert page.status_code == 500
    for reply in (answer, page):
        assert b'inner words' not in reply.data and b'Traceback' not in reply.data
    assert 'inner words' in caplog.text


def test_known_failures_keep_their_status_and_code(client, stub, monkeypatch):
    def fail(thermogram):
        raise BackendError('backend-busy', 'Other frames are being analysed; try again in a moment.',
                           detail='inner words')

    monkeypatch.setattr(stub, 'analyse', fail)
    answer = client.get('/open/result?path=visit%201/frontal.csv')
    assert answer.status_code == 503
    assert answer.get_json() == {'code': 'backend-busy', 'severity': 'problem', 'next_step': '',
                                 'sentence': 'Other frames are being analysed; try again in a moment.'}


@pytest.mark.parametrize('page', PAGES)
def test_every_page_of_a_demonstration_says_so(stub, live, files_root, client, page):
    app = create_app(stub, live, Settings(port=8080, files_root=str(files_root)), demo=True)
    app.test_client_class = LocalClient
    assert 'Demonstration: simulated patients' in app.test_client().get(page).get_data(as_text=True)
    assert 'Demonstration' not in client.get(page).get_data(as_text=True)
