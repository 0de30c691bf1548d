"""The way through a real Label Studio: its import, its page in a browser, its export.

Label Studio (994 MB, 159 packages) is not among the pinned libraries. Where its program is on the path, or
THERMOSCREEN_LABEL_STUDIO names it, it is started here with a database of its own, which takes a minute or several.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip('defusedxml', reason='the training extra is not installed: this is the device half')

from models.labelling import label_studio, record  # noqa: E402
from models.labelling.judging import LABELLED, NOTHING, judge  # noqa: E402
from models.labelling.returned import read_returned  # noqa: E402
from service.regions import LEFT_BREAST, RIGHT_BREAST  # noqa: E402

pytestmark = pytest.mark.slow

PROGRAM = os.environ.get('THERMOSCREEN_LABEL_STUDIO') or shutil.which('label-studio')
NAME, WORD, TOKEN = 'labeller@example.org', 'not a secret 1', '0123456789abcdef' * 2 + '01234567'
#: Its first start makes a database with 396 migrations.
START_S = 1200


class Server:
    """A Label Studio of its own."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.address = 'http://127.0.0.1:%d' % port
        self._log = folder / 'log'
        with open(str(self._log), 'wb') as log:
            self._process = subprocess.Popen(
                [PROGRAM, 'start', '--no-browser', '--internal-host', '127.0.0.1', '-p', str(port), '--data-dir',
                 str(folder / 'data'), '--username', NAME, '--password', WORD, '--user-token', TOKEN,
                 '--enable-legacy-api-token'], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=str(folder),
                env=dict(os.environ, HOME=str(folder), COLLECT_ANALYTICS='false', LATEST_VERSION_CHECK='false',
                         SENTRY_DSN='', FRONTEND_SENTRY_DSN=''), start_new_session=True)

    def wait(self):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                return self.ask('GET', '/api/version')
            time.sleep(1)
        pytest.fail('Label Studio did not start: ' + self._log.read_text(errors='replace')[-2000:])

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.address + path, None if body is None else json.dumps(body).encode(),
            {'Authorization': 'Token ' + TOKEN, 'Content-Type': 'application/json'}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read().decode() or 'null')

    def project(self, upload):
        """A project with the files of an export; its id, and those of its tasks by the name of the frame."""
        tasks = json.loads((upload / label_studio.TASKS).read_text())
        made = self.ask('POST', '/api/projects', {'title': 'thermograms', 'label_config': (
            upload / label_studio.CONFIG).read_text()})
        done = self.ask('POST', '/api/projects/%d/import?return_task_ids=true' % made['id'], tasks)
        assert (done['task_count'], done['prediction_count']) == (len(tasks), len(tasks))
        return made['id'], dict(zip((task['data']['frame'] for task in tasks), done['task_ids']))

    def export(self, project, path):
        document = self.ask('GET', '/api/projects/%d/export?exportType=JSON&download_all_tasks=true' % project)
        path.write_text(json.dumps(document))
        return document


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    if not PROGRAM:
        pytest.skip('label-studio is not installed here (THERMOSCREEN_LABEL_STUDIO names another one)')
    started = Server(tmp_path_factory.mktemp('label-studio'))
    try:
        started.wait()
        yield started
    finally:
        started.stop()


@pytest.fixture
def sent(tmp_path):
    return record.send(record.frames_to_label('phantoms:100:3'), tmp_path / 'sent', 'label-studio',
                       label_studio.write_files)


def test_what_is_sent_comes_back_byte_for_byte(server, sent, tmp_path):
    project, ids = server.project(tmp_path / 'sent' / 'upload')
    tasks = {task['data']['frame']: task for task in json.loads(
        (tmp_path / 'sent' / 'upload' / label_studio.TASKS).read_text())}
    untouched = server.export(project, tmp_path / 'untouched.json')
    assert [task['data'] for task in untouched] == [tasks[task['data']['frame']]['data'] for task in untouched]
    states = [outcome.state for outcome in judge(read_returned(tmp_path / 'untouched.json'), sent)]
    assert states == [NOTHING] * 3, 'a prediction is never taken for a correction'
    for name, task in tasks.items():
        server.ask('POST', '/api/tasks/%d/annotations/' % ids[name], {'result': task['predictions'][0]['result']})
    for task in server.export(project, tmp_path / 'submitted.json'):
        values = [entry['value'] for entry in tasks[task['data']['frame']]['predictions'][0]['result']]
        assert [entry['value'] for entry in task['annotations'][0]['result']] == values
    for outcome in judge(read_returned(tmp_path / 'submitted.json'), sent):
        assert outcome.state == LABELLED and outcome.changed == {}
        assert np.array_equal(outcome.labels, sent.labels(outcome.frame))
        assert outcome.answer.labeller and outcome.answer.labelled_at


@pytest.mark.browser
def test_what_is_drawn_in_its_page_comes_back_as_drawn(server, sent, tmp_path, chromium_path, monkeypatch):
    """Brush and eraser on one frame, submit without a stroke on another, and a third that nobody opens."""
    from playwright.sync_api import sync_playwright
    project, ids = server.project(tmp_path / 'sent' / 'upload')
    edited, submitted, unseen = sorted(sent.frames.values(), key=lambda frame: frame.key)
    before = sent.labels(edited)
    with sync_playwright() as play, contextlib.closing(play.chromium.launch(
            executable_path=chromium_path, args=['--no-sandbox'])) as browser:
        page = browser.new_page(viewport={'width': 1500, 'height': 950})
        page.set_default_timeout(120000)
        page.goto(server.address + '/user/login/')
        page.fill('input[name=email]', NAME)
        page.fill('input[name=password]', WORD)
        with page.expect_navigation():
            page.click('button[type=submit], [aria-label="Log In"]')
        for frame in (edited, submitted):
            page.goto('%s/projects/%d/data?task=%d' % (server.address, project, ids[frame.name]))
            page.get_by_text('left_breast', exact=True).last.wait_for()
            canvas = page.locator('canvas').first
            canvas.wait_for()
            if frame is edited:
                box = _steady_box(page, canvas)
                _draw(page, box, before, 'right_breast', 'brush-tool', RIGHT_BREAST, outwards=True)
                _draw(page, box, before, 'left_breast', 'eraser', LEFT_BREAST, outwards=False)
            with page.expect_response(lambda answer: '/annotations' in answer.url and answer.request.method == 'POST'
                                      ) as answer:
                page.get_by_text('Submit', exact=True).click()
            assert answer.value.status == 201
    server.export(project, tmp_path / 'drawn.json')
    outcomes = {outcome.frame.key: outcome for outcome in judge(read_returned(tmp_path / 'drawn.json'), sent)}
    assert outcomes[unseen.key].state == NOTHING and outcomes[submitted.key].changed == {}
    changed = outcomes[edited.key].changed
    assert set(changed) == {'right_breast', 'left_breast'}, changed
    assert changed['right_breast'][0] > 20 and changed['right_breast'][1] == 0
    assert changed['left_breast'][0] == 0 and changed['left_breast'][1] > 20
    whole = outcomes[edited.key].labels
    monkeypatch.setattr('models.labelling.masks.ALPHA', 1)
    wider = {outcome.frame.key: outcome for outcome in judge(read_returned(tmp_path / 'drawn.json'), sent)}
    rim = int((wider[edited.key].labels == RIGHT_BREAST).sum() - (whole == RIGHT_BREAST).sum())
    assert rim > 0, 'the brush has a soft edge, of which only the inner half counts'


def _steady_box(page, canvas):
    """Where the picture is, once it does not move any more."""
    last = None
    while True:
        box = canvas.bounding_box()
        if box is not None and box == last:
            return box
        last = box
        page.wait_for_timeout(500)


def _draw(page, box, labels, name, tool, region, outwards):
    """Choose a region and a tool, and draw a stroke of 20 pixels down beside the outer edge of that breast."""
    scale = box['width'] / labels.shape[1]
    rows = np.flatnonzero((labels == region).any(axis=1))
    row = int(rows[len(rows) // 2])
    columns = np.flatnonzero(labels[row] == region)
    column = columns[0] - 4 if outwards else columns[-1] - 6
    page.get_by_text(name, exact=True).last.click()
    page.get_by_label(tool).click()
    x, y = box['x'] + (column + 0.5) * scale, box['y'] + row * scale
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 20 * scale, steps=10)
    page.mouse.up()
    page.wait_for_timeout(500)
    page.keyboard.press('u')
