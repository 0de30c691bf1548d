"""The keys of a kiosk in a real browser: none acts by itself, and what a scanner sends is read by one screen alone."""
import json

import pytest

from service.barcode import CARD
from service.web.kiosk import AGENT

from .browser import Visit
from .entering import entering

pytestmark = pytest.mark.browser

#: Characters of a keyboard of the United States: the key, and whether Shift is held.
_SIGNS = {'-': ('Minus', False), '/': ('Slash', False), ' ': ('Space', False), '*': ('Digit8', True),
          ']': ('BracketRight', False), '^': ('Digit6', True)}
_CONTROL = {'\x02': 'KeyB', '\x03': 'KeyC', '\x1d': 'BracketRight', '\n': 'KeyJ', '\t': None, '\r': None}

#: The example of GS1 for a number of eighteen digits with its check digit, and the same with a wrong one.
GSRN, SPOILT = '006141411234567890', '006141411234567897'


def keys(text):
    """The key events of a code as a scanner sends it."""
    for character in text:
        if character in '\r\t':
            yield {'code': {'\r': 'Enter', '\t': 'Tab'}[character]}
        elif character in _CONTROL:
            yield {'code': _CONTROL[character], 'ctrlKey': True}
        elif character.isdigit():
            yield {'code': 'Digit' + character}
        elif character.isalpha():
            yield {'code': 'Key' + character.upper(), 'shiftKey': character.isupper()}
        else:
            code, shift = _SIGNS[character]
            yield {'code': code, 'shiftKey': shift}


#: Presses keys at once, as the fastest scanner would; gives how many of them somebody would still have acted on.
_PRESS = '''(keys) => keys.filter((key) => document.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', { bubbles: true, cancelable: true, key: 'x', ...key }))).length'''


@pytest.fixture(scope='module')
def port():
    """Of pages that ask for one thing each."""
    with entering() as port:
        yield port


@pytest.fixture(scope='module')
def screen(port, browser):
    """A page of the kiosk, which hears scans."""
    seen = Visit(browser, port, user_agent=AGENT).go('/text')
    yield seen
    seen.page.close()
    assert seen.complaints == [] and seen.foreign() == []


@pytest.mark.parametrize('raw, more, words', [
    (']C0' + CARD, {}, []), (']Q1' + CARD, {'end': 'NumpadEnter'}, []),
    (CARD, {}, ['AIM identifier']), (']C0' + CARD, {'end': '', 'gapMs': 45}, ['Enter after', 'slow']),
    (']C0' + CARD.swapcase(), {}, ['Caps Lock']), (']C0' + CARD.replace('Z', 'Y'), {}, ['United States']),
    (']C0' + CARD[4:], {}, ['not the test code']), (']C0' + CARD, {'alt': True}, ['ALT'])])
def test_the_card_tells_what_is_to_be_set_otherwise(screen, raw, more, words):
    sent = dict({'raw': raw, 'alt': False, 'end': 'Enter', 'gapMs': 5}, **more)
    wrong = screen.page.evaluate("async ([card, sent]) => (await import('/static/js/scanner.js')).wrongOf(card, sent)",
                                 [CARD, sent])
    assert len(wrong) == len(words) and all(word in sentence for word, sentence in zip(words, wrong)), wrong


@pytest.fixture
def scan(screen):
    """Send a code to a page that asks for one, or not: what it got, and what it was told."""
    def send(*codes, asks=True, patient=''):
        page = screen.page
        page.reload()
        page.evaluate('''async ([asks, patient]) => {
            const { onScan } = await import('/static/js/keys.js');
            window.got = [];
            if (asks) onScan((code) => window.got.push(code && code.id));
            if (patient) document.body.dataset.patientId = patient;
            await new Promise((ready) => setTimeout(ready, 320));
        }''', [asks, patient])
        for code in codes:
            assert page.evaluate(_PRESS, list(keys(code))) == 0, 'every key is swallowed'
        if not codes[-1].endswith(('\r', '\t', '\n')):
            page.wait_for_timeout(80)  # the code ends by itself, after a silence
            screen.wait("() => window.got.length || document.getElementById('told-code')")
        told = page.evaluate("""() => {
            const shown = document.getElementById('blocking') || document.getElementById('told-code');
            return shown && shown.innerText;
        }""")
        return page.evaluate('window.got'), told
    return send


#: Codes, and the number that each gives; None with words of what is told.
CODES = [
    ('AB-12345', 'AB-12345', ''), ('\x028765432\x03', '8765432', ''), (']C0MRN/77', 'MRN/77', ''),
    (']A0*AB12*', 'AB12', ''), ('  AB12 ', 'AB12', ''), (']C18018' + GSRN, GSRN, ''),
    (']d28018%s\x1d80191' % GSRN, GSRN, ''), ('8018' + GSRN, GSRN, ''),
    (']C18018' + SPOILT, None, 'check digit'), ('8018' + SPOILT, None, 'check digit'),
    (']d20104012345678901\x1d10AB', None, 'not a wristband'), (']E04012345678901', None, 'not a wristband'),
    ('*AB12*', None, 'not a wristband'), ('AB^12345', None, 'not a wristband'), ('x' * 4096, None, 'too long'),
    ('AB12\x1d34', None, 'not a wristband')]


def test_what_codes_say(screen):
    """By their keys, as `keys.js` puts them together."""
    found = screen.go('/text').page.evaluate('''async (codes) => {
        const { characterOf, ends, readCode } = await import('/static/js/scanner.js');
        const patterns = JSON.parse(document.documentElement.dataset.wristbands);
        return codes.map((keys) => {
            const pressed = keys.map((key) => ({ shiftKey: false, ctrlKey: false, ...key }));
            return [pressed.filter(ends).length, readCode(pressed.map(characterOf).join(''), patterns)];
        });
    }''', [list(keys(code)) for code, _, _ in CODES])
    for (code, number, words), (ended, read) in zip(CODES, found):
        assert ended == 0 and read.get('id') == number and words in read.get('problem', ''), (code[:40], read)


@pytest.mark.parametrize('end', ['\r', '\t', '\n', ''], ids=ascii)
def test_a_code_ends_by_a_key_or_a_silence(scan, end):
    assert scan('AB-12345' + end) == (['AB-12345'], None)


def test_what_is_no_wristband_fills_nothing_in(scan):
    assert scan(']E04012345678901\r') == ([], 'This is not a wristband. Scan again.')


def test_two_codes_at_once_are_none(scan):
    got, told = scan('AAAA1111\r', 'BBBB2222\r')
    assert got == ['AAAA1111', None] and 'Two codes' in told
    assert scan('AAAA1111\r', 'AAAA1111\r')[0] == ['AAAA1111'], 'the same one twice is one'


def test_a_code_is_used_where_one_is_asked_for_and_nowhere_else(scan, screen):
    address = screen.page.url
    assert scan('AAAA1111\r', asks=False) == ([], 'Code read, not used here.')
    got, told = scan('AAAA1111\r', asks=False, patient='AAAA1111')
    assert told == "Code read: it is this patient's."
    got, told = scan('BBBB2222\r', asks=False, patient='AAAA1111')
    assert told.startswith('This is another patient.') and 'BBBB2222' in told
    assert scan('abc\r', asks=False)[1] is None, 'three characters are no code'
    assert screen.page.url == address


def test_keys_of_a_person_are_typed_and_nothing_else_happens(screen):
    """120 ms a key is slower than every scanner; keys that a browser acts on do nothing."""
    page = screen.go('/text').page
    page.evaluate('''async () => {
        window.pressed = 0;
        document.querySelector('a').addEventListener('click', () => { window.pressed += 1; });
        await new Promise((ready) => setTimeout(ready, 320));
    }''')
    page.keyboard.type('ab-7', delay=120)
    screen.wait("() => document.activeElement.value === 'ab-7'")
    page.evaluate("document.querySelector('a').focus()")
    address = page.url
    for key in ('Enter', 'Space', 'Tab', 'F1', 'F5', 'F7', 'Control+j', 'Control+f', 'Alt+ArrowLeft', 'Alt+Home'):
        page.keyboard.press(key)
    assert page.evaluate('[window.pressed, document.activeElement.tagName]') == [0, 'A']
    assert page.url == address and len(page.context.pages) == 1


def test_keys_of_a_code_whose_front_another_page_took_are_dropped(port, visit):
    """A code that is cut at its front looks whole: the first moments of a page hear nothing."""
    page = visit(port, user_agent=AGENT).page
    page.add_init_script("""document.addEventListener('DOMContentLoaded', () => {
        window.left = (%s)(%s);
    })""" % (_PRESS, json.dumps(list(keys('4321\r')))))
    page.goto('http://127.0.0.1:%d/text' % port)
    assert page.evaluate("[window.left, document.getElementById('told-code')]") == [0, None]


def test_another_computer_keeps_its_keyboard(port, visit):
    page = visit(port).go('/text').page
    page.keyboard.type('Zoe')
    assert page.input_value('#name') == 'Zoe'
    page.focus('a')
    page.keyboard.press('Enter')
    page.wait_for_selector('.pad')
