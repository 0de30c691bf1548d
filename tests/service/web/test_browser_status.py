"""The status page in a real browser: it fits, stays current by itself, and says when nobody answers."""
import pytest

from tests.fakes.vitals import Fixed, reading

from .test_browser_access import SCREENS, SMALL_SCREENS, measured

pytestmark = pytest.mark.browser

SIGNS = ['cooling device %s-balanced is at step 3' % part for part in ('cpu', 'gpu')]


@pytest.fixture
def vitals():
    return Fixed(reading())


@pytest.fixture
def port(serve, stub, camera, vitals):
    return serve(stub, camera, vitals=vitals)


def running(page):
    page.wait("() => !document.getElementById('now').innerText.includes('camera-starting')")
    return page


def test_everything_fits_without_scrolling(port, visit):
    page = visit(port).go('/')
    page.wait("() => document.querySelectorAll('#tiles dd').length === 3")
    for part in ('', '/timing', '/board'):
        page.go('/status' + part)
        for size in SCREENS:
            page.resize(size)
            assert measured(page) == {} and page.complaints == [], (part, size)


@pytest.mark.parametrize('plugged', [True, False])
def test_several_troubles_fit_too(port, visit, vitals, camera, plugged):
    if not plugged:
        camera.unplugged.set()
    vitals.newest = reading(hottest_c=95.0, throttle_signs=SIGNS, supply_signs=['the 5 V input is at 4.61 V'],
                            memory={'available_bytes': 90 << 20, 'total_bytes': 4 << 30})
    page = running(visit(port).go('/status'))
    page.wait("() => document.querySelectorAll('.wanting').length >= %d" % (4 if plugged else 5))
    for size in SCREENS:
        page.resize(size)
        assert measured(page) == {}, size
    assert page.text('.part:last-child').startswith('Well')


def test_smaller_panels_scroll_inside_alone(port, visit):
    page = visit(port).go('/status')
    for size in SMALL_SCREENS:
        page.resize(size)
        found = measured(page)
        found.pop('inner', None)
        assert found == {}, size


def test_it_stays_current_and_says_when_nobody_answers(port, serve, visit, vitals):
    page = visit(port).go('/status')
    assert 'The device is cool enough' in page.text('#now')
    vitals.newest = reading(hottest_c=95.0)
    page.wait("() => document.getElementById('now').innerText.includes('The device is hot, 95 °C inside.')")
    assert not page.page.is_visible('#silent')
    serve.server.stop()
    page.page.wait_for_selector('#silent', state='visible')
    assert 'What is shown here is old.' in page.text('#silent')
