"""The browser of the kiosk: what its pages are told, its beats, and what is started anew."""
import html
import json
import re

import pytest

from service.settings import Settings
from service.web.app import create_app
from service.web.kiosk import AGENT, Screen

from .conftest import LocalClient

KIOSK = {'User-Agent': 'Mozilla/5.0 (X11; Linux) %s' % AGENT}


class Times:
    """Seconds that a test sets: of a clock that stops while the machine sleeps, and of one that does not."""

    def __init__(self):
        self.now_s, self.slept_s = 100.0, 0.0
        self.screen = Screen(lambda: self.now_s, lambda: self.now_s + self.slept_s)

    def after(self, seconds, beats=True, visible=True, frames=10):
        """Let time pass, with a beat every two seconds or none: the verdict."""
        for _ in range(int(seconds / 2)):
            self.now_s += 2
            if beats:
                self.screen.beat(visible, frames)
        return self.screen.verdict()


@pytest.fixture
def times():
    return Times()


def test_a_screen_that_sends_lives(times):
    assert times.screen.verdict() == 'none'
    assert times.after(3600) == 'well'


@pytest.mark.parametrize('beats, visible, frames, seconds', [
    (False, True, 10, 14), (True, False, 10, 10), (True, True, 0, 10)])
def test_silent_covered_and_standing_are_told(times, beats, visible, frames, seconds):
    times.after(40)
    assert times.after(seconds, beats, visible, frames) == 'well'
    assert times.after(2, beats, visible, frames) == 'browser'
    assert times.screen.verdict(is_busy=True) == 'well', 'an exam is being kept'
    assert times.after(2) == 'well'


def test_nothing_is_concluded_from_a_young_service_and_after_sleep(times):
    times.after(4)
    assert times.after(20, beats=False) == 'well'
    assert times.after(20, beats=False) == 'browser'
    times.after(600)
    times.slept_s += 3000
    assert times.screen.verdict() == 'well'
    assert times.after(28, beats=False) == 'well'
    assert times.after(4, beats=False) == 'browser'


def test_the_browser_three_times_then_the_display_then_nobody(times):
    told = []
    times.after(40)
    for _ in range(5):
        told.append(times.after(20, beats=False))
        assert times.screen.verdict() == told[-1], 'to be asked twice is no second time'
        if len(told) < 5:
            assert times.screen.message() is None
            times.after(20)
    assert told == ['browser'] * 3 + ['display', 'left']
    assert times.screen.message().code == 'screen-stands'
    times.after(700)
    assert times.screen.message() is None and times.after(20, beats=False) == 'browser'


def beat(client, headers=KIOSK, **given):
    said = dict({'visible': 1, 'frames': 9, 'picture': 3, 'name': 'live'}, **given)
    return client.get('/screen/beat', query_string=said, headers=headers)


def test_only_the_kiosk_sends_beats(client, app):
    assert client.get('/screen').data == b'none\n'
    assert beat(client, {}).status_code == 400
    for spoilt in ({'frames': '-1'}, {'visible': ''}, {'picture': '1e9'}, {'name': '<b>'}, {'name': 'x' * 21}):
        answer = beat(client, **spoilt)
        assert (answer.status_code, answer.get_json()['code']) == (400, 'beat-refused')
    assert client.get('/screen').data == b'none\n'
    assert beat(client).status_code == 204
    assert client.get('/screen').data == b'well\n'
    assert app.extensions['screen'].shown == {'picture': 3, 'name': 'live', 'frames': 9, 'visible': True}


def told(app, headers):
    """The attributes of the top of a page, and its scripts."""
    page = app.test_client().get('/', headers=headers).get_data(as_text=True)
    return re.search('<html([^>]*)>', page).group(1), set(re.findall(r'js/(keys|heartbeat)\.js', page))


def test_keys_are_taken_in_the_kiosk_alone(app, stub, live, files_root):
    app.test_client_class = LocalClient
    assert told(app, {}) == (' lang="en"', set())
    top, scripts = told(app, KIOSK)
    assert ' data-kiosk data-keys ' in top and scripts == {'keys', 'heartbeat'}
    pattern, = json.loads(html.unescape(re.search('data-wristbands="([^"]*)"', top).group(1)))
    assert pattern.startswith('(?<id>')
    other = create_app(stub, live, Settings(files_root=str(files_root), keyboard='operator'))
    other.test_client_class = LocalClient
    top, scripts = told(other, KIOSK)
    assert top == ' lang="en" data-kiosk' and scripts == {'heartbeat'}
