"""Fingers in a real browser: a press acts once, however long it is."""
import pytest

from service.web.kiosk import AGENT

from .entering import entering

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def port():
    """Of pages that ask for one thing each."""
    with entering() as port:
        yield port


@pytest.fixture
def touched(port, visit):
    """A page of the kiosk that counts what is pressed, and a finger."""
    page = visit(port, user_agent=AGENT, has_touch=True).go('/text').page
    page.evaluate('''() => {
        window.pressed = [];
        document.addEventListener('click', (event) => window.pressed.push([event.target.id, event.defaultPrevented]));
        document.body.insertAdjacentHTML('beforeend', `<button id="one" type="button">One</button>`);
    }''')
    session = page.context.new_cdp_session(page)

    def finger(kind, selector=None):
        box = selector and page.query_selector(selector).bounding_box()
        points = [{'x': box['x'] + box['width'] / 2, 'y': box['y'] + box['height'] / 2}] if box else []
        session.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': points})

    return page, finger


def test_a_press_acts_once_however_long(touched):
    page, finger = touched
    finger('touchStart', '#one')
    finger('touchEnd')
    page.wait_for_function('window.pressed.length')
    finger('touchStart', '#one')
    page.wait_for_timeout(80)
    # The browser takes a press of 0.7 s for no click: what is left then is the finger that leaves the button.
    page.evaluate("""document.getElementById('one').dispatchEvent(new PointerEvent('pointerup', {
        bubbles: true, pointerType: 'touch', isPrimary: true }))""")
    finger('touchEnd')
    page.wait_for_timeout(80)
    assert page.evaluate('window.pressed') == [['one', False]] * 2
