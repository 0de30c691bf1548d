"""The pad and the lock in a real browser, with fingers alone."""
import tempfile
import threading
import time

import pytest

from service.backup import Medium
from service.exam_job import ExamJob
from service.exams import Policy
from service.settings import Settings
from service.settings_changes import Changes
from service.storage import Room
from service.web.app import create_app
from service.web.server import Server

from ...fakes.ports import free_port
from .conftest import PATIENCE_S
from .stations import OTHER, PIN, Inhabited
from .test_browser_access import measured

pytestmark = pytest.mark.browser


@pytest.fixture
def start(stub, live, files_root, request):
    """Serve a station with operators; gives its port."""
    def serve(lock_s=300.0, settled=True):
        folder = tempfile.TemporaryDirectory(prefix='thermoscreen-')
        request.addfinalizer(folder.cleanup)
        home = Inhabited(folder.name + '/exams', lock_s, time.monotonic)
        if settled:
            home.settle()
        live.start()
        settings = Settings(port=free_port(), files_root=str(files_root), exams_folder=folder.name + '/exams')
        serve.home = home
        given = {'port': settings.port, 'exams_folder': settings.exams_folder}
        changes = Changes(None, given, settings, home.station.audit.append)
        job = ExamJob(home.exams, home.station.operators._clock, home.station.audit.append, Policy(10, 30), 0,
                      lambda: [Medium('/media/sda1', 'USB medium sda1', 'vfat', Room(32 << 30, 17 << 30))])
        app = create_app(stub, live, settings, exams=home.exams, sessions=home.sessions, exam_job=job, changes=changes)
        server = Server(app, settings.host, settings.port, on_stop=live.dismiss)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()

        def finish():
            server.stop()
            thread.join(PATIENCE_S)
            home.close()

        request.addfinalizer(finish)
        return settings.port
    return serve


def press(page, digits):
    for digit in digits:
        page.page.click('[data-key="%s"]' % digit)
    page.page.click('.pad .enter')


@pytest.mark.parametrize('size', [(1024, 600), (1280, 800)])
def test_from_the_first_start_to_the_lock_without_a_keyboard(start, visit, size):
    page = visit(start(settled=False), size=size).go('/')
    sizes = page.page.eval_on_selector_all('.pad button', 'nodes => nodes.map((n) => n.getBoundingClientRect())'
                                           '.map((box) => Math.min(box.width, box.height))')
    assert len(sizes) == 12 and min(sizes) >= 110
    assert measured(page) == {}
    press(page, PIN)
    press(page, PIN)
    page.page.click('text=I have written it down')
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    assert measured(page) == {}
    page.page.click('[aria-label^="Lock;"]')
    page.page.wait_for_selector('.pad')
    assert page.page.url.endswith('/login') and measured(page) == {}
    press(page, OTHER)
    assert 'The PIN is wrong.' in page.text('.told')
    page.page.go_back()
    page.page.wait_for_selector('.pad')


def test_names_then_pad_then_the_page(start, visit):
    page = visit(start()).go('/')
    assert measured(page) == {}
    page.page.click('text=Ben Moe')
    press(page, OTHER)
    page.page.wait_for_selector('.home')


def test_it_locks_by_itself_and_says_so_before(start, visit):
    page = visit(start(lock_s=10.0)).go('/')
    page.page.click('text=Ben Moe')
    press(page, OTHER)
    page.page.wait_for_selector('.locking')
    assert page.text('.locking').startswith('Locks in ')
    page.page.wait_for_selector('.people')
    assert page.page.url.endswith('/login')


def test_a_supervisor_adds_somebody_without_a_keyboard(start, visit):
    page = visit(start()).go('/')
    page.page.click('text=Ann Lind')
    press(page, PIN)
    page.page.wait_for_selector('[aria-label^="Lock;"]')
    page.go('/status')
    page.page.click('text=Operators')
    assert measured(page) == {}
    page.page.click('text=Ben Moe')
    page.page.wait_for_selector('.pad')
    assert measured(page) == {}
    page.page.click('text=Cancel')
    page.page.click('text=Add somebody')
    page.page.wait_for_selector('.pad')
    assert measured(page) == {}
    press(page, '662817')
    press(page, '662817')
    page.page.wait_for_selector('#act-pin')
    assert measured(page) == {}
    press(page, PIN)
    page.page.wait_for_selector('.people')
    assert 'Operator 4' in page.text('.people')
    page.go('/settings/exams/acclimatisation_minutes/change')
    press(page, '10')
    page.page.wait_for_selector('#act-pin')
    press(page, PIN)
    page.page.wait_for_selector('.facts b:has-text("10 minutes")')
    for path in ('/keeping', '/keeping/export', '/keeping/import', '/keeping/test', '/settings', '/settings/exams',
                 '/settings/exams/acclimatisation_minutes', '/settings/screen/wristbands/change', '/status'):
        page.go(path)
        for size in ((1024, 600), (600, 1024)):
            page.resize(size)
            assert measured(page) == {}, (path, size)


def test_the_recovery_key_is_typed_without_a_keyboard_and_a_typo_is_marked(start, visit):
    port = start()
    page = visit(port).go('/')
    page.page.click('text=Ann Lind')
    press(page, PIN)
    page.page.wait_for_selector('[aria-label^="Lock;"]')
    page.go('/operators')
    page.page.click('text=Recovery key')
    press(page, PIN)
    page.page.wait_for_selector('#recovery-key')
    key = [group.strip() for group in page.page.eval_on_selector_all(
        '#recovery-key li', 'nodes => nodes.map((node) => node.innerText)')]
    page.page.click('text=I have written it down')
    page.page.click('[aria-label^="Lock;"]')
    page.page.click('text=PIN forgotten')
    page.page.click('text=Ann Lind')
    page.page.wait_for_selector('.keyboard')
    assert measured(page) == {}
    spoilt = 'A' if key[2][4] != 'A' else 'B'
    for letter in key[0] + key[1] + key[2][:4] + spoilt + ''.join(key[3:]):
        page.page.click('[data-key="%s"]' % letter)
    page.page.click('.keyboard .enter')
    assert page.text('.wrong') == '3 wrong' and measured(page) == {}
    page.page.click('[data-delete]')
    page.page.click('[data-key="%s"]' % key[2][4])
    page.page.click('.keyboard .enter')
    page.page.wait_for_selector('.pad')
    press(page, '662817')
    press(page, '662817')
    page.page.wait_for_selector('.people')
    assert page.page.url.endswith('/operators')


def test_a_passphrase_is_typed_without_a_keyboard(start, visit):
    port = start()
    operators = start.home.station.operators
    page = visit(port).go('/')
    page.page.click('text=Ann Lind')
    press(page, PIN)
    page.page.wait_for_selector('[aria-label^="Lock;"]')
    page.go('/operators/passphrase')
    assert measured(page) == {}
    assert page.page.eval_on_selector(
        '.keyboard', 'node => node.getBoundingClientRect().bottom < document.querySelector(".notice").offsetTop')
    for _ in range(2):
        for letter in 'quiet grey 12':
            if letter == '1':
                page.page.click('[data-to=digits]')
            page.page.click('[data-key="%s"]' % letter)
        page.page.click('[data-to=digits]')
        page.page.click('.keyboard .enter')
    press(page, PIN)
    page.page.wait_for_selector('.people')
    assert operators.has_passphrase
    start.home.station.keys._secret = None
    operators.start('quiet grey 12')
