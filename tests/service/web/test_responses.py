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


@pytest.mark.parametrize('host', ['127.0.0.1:8080', 'localhost:8080', 'LOCALHOST:8080', '[::1]:8080'])
def test_own_names_are_answered(client, host):
    assert client.get('/healthz', environ_overrides={'HTTP_HOST': host}).status_code == 200


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:8080', '127.0.0.1', '127.0.0.1:80', 'localhost:8081',
                                  '127.0.0.1:8080.evil.example', '127.0.0.1:8080@evil.example', '0.0.0.0:8080', ''])
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
