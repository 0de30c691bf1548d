"""What is refused before a route is reached, and what every answer carries."""
import pytest
from werkzeug.test import create_environ, run_wsgi_app

ROUTES = ('/', '/live/values', '/open', '/about', '/status', '/healthz', '/metrics', '/nowhere',
          '/static/css/theme.css')


@pytest.mark.parametrize('route', ROUTES)
def test_every_answer_is_closed_off(client, route):
    with client.get(route) as answer:
        headers = answer.headers
    policy = headers['Content-Security-Policy']
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert 'unsafe' not in policy and 'http' not in policy and '*' not in policy
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert headers['Cache-Control'] == 'no-store'
    assert headers['Cross-Origin-Resource-Policy'] == 'same-origin'
    assert 'Set-Cookie' not in headers and 'Access-Control-Allow-Origin' not in headers


def test_fonts_alone_are_kept_by_the_browser(client):
    with client.get('/static/fonts/NotoSansCondensed-Regular.woff2') as answer:
        assert (answer.mimetype, answer.headers['Cache-Control']) == ('font/woff2', 'max-age=86400')
    with client.get('/static/fonts/none.woff2') as answer:
        assert (answer.status_code, answer.headers['Cache-Control']) == (404, 'no-store')


@pytest.mark.parametrize('host', ['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST:8080', '[::1]:8080'])
def test_own_names_are_answered(client, host):
    assert client.get('/healthz', environ_overrides={'HTTP_HOST': host}).status_code == 200


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:8080', '127.0.0.1', '127.0.0.1:80', 'localhost:8081',
                                  '127.0.0.1:8080.evil.example', '127.0.0.1:8080@evil.example', '0.0.0.0:8080', '',
                                  'a..b', 'x' * 64 + '.example', '[::1', 'a:b:c', '\xe9', '127.0.0.1:99999999'])
@pytest.mark.parametrize('route', ['/', '/live/values', '/static/css/theme.css'])
def test_other_names_are_refused(app, host, route):
    # Not through the test client, whose own cookie jar stumbles over some of these names.
    environ = dict(create_environ(route, 'http://127.0.0.1:8080'), HTTP_HOST=host)
    contents, status, headers = run_wsgi_app(app, environ, buffered=True)
    assert status.startswith('400 ')
    assert b'host-refused' in b''.join(contents)


@pytest.mark.parametrize('method', ['post', 'put', 'delete', 'patch', 'options', 'trace'])
@pytest.mark.parametrize('route', ['/', '/live/events', '/open/result'])
def test_nothing_can_be_sent(client, method, route):
    answer = getattr(client, method)(route)
    assert answer.status_code == 405
    assert answer.headers['Allow'] == 'GET, HEAD'
    assert b'method-refused' in answer.data


def test_uploads_are_refused(client):
    answer = client.get('/open', content_type='multipart/form-data; boundary=x', data=b'--x--\r\n')
    assert (answer.status_code, b'upload-refused' in answer.data) == (415, True)


@pytest.mark.parametrize('size, status', [(1, 400), (70000, 413)])
def test_contents_are_refused(client, size, status):
    assert client.get('/live/values', data=b'x' * size).status_code == status


def test_chunked_contents_are_refused(client):
    answer = client.get('/live/values', headers={'Transfer-Encoding': 'chunked'})
    assert (answer.status_code, answer.get_json()['code']) == (400, 'body-refused')


def test_head_answers_without_contents(client):
    answer = client.head('/')
    assert (answer.status_code, answer.data) == (200, b'')


#: What browsers send when a page of another site embeds, fetches, frames or opens something: all but the last of them.
ELSEWHERE = [
    {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image'},
    {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty'},
    {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe'},
    {'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script'},
    {'Sec-Fetch-Site': 'same-origin, cross-site'},
    {'Origin': 'https://evil.example'},
    {'Origin': 'http://127.0.0.1:8081'},
    {'Origin': 'null'}]


@pytest.mark.parametrize('headers', ELSEWHERE, ids=lambda headers: ' '.join(headers.values()))
@pytest.mark.parametrize('route', ROUTES + ('/open/layer.png?path=visit 1/frontal.csv',))
def test_other_sites_are_refused_before_any_work(client, stub, route, headers):
    before = stub.backend_stub.runs
    with client.get(route, headers=headers) as answer:
        assert (answer.status_code, b'site-refused' in answer.data) == (403, True)
    assert stub.backend_stub.runs == before


@pytest.mark.parametrize('headers', [
    {}, {'Origin': 'http://127.0.0.1:8080'}, {'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate'},
    {'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image'},
    {'Sec-Fetch-Site': 'same-origin', 'Origin': 'null'}], ids=lambda headers: ' '.join(headers.values()) or 'curl')
def test_its_own_pages_and_programs_are_answered(client, headers):
    for route in ('/', '/status', '/live/values', '/healthz', '/static/css/theme.css'):
        with client.get(route, headers=headers) as answer:
            assert answer.status_code == 200


def test_a_link_elsewhere_leads_to_the_live_page_alone(client):
    followed = {'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    assert client.get('/', headers=followed).status_code == 200
    for route in ('/open', '/open?path=visit 1/frontal.csv', '/status', '/live.mjpg'):
        assert client.get(route, headers=followed).status_code == 403


@pytest.mark.parametrize('text', ['1e3', 'nan', 'inf', '+1', ' 1', '1 ', '1_0', '-1', '0', '01', '1.0', '', '0x1',
                                  '\u0661', '\uff11', '1\n', '9' * 10, '9' * 5000])
@pytest.mark.parametrize('route, name', [('/open', 'frame'), ('/open', 'page'), ('/open/result', 'frame'),
                                         ('/open/layer.png', 'frame')])
def test_a_number_in_an_address_is_digits_alone(client, stub, route, name, text):
    path = 'many' if name == 'page' else 'visit 1/frontal.csv'
    before = stub.backend_stub.runs
    answer = client.get(route, query_string={'path': path, name: text})
    assert (answer.status_code, b'number-refused' in answer.data) == (400, True)
    assert stub.backend_stub.runs == before
