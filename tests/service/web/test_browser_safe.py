"""Safe mode in a real browser: it fits, its button is found, and the page comes and goes with it."""
import errno
import threading

import pytest

from service.durable import storage_error
from service.supervise import give_up_reason, starts
from service.web.safe import create_safe_app
from service.web.server import Server

from ...fakes.ports import free_port
from .conftest import PATIENCE_S
from .test_browser_access import SCREENS, measured

pytestmark = pytest.mark.browser


@pytest.fixture
def serve_safe(request):
    """Serve the page of safe mode on a port until `stop`, or until its button is pressed."""
    def start(port, reason=starts.UNFINISHED):
        servers = []
        server = Server(create_safe_app(reason, port, lambda: servers[0].stop()), '127.0.0.1', port)
        servers.append(server)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        start.stop = lambda: (server.stop(), thread.join(PATIENCE_S))
        start.thread = thread
        request.addfinalizer(start.stop)
    return start


#: The longest sentence of a start that was refused: it names a path.
LONG = give_up_reason(storage_error(OSError(errno.EROFS, ''), '/var/lib/thermoscreen/starts.json'))


@pytest.mark.parametrize('reason', [starts.UNFINISHED, LONG], ids=lambda reason: reason.code)
def test_it_fits_and_can_be_touched(serve_safe, visit, reason):
    port = free_port()
    serve_safe(port, reason)
    page = visit(port).go('/')
    for size in SCREENS:
        page.resize(size)
        assert measured(page) == {}, size
    for selector in ('main', 'h1', 'footer', 'form button'):
        assert len(page.page.query_selector_all(selector)) == 1, selector
    page.page.keyboard.press('Tab')
    page.page.keyboard.press('Tab')
    assert page.page.evaluate('document.activeElement.innerText') == 'Try again'
    assert page.complaints == []


def test_the_live_page_turns_into_it_and_back(serve, serve_safe, visit, stub, camera):
    port = serve(stub, camera)
    page = visit(port).go('/')
    page.wait("() => !document.getElementById('picture').hidden")
    serve.server.stop()
    serve.thread.join(PATIENCE_S)
    serve_safe(port)
    page.wait("() => document.querySelector('h1')?.innerText === 'Safe mode'")
    page.page.click('form button')
    page.page.wait_for_selector('#starting', state='visible')
    assert not page.page.is_visible('#reason') and not page.page.is_visible('form button')
    serve_safe.thread.join(PATIENCE_S)
    serve(stub, camera, port=port)
    page.wait("() => document.getElementById('picture') && !document.getElementById('picture').hidden")
