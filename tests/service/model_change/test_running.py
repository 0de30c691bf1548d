"""The change of the model while the station runs: nothing is switched during an exam, and none begins meanwhile."""
import threading

import pytest

from service.messages import ThermoscreenError
from service.model_change import Changing, Trial, running

from ...fakes import signing
from .conftest import release

_LIMIT_S = 60.0


class Running:
    """A change with open exams, in a test's hands."""

    def __init__(self, station, monkeypatch):
        self.open, self.asked, self.restarted = 0, threading.Semaphore(0), threading.Event()
        self.changing = Changing(station.site, Trial(station.target, signing.TRUST), self.count)
        self.changing.restart = self.restarted.set
        monkeypatch.setattr(running, '_POLL_S', 0.01)

    def count(self):
        self.asked.release()
        return self.open

    def until(self, phase):
        return until(self.changing, phase)


def until(changing, phase):
    """Wait until a change is somewhere: its state."""
    tick = threading.Event()
    for _ in range(int(_LIMIT_S / 0.01)):
        if changing.state.phase == phase:
            return changing.state
        tick.wait(0.01)
    raise AssertionError(changing.state)


@pytest.fixture
def act(station, quick, monkeypatch):
    made = Running(station, monkeypatch)
    yield made
    made.changing.call_off()


def test_it_waits_for_a_supervisor_and_for_the_exams(station, act):
    act.open = 2
    act.changing.begin(release(station.folder / 'b', '1.1.0'), '1a2b')
    assert act.until('checked').title.startswith('variants 1.1.0 (') and station.version == '1.0.0'
    with pytest.raises(ThermoscreenError) as caught:
        act.changing.begin(None, '3c4d')
    assert caught.value.code == 'model-busy'
    act.changing.switch()
    for _ in range(3):
        assert act.asked.acquire(timeout=_LIMIT_S)
    assert act.changing.state.phase == 'waiting' and station.version == '1.0.0' and not act.restarted.is_set()
    act.open = 0
    assert act.restarted.wait(_LIMIT_S)
    assert act.changing.state.phase == 'switched' and station.version == '1.1.0'
    assert act.changing.standing.code == 'model-switching'  # until the service is gone
    assert [line[:2] for line in station.lines] == [('model-changed', '1a2b')]


@pytest.mark.parametrize('phase', ['checked', 'waiting'])
def test_it_is_called_off(station, act, phase):
    act.open = 1
    act.changing.begin(release(station.folder / 'b', '1.1.0'), '1a2b')
    act.until('checked')
    if phase == 'waiting':
        act.changing.switch()
        act.until('waiting')
    act.changing.call_off()
    assert act.changing.state.phase == 'idle' and act.changing.standing is None and station.version == '1.0.0'
    assert station.beside == ['bundle'] and station.lines[-1][2]['code'] == 'model-cancelled'


def test_a_refusal_is_read_and_forgotten(station, act):
    act.changing.begin(release(station.folder / 'b', '0.9.0'), '1a2b')
    assert act.until('refused').messages[0].code == 'bundle-downgrade'
    act.changing.begin(str(station.folder / 'b'), '1a2b', allow_older=True)
    act.until('checked')
    act.changing.call_off()
    assert act.changing.state.phase == 'idle'


def test_a_fault_of_the_program_changes_nothing(station, act, monkeypatch):
    def fault(*args):
        raise RuntimeError('a fault')
    monkeypatch.setattr('service.model_change.change.self_test', fault)
    act.changing.begin(release(station.folder / 'b', '1.1.0'), '1a2b')
    assert act.until('refused').messages[0].code == 'unexpected' and station.beside == ['bundle']
