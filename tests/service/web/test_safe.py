"""The page of safe mode: its words, its one button, and what it does without."""
import re
import subprocess
import sys

import pytest

from service.messages import ADJUNCT_NOTICE, StorageError
from service.supervise import give_up_reason, starts
from service.web.safe import create_safe_app

from .conftest import LocalClient

REASONS = [starts.UNFINISHED, starts.CRASH_LOOP, starts.STOPPED, starts.ASKED,
           give_up_reason(StorageError('disk-full', 'The disk is full; free some space and try again.'))]


@pytest.fixture
def pressed():
    return []


@pytest.fixture(params=REASONS, ids=lambda reason: reason.code)
def reason(request):
    return request.param


@pytest.fixture
def safe(reason, pressed):
    app = create_safe_app(reason, 8080, lambda: pressed.append(True))
    app.test_client_class = LocalClient
    return app.test_client()


def _button(page):
    return re.search('action="([^"]+)"', page).group(1)


def test_it_says_what_happened_and_what_to_do_in_calm_words(safe, reason):
    page = safe.get('/').get_data(as_text=True)
    words = re.sub(r'<[^>]+>', ' ', page.replace('<!doctype', ''))
    for wanted in (reason.sentence, reason.next_step, reason.code, 'Nothing was deleted.', 'Try again', ADJUNCT_NOTICE):
        assert wanted in words
    assert '!' not in words and not re.search(r'\berrors?\b', words, re.I)


def test_the_button_of_this_page_leaves_it_and_no_other_does(safe, pressed):
    assert safe.post('/try-again/guessed').status_code == 302
    assert safe.get(_button(safe.get('/').get_data(as_text=True))).status_code == 405
    assert safe.post('/').status_code == 405
    assert pressed == []
    assert safe.post(_button(safe.get('/').get_data(as_text=True))).status_code == 204
    assert pressed == [True]


def test_programs_see_that_it_is_safe_mode(safe, reason):
    health = safe.get('/healthz').get_json()
    assert (health['status'], health['code'], health['sentence']) == ('safe', reason.code, reason.sentence)
    assert 'data-run="%s"' % health['run'] in safe.get('/').get_data(as_text=True)
    assert safe.get('/readiness').status_code == 503


def test_the_guard_stands_before_it_too(safe, pressed):
    button = _button(safe.get('/').get_data(as_text=True))
    assert safe.post(button, environ_overrides={'HTTP_HOST': 'evil.example'}).status_code == 400
    assert safe.post(button, data=b'x').status_code == 413
    assert safe.put('/').status_code == 405
    assert pressed == []


def test_what_was_open_before_leads_to_it(safe):
    for path in ('/open', '/about/model', '/live/events'):
        assert safe.get(path).headers['Location'].endswith('/')


def test_it_comes_up_without_numpy_and_opencv(root):
    """Where a library is broken, and where the camera, the model and the GPU must not be touched."""
    program = '''if True:
        import sys
        for name in ('numpy', 'cv2', 'onnxruntime', 'tensorrt', 'pycuda', 'service.pipeline', 'service.cameras'):
            sys.modules[name] = None  # importing it fails
        import service.cli.serve
        from service.supervise import starts
        from service.web.safe import create_safe_app
        client = create_safe_app(starts.CRASH_LOOP, 8080, None).test_client()
        print(client.get('/', base_url='http://127.0.0.1:8080').status_code)
        '''
    output = subprocess.check_output([sys.executable, '-c', program], cwd=str(root), universal_newlines=True)
    assert output.split() == ['200']
