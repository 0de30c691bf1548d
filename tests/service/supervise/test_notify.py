"""What goes over the socket, and that nothing goes wrong where there is none."""
import logging
import os
import socket
import uuid

import pytest

from service.supervise import Notifier, watchdog_interval_s


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
