"""Tokens: how they are kept, what they open, and the verb that makes them."""
import hashlib
import json
import sys
import threading

import pytest

from service.cli.main import main
from service.messages import InputError, SettingsError, StorageError
from service.settings import Settings
from service.web.app import create_app
from service.web.tokens import MAX_TOKENS, Tokens

from .conftest import LocalClient


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'tokens.json'


@pytest.fixture
def tokens(path):
    return Tokens(str(path))


@pytest.fixture
def client(stub, live, path):
    app = create_app(stub, live, Settings(port=8080, api_tokens=str(path)))
    app.test_client_class = LocalClient
    return app.test_client()


def bearer(token):
    return {'Authorization': 'Bearer ' + token}


def test_a_token_is_kept_by_its_hash_alone(tokens, path):
    token = tokens.add('dashboard')
    text = path.read_text()
    assert token not in text and hashlib.sha256(token.encode()).hexdigest() in text
    assert len(token) >= 43 and tokens.add('other') != token
    assert tokens.holder(token) == 'dashboard'
    assert tokens.holder(token[:-1]) is None and tokens.holder('') is None and tokens.holder('\udce9') is None


def test_a_removed_token_opens_nothing(tokens):
    token = tokens.add('dashboard')
    tokens.remove('dashboard')
    assert tokens.holder(token) is None and tokens.entries() == []


@pytest.mark.parametrize('name', ['', ' ', 'a b', '-a', 'a' * 65, 'a\n', '\xe9', '../a', '<b>'])
def test_odd_names_are_refused(tokens, path, name):
    with pytest.raises(InputError, match='token-name'):
        tokens.add(name)
    assert not path.exists()


def test_a_name_stands_for_one_token(tokens):
    tokens.add('dashboard')
    with pytest.raises(InputError, match='already'):
        tokens.add('dashboard')
    with pytest.raises(InputError, match='token-unknown'):
        tokens.remove('other')


def test_there_is_a_most(tokens, monkeypatch):
    monkeypatch.setattr('service.web.tokens.MAX_TOKENS', 2)
    tokens.add('a')
    tokens.add('b')
    with pytest.raises(InputError, match='tokens-full'):
        tokens.add('c')
    assert MAX_TOKENS * 250 < 64 * 1024  # the file is read up to there


def test_without_a_file_there_are_none(tmp_path):
    assert Tokens('').entries() == [] and Tokens('').holder('x') is None
    with pytest.raises(SettingsError, match='tokens-unset'):
        Tokens('').add('a')
    with pytest.raises(StorageError, match='folder-missing'):
        Tokens(str(tmp_path / 'none' / 'tokens.json')).add('a')


def test_two_that_add_at_once_lose_nothing(path):
    threads = [threading.Thread(target=Tokens(str(path)).add, args=('program-%d' % number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Tokens(str(path)).entries()) == 8


@pytest.mark.parametrize('text', ['', '{', '[]', '{"tokens": 1}', '{"tokens": [{}]}', '[' * 100000, '\xff' * 70000,
                                  '{"tokens": [{"name": "a", "sha256": "x", "created": ""}]}'])
def test_a_spoilt_file_opens_nothing(tokens, path, client, text):
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(SettingsError, match='tokens-unreadable'):
        tokens.holder('x')
    for headers in ({}, bearer('x')):
        answer = client.get('/api/v1/status', headers=headers)
        assert (answer.status_code, answer.get_json()['code']) == (500, 'tokens-unreadable')


def test_the_api_is_open_until_there_is_a_token(client, tokens):
    assert client.get('/api/v1/bundle').status_code == 200
    token = tokens.add('dashboard')
    refused = client.get('/api/v1/bundle')
    assert (refused.status_code, refused.get_json()['code']) == (401, 'token-needed')
    assert refused.headers['WWW-Authenticate'] == 'Bearer'
    assert client.get('/api/v1/bundle', headers=bearer(token)).status_code == 200
    assert client.get('/api/v1/openapi.json').status_code == 200
    tokens.remove('dashboard')
    assert client.get('/api/v1/bundle', headers=bearer(token)).get_json()['code'] == 'token-wrong'
    assert client.get('/api/v1/bundle').status_code == 200


@pytest.mark.parametrize('given', ['Bearer wrong', 'bearer wrong', 'BEARER  wrong', 'Bearer \xe9', 'Bearer ',
                                   'Bearer a b'])
def test_a_wrong_token_is_refused_everywhere(client, tokens, given):
    tokens.add('dashboard')
    for path in ('/api/v1/status', '/', '/open', '/metrics', '/live/values'):
        answer = client.get(path, headers={'Authorization': given})
        assert answer.status_code == 401 and b'token-wrong' in answer.data


def test_a_token_opens_the_api_and_the_metrics_and_nothing_else(client, tokens):
    headers = bearer(tokens.add('dashboard'))
    assert client.get('/metrics', headers=headers).status_code == 200
    for path in ('/', '/open', '/live/values', '/status'):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403 and b'role-refused' in answer.data
        assert client.get(path).status_code == 200  # the page stays as it is


def test_the_verb(path, tmp_path, monkeypatch, capsys):
    settings = tmp_path / 'settings.toml'
    settings.write_text('[web]\napi_tokens = "%s"\n' % path)

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['thermoscreen', 'tokens'] + list(arguments) + ['--settings', str(settings)])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, capsys.readouterr()

    assert run('list')[1].out == 'There are no tokens.\n'
    code, shown = run('add', 'dashboard')
    assert code == 0 and Tokens(str(path)).holder(shown.out.strip()) == 'dashboard'
    made = json.loads(run('add', 'other', '--json')[1].out)
    assert Tokens(str(path)).holder(made['token']) == made['name'] == 'other'
    assert [entry['name'] for entry in json.loads(run('list', '--json')[1].out)] == ['dashboard', 'other']
    assert 'sha256' not in run('list', '--json')[1].out and 'dashboard' in run('list')[1].out
    assert run('remove', 'dashboard')[0] == 0
    code, shown = run('remove', 'dashboard')
    assert code == 2 and '[token-unknown]' in shown.err
