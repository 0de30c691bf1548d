"""A start of the service with a new model, and the start after it."""
import contextlib

import pytest

from service.cli import serve
from service.cli import station as module
from service.messages import BackendError
from service.model_change import Trial
from service.supervise import Supervision

from ...fakes import signing


def making(*outcomes):
    """Stands for `make_pipeline`: gives or raises these, one after the other."""
    left = list(outcomes)

    @contextlib.contextmanager
    def make(settings):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome
    return make


BROKEN = BackendError('backend-failed', 'The network failed.')


def test_a_model_that_does_not_start_is_changed_back_in_the_same_start(station, monkeypatch):
    station.place('1.1.0')
    monkeypatch.setattr(module, 'make_pipeline', making(BROKEN, 'the one before'))
    trial = Trial(station.target, signing.TRUST)
    with module._pipeline(None, trial) as pipeline:
        assert pipeline == 'the one before' and station.version == '1.0.0' and not trial.on_trial
    assert station.history.last.code == 'backend-failed'


def test_a_model_that_was_kept_keeps_its_fault(station, monkeypatch):
    monkeypatch.setattr(module, 'make_pipeline', making(BROKEN, 'never'))
    with pytest.raises(BackendError), module._pipeline(None, Trial(station.target, signing.TRUST)):
        raise AssertionError('it started')


def test_what_goes_wrong_later_is_not_taken_for_the_start(station, monkeypatch):
    station.place('1.1.0')
    monkeypatch.setattr(module, 'make_pipeline', making('the new one', 'never'))
    with pytest.raises(BackendError), module._pipeline(None, Trial(station.target, signing.TRUST)):
        raise BROKEN
    assert station.version == '1.1.0'


@pytest.mark.parametrize('environ, starts, code', [({}, 3, 0), ({'NOTIFY_SOCKET': '/nowhere'}, 1, 80)])
def test_another_model_has_the_service_started_again(tmp_path, monkeypatch, environ, starts, code):
    begun, supervision = [], Supervision(str(tmp_path / 'state'), environ)

    def station(*args):
        begun.append(args)
        supervision.stopping()
        return len(begun) < 3
    monkeypatch.setattr(serve, '_serve_station', station)
    monkeypatch.setattr('service.supervise.supervision.signal.signal', lambda *args: None)
    assert serve._serve(supervision, False, None, False, {}) == code and len(begun) == starts
