"""Names in the letters of the world: shown, or replaced by the patient's number, never as boxes."""
import pytest

from .entering import entering

pytestmark = pytest.mark.browser

#: Shown by the fonts of the station itself, and those that a font of the system may have; the last no font has.
OWN = ['Ελένη Παπαδάκη', 'Щербакова Ёлка', 'Nguyễn Thị', 'Łódź', 'Αἴας']
OTHERS = ['张薇', '㐂', '\U00020BB7田', 'Anna \U0010FFFD']


@pytest.fixture(scope='module')
def port():
    """Of a light server with the scripts and fonts of the station."""
    with entering() as port:
        yield port


def test_no_name_is_shown_as_boxes(port, visit):
    page = visit(port).go('/number').page
    shown = page.evaluate('''async (names) => {
        const { canShow } = await import('/static/js/names.js');
        await Promise.all([...document.fonts].map((font) => font.load()));
        const family = getComputedStyle(document.body).fontFamily;
        return names.map((name) => canShow(name, family));
    }''', OWN + OTHERS)
    assert shown[:len(OWN)] == [True] * len(OWN) and shown[-1] is False


def test_a_name_without_letters_is_its_number(port, visit):
    """The server's text is as it was; what the screen cannot show is the screen's to say."""
    page = visit(port).page
    html = ('<b data-number="P-7">Anna</b><i data-number="P-8">\U0010FFFD</i>'
            '<script type="module" src="/static/js/names.js"></script>')
    page.route('**/about', lambda route: route.fulfill(content_type='text/html; charset=utf-8', body=html))
    page.goto('http://127.0.0.1:%d/about' % port)
    page.wait_for_function("document.querySelector('i').textContent.startsWith('P-8 ')")
    assert page.inner_text('b') == 'Anna' and 'cannot show the name' in page.inner_text('i')
