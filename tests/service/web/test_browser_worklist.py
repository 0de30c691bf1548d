"""The worklist in a real browser: rows for gloves, a wristband that picks one, and a list that is asked for anew."""
import threading

import pytest

from service.hospital.site import Peer, Site
from service.hospital.worklist import Worklist
from service.settings import Settings
from service.web.app import create_app
from service.web.kiosk import AGENT
from service.web.server import Server

from ...fakes.ports import free_port
from .browser import Visit
from .test_browser_keys import _PRESS, keys
from .test_worklist import NOON_S, ROW

pytestmark = pytest.mark.browser


@pytest.fixture
def answers():
    return [{'status': 0, 'rows': [dict(ROW, id='P-100%d' % number, scheduled='2026-11-30 %02d:00' % number)
                                   for number in range(8, 15)]}]


@pytest.fixture
def page(browser, stub, live, exams, answers):
    site = Site(worklist=Peer('127.0.0.1', 1, 'RIS', 'THERMO'))
    worklist = Worklist(site, exams, lambda *unused: answers[-1], lambda: NOON_S)
    worklist.ask()
    worklist.start()
    settings = Settings(port=free_port())
    server = Server(create_app(stub, live, settings, exams=exams, worklist=worklist), settings.host, settings.port,
                    on_stop=live.dismiss)
    thread = threading.Thread(target=server.run)
    thread.start()
    seen = Visit(browser, settings.port, user_agent=AGENT)
    yield seen
    seen.page.close()
    server.stop()
    thread.join()
    worklist.close()
    assert seen.complaints == [] and seen.foreign() == []


def test_rows_are_for_gloves_and_a_wristband_picks_one(page, answers):
    page.go('/worklist')
    for size in ((1024, 600), (600, 1024)):
        page.resize(size)
        boxes = [row.bounding_box() for row in page.page.query_selector_all('.scheduled button')]
        assert len(boxes) == 6 and min(box['height'] for box in boxes) >= 99
        below = page.page.query_selector('.onward').bounding_box()['y']
        assert max(box['y'] + box['height'] for box in boxes) < below, 'nothing scrolls'
    assert page.violations() == []
    page.page.click('text=More')
    page.page.wait_for_selector('text=14:00')
    answers.append({'status': 0, 'rows': [dict(ROW, patient='Иванова Анна', id='P-2000')]})
    page.page.click('text=Ask again')
    page.page.wait_for_selector('text=Иванова Анна')
    # For 300 ms after its scripts began, what a page hears is the end of a code that another one took.
    page.wait("""() => {
        const begun = performance.getEntriesByType('navigation')[0].domContentLoadedEventStart;
        return begun && performance.now() > begun + 301;
    }""")
    page.page.evaluate(_PRESS, list(keys('P-2000\r')))
    page.page.wait_for_url('**/exams/new', timeout=10000)
    assert page.text('h1') == 'Иванова Анна' and 'Latex' in page.text('.who')
