"""The API and its document: every answer is as the document says, and every route is in it."""
import json
import re
from dataclasses import replace

import fastjsonschema
import pytest

from service.acquisition import Acquisition
from service.clock import Clock
from service.exams import CONDITIONS, ROLES, STATES, TOLD, Exams, Patient, Picture
from service.exams.exam import KINDS
from service.readers import SCALES
from service.regions import REGIONS
from service.result import SCHEMA
from service.sealing import PlainSealer, Sealer
from service.views import TURNED, VIEWS
from service.web.api import blueprint

from .conftest import picture_shown

PREFIX = '/api/v1'


@pytest.fixture
def document(client):
    return client.get('/api/v1/openapi.json').get_json()


def as_documented(document, method, address, answer):
    """Hold an answer against the document: (status, JSON)."""
    path = re.sub('/exams/[^/?]+', '/exams/{exam_id}', address.partition('?')[0])
    path = re.sub('/[0-9]{4}[^/]*$', '/{name}', path)
    responses = document['paths'][path][method]['responses']
    told = responses.get(str(answer.status_code)) or responses['%dXX' % (answer.status_code // 100)]
    if '$ref' in told:
        told = document['components']['responses'][told['$ref'].rpartition('/')[2]]
    schema = dict(told['content'][answer.mimetype]['schema'], components=document['components'])
    if not answer.is_json:
        return answer.status_code, answer.data
    fastjsonschema.validate(schema, answer.get_json())
    return answer.status_code, answer.get_json()


@pytest.fixture
def ask(client, document):
    """Ask for an address of the API: (status, JSON)."""
    return lambda address: as_documented(document, 'get', address, client.get(PREFIX + address))


def test_every_route_is_in_the_document_and_the_other_way_round(app, document):
    routes = {(re.sub('<(.*?)>', r'{\1}', rule.rule[len(PREFIX):]), method.lower())
              for rule in app.url_map.iter_rules() if rule.endpoint.startswith(blueprint.name + '.')
              for method in rule.methods - {'HEAD', 'OPTIONS'}}
    assert routes == {(path, method) for path, methods in document['paths'].items() for method in methods}


def test_other_methods_are_refused_with_those_of_the_document(app, client, document):
    """A station that keeps nothing takes no POST, so none is offered there."""
    for path, methods in document['paths'].items():
        answer = client.options(PREFIX + path.replace('{exam_id}', '0' * 16).replace('{name}', '0001.tscap'))
        assert (answer.status_code, answer.headers['Allow']) == (405, 'GET, HEAD' if 'get' in methods else '')
    assert client.get(PREFIX + '/exams/x/sign').headers['Allow'] == ''


def test_the_document_says_whom_routes_are_for(app, document):
    asked = {(path, method): told.get('security') for path, methods in document['paths'].items()
             for method, told in methods.items()}
    assert {place for place, security in asked.items() if security == []} == {('/openapi.json', 'get')}
    assert {place for place, security in asked.items() if security and {'session': []} in security} == {
        place for place in asked if place[1] == 'post'}
    assert document['servers'] == [{'url': PREFIX}]


def test_the_document_knows_the_words_of_the_code(document):
    schemas = document['components']['schemas']
    parameters = {entry['name']: entry['schema'] for entry in document['paths']['/results']['get']['parameters']}
    assert parameters['scale']['enum'] == sorted(SCALES)
    result = schemas['Result']['properties']
    assert result['view']['oneOf'][0]['enum'] == list(VIEWS) + [TURNED]
    assert list(result['regions']['properties']) == list(REGIONS)[1:]
    assert result['schema'] == {'const': SCHEMA}
    conditions = {name: told['anyOf'][0] for name, told in schemas['Conditions']['properties'].items()
                  if name not in TOLD}
    assert set(schemas['Conditions']['properties']) == set(CONDITIONS) | set(TOLD)
    assert {name: (told['minimum'], told['maximum']) for name, told in conditions.items()} == {
        name: (low, high) for name, (low, high, _) in CONDITIONS.items()}
    state, = [entry for entry in document['paths']['/exams']['get']['parameters'] if entry['name'] == 'state']
    assert state['schema']['enum'] == [''] + list(STATES)
    assert schemas['Exam']['properties']['state']['enum'] == list(STATES)
    assert schemas['ExamEvent']['properties']['kind']['enum'] == list(KINDS)
    assert schemas['Capture']['properties']['role']['enum'] == list(ROLES)


def test_every_reference_of_the_document_leads_somewhere(document):
    for kind, name in re.findall('"#/components/([a-z]+)/([A-Za-z]+)"', json.dumps(document)):
        assert name in document['components'][kind]
    links = document['paths']['/exams']['post']['responses']['201']['links']
    about_exams = {told['operationId'] for path, methods in document['paths'].items() if '{exam_id}' in path
                   for told in methods.values()}
    assert {link['operationId'] for link in links.values()} == about_exams - {'exam_file'}


@pytest.mark.parametrize('path', ['/status', '/bundle', '/benchmark'])
@pytest.mark.parametrize('running', [False, True])
def test_answers_are_as_documented(ask, live, path, running):
    if running:
        live.start()
        picture_shown(live)
    status, values = ask(path)
    assert status == 200
    if path == '/benchmark':
        assert bool(values['stages']) == running
        assert running <= ({'capture', 'infer', 'total', 'page'} <= set(values['stages']))
    if path == '/status':
        assert values['live'] == running
        assert {'camera', 'analysis', 'model'} <= {message['subject'] for message in values['messages']}


def test_the_bundle_is_named_with_its_limits(ask, stub):
    _, values = ask('/bundle')
    assert values['hash'] == stub.bundle.manifest.sha256 and values['limits'] == ['Finds nothing.']
    assert values['finding']['threshold'] == 0.5 and values['backend']['name'] == 'stub'


@pytest.mark.parametrize('query, outcome', [
    ('path=visit 1/frontal.csv', 'result'), ('path=visit 1/cooling.seq&frame=2', 'result'),
    ('path=visit 1/counts.png&scale=centikelvin', 'result'), ('path=visit 1/grey.png', 'result'),
    ('path=visit 1/flat.csv', 'no-result'), ('path=visit 1/hot room.fff', 'result')])
def test_results_are_as_documented(ask, client, query, outcome):
    status, values = ask('/results?' + query)
    assert (status, values['outcome']) == (200, outcome)
    page = client.get('/open/result?' + query).get_json()
    assert {key: page[key] for key in page if key != 'timings_ms'} == {
        key: values[key] for key in values if key != 'timings_ms'}


def test_results_of_a_model_that_only_marks_regions(ask, shared_opened, regions_only, monkeypatch):
    monkeypatch.setattr(shared_opened, '_pipeline', regions_only)
    _, values = ask('/results?path=visit 1/frontal.csv')
    assert values['finding'] is None and values['regions']


def test_results_of_a_side_view(ask, shared_opened, side_view, monkeypatch):
    monkeypatch.setattr(shared_opened, '_pipeline', side_view)
    _, values = ask('/results?path=visit 1/frontal.csv')
    assert values['view'] == 'left-oblique' and values['differences'] == {}


@pytest.mark.parametrize('query, status, code', [
    ('', 400, 'path-folder'), ('?path=../secret.csv', 400, 'path-refused'), ('?path=nowhere.csv', 404, 'path-missing'),
    ('?path=visit 1/frontal.csv&frame=2', 404, 'frame-missing'),
    ('?path=visit 1/frontal.csv&frame=0', 400, 'number-refused'), ('?path=visit 1/cut.csv', 400, None),
    ('?path=visit 1/counts.png', 400, 'scale-unknown'), ('?path=visit 1', 400, None)])
def test_refusals_are_as_documented(ask, query, status, code):
    found, values = ask('/results' + query)
    assert found == status and code in (None, values['code'])


@pytest.mark.parametrize('path', ['/api/v1', '/api/v1/nothing', '/api/v2/status', '/api/v1/status/'])
def test_other_addresses_are_refused_as_json(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.get_json()['code']) == (404, 'page-missing')


@pytest.fixture
def keep(app, request, tmp_path):
    """Open a store of exams for the application."""
    def start(sealer):
        exams = Exams(str(tmp_path / 'exams'), sealer, None, Clock(), room=lambda folder: None)
        request.addfinalizer(exams.close)
        services = app.extensions['thermoscreen']
        app.extensions['thermoscreen'] = replace(
            services, exams=exams, acquisition=Acquisition(exams, services.live.capture, services.pipeline))
        return exams
    return start


def an_exam(exams, values):
    exam = exams.create(Patient('P-1', 'Zoë Ärmel', '1960-02-03'), 'op-1', {'notes': 'Secret note.'})
    exams.start(exam.id, 'op-1')
    signs = values.pop('signs', {})
    return exams.add_capture(exam.id, 'op-1', 'frontal', Picture(b'counts', values, b'picture', b'labels', {}, signs))


@pytest.mark.parametrize('sealer', [PlainSealer(), Sealer(bytes(32))], ids=['plain', 'sealed'])
def test_exams_are_as_documented_and_name_no_patient(ask, keep, sealer):
    _, values = ask('/results?path=visit 1/frontal.csv')
    exams = keep(sealer)
    del values['id'], values['frames']  # a capture is no file
    signs = values['signs']
    made = an_exam(exams, values)
    exams.create(Patient('P-2'), 'op-1')
    listed = ask('/exams')[1]
    assert [(row['number'], row['state'], row['captures']) for row in listed['exams']] == [
        (2, 'draft', 0), (1, 'acquiring', 1)]
    assert ask('/exams?after=2&limit=1')[1]['exams'] == ask('/exams?state=acquiring')[1]['exams'] == listed['exams'][1:]
    assert (listed['next'], ask('/exams?limit=1')[1]['next']) == (None, 2)
    assert ask('/exams?query=p-1 zoë')[1]['exams'] == listed['exams'][1:]
    assert ask('/exams/%s/captures' % made.id)[1]['captures'] == ask('/exams/' + made.id)[1]['captures']
    told = ask('/exams/' + made.id)[1]
    assert [event['kind'] for event in told['events']] == ['created', 'started', 'captured']
    assert [(capture['role'], capture['outcome']) for capture in told['captures']] == [('frontal', 'result')]
    text = json.dumps([listed, told], ensure_ascii=False)
    assert not any(word in text for word in ('P-1', 'Zoë', 'Ärmel', '1960-02-03', 'Secret'))
    files = '/exams/%s/files/' % made.id
    assert ask(files + '0001.result.json') == (200, values) and ask(files + '0001.signs.json') == (200, signs)
    assert ask(files + '0001.tscap') == (200, b'counts') and ask(files + '0001.overlay.png') == (200, b'picture')
    assert set(told['captures'][0]['files']) == {'0001.' + end for end in ('tscap', 'result.json', 'overlay.png',
                                                                           'labels.png', 'signs.json')}


def test_locked_exams_show_no_file(ask, keep):
    exams = keep(Sealer(bytes(32)))
    made = an_exam(exams, {})
    exams.sealer = None
    assert ask('/exams')[1]['exams'][0]['encrypted'] is True and ask('/exams/' + made.id)[0] == 200
    for address in ('/exams/%s/files/0001.tscap' % made.id, '/exams?query=P-1'):
        status, values = ask(address)
        assert (status, values['code']) == (409, 'exams-locked')


@pytest.mark.parametrize('address, status, code', [
    ('/exams?state=lost', 400, 'exam-query'), ('/exams?limit=1001', 400, 'exam-query'),
    ('/exams?limit=0', 400, 'number-refused'), ('/exams?after=x', 400, 'number-refused'),
    ('/exams/' + '0' * 16, 404, 'exam-missing'), ('/exams/..', 404, 'exam-missing'),
    ('/exams/' + 'x' * 300, 404, 'exam-missing'), ('/exams/%s/files/0001.tscap' % ('0' * 16), 404, 'exam-missing')])
def test_refusals_about_exams_are_as_documented(ask, keep, address, status, code):
    keep(PlainSealer())
    found, values = ask(address)
    assert (found, values['code']) == (status, code)


def test_a_file_that_an_exam_has_not_is_refused(client, keep):
    made = an_exam(keep(PlainSealer()), {})
    for name in ('0002.tscap', '..', 'exam.json', '0001.tscap%00', '%2e%2e%2fstore.db'):
        answer = client.get('/api/v1/exams/%s/files/%s' % (made.id, name))
        assert answer.status_code in (404, 409) and answer.get_json()['code'] in ('exam-file', 'page-missing')


def test_a_station_that_keeps_no_exams_says_so(ask):
    for address in ('/exams', '/exams/' + '0' * 16, '/exams/%s/files/0001.tscap' % ('0' * 16)):
        status, values = ask(address)
        assert (status, values['code']) == (404, 'exams-off')
