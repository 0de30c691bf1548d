"""A thread that begins again after whatever it raises."""
import threading

import pytest

from service.supervise import LastingThread

#: Far beyond what anything here takes.
PATIENCE_S = 20.0


@pytest.mark.parametrize('error', [ZeroDivisionError, MemoryError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_it_begins_again_and_says_why(error, caplog):
    calls = []

    def body():
        calls.append(threading.current_thread().name)
        if len(calls) < 3:
            raise error

    thread = LastingThread('part', body, threading.Event(), pause_s=0.001)
    thread.start()
    thread.join(PATIENCE_S)
    assert calls == ['part'] * 3 and thread.daemon
    assert caplog.text.count('The thread part failed') == 2 and caplog.text.count(error.__name__) >= 2


def test_it_ends_in_a_pause_when_it_is_told():
    ended, failed = threading.Event(), threading.Event()

    def body():
        failed.set()
        raise ZeroDivisionError

    thread = LastingThread('part', body, ended, pause_s=1e6)
    thread.start()
    assert failed.wait(PATIENCE_S)
    ended.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
