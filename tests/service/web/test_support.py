"""The support bundle from the page: for whom, what it holds, and that two are not made at once."""
import io
import json
import zipfile

import pytest

from service.support import bundle, parts
from service.web import support


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    chosen = ('settings', 'telemetry', 'service')
    monkeypatch.setattr(bundle, 'PARTS', tuple(part for part in parts.PARTS if part.name in chosen))


def test_it_is_downloaded_with_what_only_the_service_knows(client, stub):
    assert b'/status/support' in client.get('/status/board').data
    assert b'/status/support/bundle.zip' in client.get('/status/support').data
    answer = client.get('/status/support/bundle.zip')
    assert answer.status_code == 200 and answer.mimetype == 'application/zip'
    assert answer.headers['Content-Disposition'].startswith('attachment; filename="thermoscreen-support-')
    assert answer.headers['Cache-Control'] == 'no-store'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ['README.txt', 'contents.json', 'service.json', 'settings.json']
        told = json.loads(archive.read('service.json').decode())
        assert not [row for row in json.loads(archive.read('contents.json').decode())['parts'] if row['problem']]
    assert told['bundle']['hash'] == stub.bundle.manifest.sha256 and 'telemetry' in told
    assert {'camera', 'analysis', 'model'} <= {message['subject'] for message in told['messages']}


def test_two_at_once_are_not_made(client, monkeypatch):
    inner = []

    def make(*args, **words):
        inner.append(client.get('/status/support/bundle.zip'))
        return made(*args, **words)
    made = support.make_bundle
    monkeypatch.setattr(support, 'make_bundle', make)
    assert client.get('/status/support/bundle.zip').status_code == 200
    assert inner[0].status_code == 429 and b'support-busy' in inner[0].data
    assert client.get('/status/support/bundle.zip').status_code == 200, 'the next one is made again'
