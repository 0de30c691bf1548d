"""What goes over the socket; the ping stops for a part that is stuck, after the reason was reported."""
import logging
import os
import socket
import threading
import uuid

import pytest

from service.supervise import CAPTURE, Extension, Heartbeats, Notifier, Watchdog, threads, watchdog_interval_s


@pytest.fixture(params=['path', 'abstract'])
def listening(request, tmp_path):
    """A supervisor's socket and its address as ``$NOTIFY_SOCKET`` names it."""
    name = str(tmp_path / 'notify') if request.param == 'path' else '@thermoscreen-%s' % uuid.uuid4().hex
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(name if request.param == 'path' else '\0' + name[1:])
        channel.settimeout(20)
        yield channel, name


def test_every_message_is_as_systemd_reads_it(listening):
    channel, address = listening
    notifier = Notifier.from_environment({'NOTIFY_SOCKET': address})
    assert notifier.supervised
    notifier.ready('Live\nREADY=0')
    notifier.status('Live READY=0 ')
    notifier.alive()
    notifier.extend(60.0)
    notifier.status('The camera is gone; plug it in.')
    notifier.status('The camera is gone; plug it in.')
    notifier.stopping()
    assert [channel.recv(4096).decode() for _ in range(6)] == [
        'READY=1\nSTATUS=Live READY=0', 'STATUS=Live READY=0', 'WATCHDOG=1', 'EXTEND_TIMEOUT_USEC=60000000',
        'STATUS=The camera is gone; plug it in.', 'STOPPING=1']


@pytest.mark.parametrize('environ', [{}, {'NOTIFY_SOCKET': ''}, {'NOTIFY_SOCKET': 'vsock:2:9999'}])
def test_without_a_socket_it_says_nothing(environ):
    notifier = Notifier.from_environment(environ)
    assert not notifier.supervised
    assert not notifier.ready('Live.') and not notifier.alive() and not notifier.stopping()


def test_a_supervisor_that_left_is_told_of_once(tmp_path, caplog):
    notifier = Notifier(str(tmp_path / 'nobody'))
    with caplog.at_level(logging.WARNING):
        assert not notifier.alive() and not notifier.alive()
    assert len(caplog.records) == 1


@pytest.mark.parametrize('environ, interval_s', [
    ({'WATCHDOG_USEC': '20000000'}, 20.0),
    ({'WATCHDOG_USEC': '500000', 'WATCHDOG_PID': str(os.getpid())}, 0.5),
    ({'WATCHDOG_USEC': '500000', 'WATCHDOG_PID': '1'}, None),
    ({'WATCHDOG_USEC': '0'}, None),
    ({'WATCHDOG_USEC': '-5'}, None),
    ({'WATCHDOG_USEC': 'soon'}, None),
    ({}, None),
])
def test_interval_of_the_watchdog(environ, interval_s):
    assert watchdog_interval_s(environ) == interval_s


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
    assert notifier.sent == [('ping',), ('status', 'Live.'),
                             ('status', 'Stuck: capture for 12 s. The watchdog gets no ping.'),
                             ('ping',), ('status', 'Live.')]


def test_the_thread_pings_until_it_is_stopped(notifier):
    heartbeats = Heartbeats()
    watchdog = Watchdog(notifier, heartbeats, 0.02, lambda: 'Live.')
    watchdog.start()
    notifier.until(('ping',), 3)
    assert heartbeats.watched
    watchdog.stop()


def test_a_state_that_cannot_be_described_costs_no_ping(notifier, monkeypatch, caplog):
    monkeypatch.setattr(threads, 'PAUSE_S', 0.01)
    watchdog = Watchdog(notifier, Heartbeats(), 0.02, lambda: 1 // 0)
    watchdog.start()
    notifier.until(('ping',), 3)
    watchdog.stop()
    assert 'ZeroDivisionError' in caplog.text


def test_a_status_that_is_no_text_for_systemd_is_sent_all_the_same(listening):
    channel, address = listening
    Notifier.from_environment({'NOTIFY_SOCKET': address}).status('recording \udcff is over')
    assert channel.recv(4096).decode() == 'STATUS=recording \\udcff is over'


def test_loading_asks_for_time_again_and_again_but_not_for_ever(notifier):
    with Extension(notifier, 'The model is loading.', step_s=0.02, longest_s=0.05):
        notifier.until(('extend', 0.02), 6)
        for thread in threading.enumerate():
            if thread.name == 'starting':
                thread.join(20)  # it ends by itself
    assert notifier.sent[0] == ('status', 'The model is loading.')
    assert notifier.sent.count(('extend', 0.02)) == 6
