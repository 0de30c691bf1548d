"""Entry without a keyboard in a real browser: pads, steps, reasons and letters, by finger and by key."""
import json

import pytest

from service.entry import KEYBOARDS

from .browser import Visit
from .entering import ASKED, entering
from .test_browser_access import measured

pytestmark = pytest.mark.browser


@pytest.fixture(scope='module')
def port():
    """Of pages that ask for one thing each."""
    with entering() as port:
        yield port


@pytest.fixture(scope='module')
def screen(port, browser):
    """One page for all tests: how each screen looks is measured as it is opened."""
    seen = Visit(browser, port)
    yield seen
    seen.page.close()
    assert seen.complaints == [] and seen.foreign() == []


@pytest.fixture
def ask(screen):
    """Open one of `ASKED`: a function that touches keys by what they are, and what the form held once it was sent."""
    def open_page(kind):
        screen.go('/' + kind)
        assert measured(screen) == {}, kind
        return screen.page
    return open_page


def touch(page, *keys):
    for key in keys:
        page.click('button:visible[data-%s]' % key)


def letters(page, text):
    for letter in text:
        page.click('button:visible[data-key="%s"]' % letter)


def sent(page):
    page.click('button:visible[type=submit]')
    page.wait_for_selector('pre, body:not(:has(form))')
    return json.loads(page.inner_text('body'))


def test_no_key_is_touched_in_vain_before_its_script_works(port, browser):
    page = Visit(browser, port)
    page.page.route('**/entry.js', lambda route: route.abort())
    for kind in ASKED:
        page.go('/' + kind)
        keys = page.page.query_selector_all('[data-entry] button:not(.dots, [data-reveal])')
        assert keys and not any(key.is_visible() and key.is_enabled() for key in keys), kind
    page.page.close()


def test_a_number_has_its_range_and_replaces_the_one_before(ask):
    page = ask('number')
    letters(page, '7.25')
    page.click('.enter')
    assert 'from 15 to 35' in page.inner_text('.told-entry')
    touch(page, 'delete', 'delete', 'delete', 'delete')
    letters(page, '21..456')
    assert page.input_value('#room_c') == '21.45'
    assert sent(page) == {'room_c': '21.45'}


def test_a_date_is_set_in_all_its_parts(ask):
    page = ask('date')
    touch(page, 'part=day][data-step="10"')
    page.click('.enter')
    assert page.inner_text('.told-entry') == 'Set day, month and year.'
    touch(page, 'part=day][data-step="10"', 'part=day][data-step="10"', *['part=day][data-step="-1"'] * 4)
    touch(page, 'part=month][data-step="1"', *['part=month][data-step="-1"'] * 4)
    touch(page, 'part=year][data-step="1"', 'part=year][data-step="10"', 'part=year][data-step="1"')
    shown = [page.inner_text('[data-shown=%s]' % part) for part in ('day', 'month', 'year')]
    assert shown == ['28', 'February', '1971']
    touch(page, 'part=day][data-step="1"')
    assert page.inner_text('[data-shown=day]') == '1', 'February has 28 days in 1971'
    assert sent(page) == {'birth_date': '1971-02-01'}


def test_a_reason_is_one_of_the_list_or_ones_own(ask):
    page = ask('reasons')
    page.click('.enter')
    assert page.inner_text('.told-entry') == 'Choose one.'
    page.click('text=The patient feels cold.')
    page.click('text=The room is needed.')
    assert sent(page) == {'reason': 'The room is needed.'}
    page = ask('reasons')
    touch(page, 'other')
    letters(page, 'late')
    assert sent(page) == {'reason': 'late'}


@pytest.mark.parametrize('language, text', [
    ('en', "O'hara 7"), ('de', 'Äß ü'), ('es', 'Ñandú'), ('el', 'Ελένη ς'), ('ru', 'Щербё'), ('en', 'Łódź-Ce')])
def test_names_in_every_language(ask, language, text):
    page = ask('text')
    while not page.is_visible('.level[lang=%s]' % language):
        page.click('button:visible[data-language]')
    for letter in text:
        key = 'button:visible[data-key="%s"]' % letter
        for way in ('shift', 'to=accents', 'shift', 'to=digits'):
            if page.is_visible(key):
                break
            touch(page, way)
        page.click(key)
        if page.get_attribute('[data-to=digits]', 'aria-pressed') == 'true':
            touch(page, 'to=digits')
    assert typed(page) == text


def typed(page):
    return page.input_value('#name')


def test_the_caret_stays_and_a_character_is_one(ask):
    page = ask('text')
    letters(page, 'Ac')
    page.evaluate("document.getElementById('name').setSelectionRange(1, 1)")
    letters(page, 'b')
    assert page.evaluate('[document.activeElement.id, document.activeElement.selectionStart]') == ['name', 2]
    page.evaluate("document.getElementById('name').setRangeText('\U00020BB7', 0, 3, 'end')")
    touch(page, 'delete')
    assert typed(page) == ''
    letters(page, 'Abcdefghijklmn')
    assert typed(page) == 'Abcdefghijkl', 'a field holds no more than it says'
    page.evaluate("document.getElementById('name').setSelectionRange(2, 12)")
    letters(page, 'x')
    assert typed(page) == 'Abx'
    # A screen reader presses without touching; a mouse's click is not a second press.
    page.evaluate("document.querySelector('.level:not([hidden]) [data-key=y]').click()")
    assert typed(page) == 'Abxy'


def test_a_pin_is_in_no_field_and_nowhere_on_the_page(ask):
    page = ask('pin')
    letters(page, '2749')
    page.keyboard.type('11x')
    assert page.inner_text('#pin') == '\u2022' * 6 and page.inner_text('#pin-told') == '6 digits'
    assert page.evaluate("[document.querySelectorAll('input, textarea').length, "
                         "document.documentElement.outerHTML.includes('274911')]") == [0, False]
    page.click('.enter')
    letters(page, '903')
    page.keyboard.press('Backspace')
    letters(page, '3')
    with page.expect_navigation():
        page.keyboard.press('Enter')
    assert json.loads(page.inner_text('body')) == {'pin': '274911', 'again': '903'}
    page.go_back()
    assert page.inner_text('#pin') == ''


@pytest.mark.parametrize('size', [(1024, 600), (600, 1024)])
def test_keys_are_for_gloves(ask, screen, size):
    """Twelve keys a row is what 33 letters need: 12 mm on a 7-inch panel of 154 mm."""
    page = ask('text')
    screen.resize(size)
    found = {}
    for language in KEYBOARDS:
        while not page.is_visible('.level[lang=%s]' % language):
            page.click('button:visible[data-language]')
        found[language] = page.evaluate("""() => {
            const keys = [...document.querySelectorAll('.level:not([hidden]) [data-key]')]
                .map((key) => key.getBoundingClientRect());
            return [Math.min(...keys.map((key) => key.width)), Math.min(...keys.map((key) => key.height))];
        }""")
        assert measured(screen) == {}, language
    least = {'en': 92, 'de': 83, 'es': 92, 'el': 92, 'ru': 75} if size[0] > size[1] else dict.fromkeys(KEYBOARDS, 75)
    assert all(found[language][0] >= least[language] for language in least), found
    assert all(high >= (88 if size[0] > size[1] else 75) for _, high in found.values()), found
