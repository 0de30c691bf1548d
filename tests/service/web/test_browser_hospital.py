"""What leaves for the hospital, and an exam that goes to another patient, in a real browser with fingers alone."""
import threading
import time

import pytest

from service.exams.exam import SIGNED, Patient
from service.settings import Settings
from service.web.app import create_app
from service.web.server import Server
from tests.service.hospital.test_outbox import MISMATCH

from ...fakes.ports import free_port
from .browser import PATIENCE_MS, Visit
from .stations import PINS
from .test_browser_login import press
from .test_hospital import archive  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser

#: What is read and touched lies within the screen.
WITHIN = '''() => Array.from(document.querySelectorAll('main, .bottom, .pad, .keyboard, h1, button, .button'))
    .filter((node) => node.offsetParent).map((node) => node.getBoundingClientRect())
    .every((box) => box.left >= 0 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1)'''


@pytest.fixture
def page(browser, stub, live, home, archive):  # noqa: F811
    """A supervisor at a station whose archive has refused an exam."""
    home.sessions._clock = time.monotonic
    settings = Settings(port=free_port())
    server = Server(create_app(stub, live, settings, exams=home.exams, sessions=home.sessions, outbox=archive.outbox),
                    settings.host, settings.port, on_stop=live.dismiss)
    thread = threading.Thread(target=server.run)
    thread.start()
    seen = Visit(browser, settings.port, size=(1024, 600)).go('/login?who=' + home.people['supervisor'].id)
    press(seen, PINS['supervisor'])
    seen.page.wait_for_selector('.nav')
    seen.exam = archive.station.exam(SIGNED, Patient('P-1', 'Ida Ros', '1970-12-31'))
    archive.outbox.changed(seen.exam.id)
    archive.answers = [MISMATCH]
    archive.outbox.turn()
    yield seen
    seen.page.close()
    server.stop()
    thread.join()
    assert seen.foreign() == []


def test_what_the_archive_refused_is_seen_and_an_exam_goes_to_another_patient(page, archive, home):  # noqa: F811
    page.go('/hospital')
    assert 'The archive has refused one object.' in page.text('.summary') and 'Exam 1' in page.text('.leaving')
    for size in ((600, 1024), (1024, 600)):
        page.resize(size)
        assert page.page.evaluate(WITHIN) and page.violations() == []
    page.page.click('text=Try again now')
    page.page.wait_for_selector('.summary')
    archive.outbox.turn()
    page.go('/hospital')
    assert 'All that was signed has arrived.' in page.text('.summary') and page.violations() == []

    page.go('/exams/%s/move' % page.exam.id)
    for field, letters in (('patient_id', '7'), ('patient_name', 'Zo')):
        page.page.wait_for_selector('#%s' % field)
        page.page.wait_for_selector('.keyboard:not([disabled])')
        assert page.page.evaluate(WITHIN) and page.violations() == []
        for letter in letters:
            if not page.page.is_visible('[data-key="%s"]' % letter):
                page.page.click('[data-to=digits]')
            page.page.click('[data-key="%s"]' % letter)
        page.page.click('.enter')
    page.page.wait_for_selector('.steps')
    for part in ('day', 'month', 'year'):
        page.page.click('[data-step="1"][data-part=%s]' % part)
    assert page.page.evaluate(WITHIN) and page.violations() == []
    page.page.click('.enter')
    page.page.click('text=The number was typed wrong.')
    page.page.click('.enter')
    page.page.wait_for_selector('#act-pin')
    assert 'Zo' not in page.page.content() and page.violations() == []
    press(page, PINS['supervisor'])
    page.page.wait_for_url('**/exams/*?part=events', timeout=PATIENCE_MS)
    moved = home.exams.get(page.page.url.split('/')[-1].partition('?')[0])
    patient = home.exams.patient(moved)
    assert (patient.id, patient.name) == ('7', 'Zo') and moved.id != page.exam.id
