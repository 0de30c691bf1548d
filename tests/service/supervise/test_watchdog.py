"""The ping stops for a part that hangs, and the reason is said before."""
import threading

import pytest

from service.supervise import CAPTURE, Extension, Heartbeats, Watchdog


class Listening:
    """A notifier that keeps what it was given."""

    def __init__(self):
        self.sent = []
        self.changed = threading.Condition()

    def _keep(self, *message):
        with self.changed:
            self.sent.append(message)
            self.changed.notify_all()

    def status(self, text):
        self._keep('status', text)

    def alive(self):
        self._keep('ping')

    def extend(self, seconds):
        self._keep('extend', seconds)

    def until(self, message, times):
        with self.changed:
            assert self.changed.wait_for(lambda: self.sent.count(message) >= times, 20)


@pytest.fixture
def notifier():
    return Listening()


def test_it_pings_says_why_not_and_pings_again(notifier, clock):
    heartbeats = Heartbeats({CAPTURE: 10.0}, clock)
    watchdog = Watchdog(notifier, heartbeats, 20.0, lambda: 'Live.')
    heartbeats.beat(CAPTURE)
    assert watchdog.turn()
    clock.now_s += 12.0
    assert not watchdog.turn()
    heartbeats.beat(CAPTURE)
    assert watchdog.turn()
    assert notifier.sent == [('status', 'Live.'), ('ping',),
                             ('status', 'Hangs: capture for 12 s. The watchdog gets no ping.'),
                             ('status', 'Live.'), ('ping',)]


def test_the_thread_pings_until_it_is_stopped(notifier):
    heartbeats = Heartbeats()
    watchdog = Watchdog(notifier, heartbeats, 0.02, lambda: 'Live.')
    watchdog.start()
    notifier.until(('ping',), 3)
    assert heartbeats.watched
    watchdog.stop()


def test_loading_asks_for_time_again_and_again_but_not_for_ever(notifier):
    with Extension(notifier, 'The model is loading.', step_s=0.02, longest_s=0.05):
        notifier.until(('extend', 0.02), 6)
        for thread in threading.enumerate():
            if thread.name == 'starting':
                thread.join(20)  # it ends by itself
    assert notifier.sent[0] == ('status', 'The model is loading.')
    assert notifier.sent.count(('extend', 0.02)) == 6
