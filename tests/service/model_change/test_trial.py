"""A new model on trial: kept after its first pictures, or the one before comes back by itself."""
import os

import pytest

from service.bundle import Trust, open_bundle
from service.messages import BackendError
from service.model_change import PICTURES, STARTS, Trial

from ...fakes import signing
from .conftest import release

BROKEN = BackendError('backend-failed', 'The network failed.')


def start(station):
    """What a start of the service finds, as far as the model goes."""
    trial = Trial(station.target, signing.TRUST)
    trial.tell(station.record)
    return trial


def ended(station):
    """How the last change ended, and what the audit log was told of it."""
    return station.version, station.history.last.outcome, [line[0] for line in station.lines]


def test_the_first_pictures_keep_it(station):
    station.place('1.1.0', '1a2b')
    trial = start(station)
    assert trial.on_trial and trial.counts and trial.message.code == 'model-on-trial' and trial.message.severity == 'ok'
    for _ in range(PICTURES):
        assert ended(station)[1] == 'trial'
        trial.analysed(None)
    assert ended(station) == ('1.1.0', 'kept', ['model-changed', 'model-kept'])
    assert trial.message is None and not trial.on_trial
    trial.analysed(BROKEN)  # what fails later is no fault of the change
    assert not start(station).on_trial and ended(station) == ('1.1.0', 'kept', ['model-changed', 'model-kept'])


def test_a_picture_that_fails_brings_the_one_before_back(station):
    station.place('1.1.0', '1a2b')
    trial, restarts = start(station), []
    trial.restart = lambda: restarts.append(station.version)
    trial.analysed(None)
    trial.analysed(BROKEN)
    trial.analysed(BROKEN)
    assert restarts == ['1.0.0'] and ended(station) == ('1.0.0', 'returned', ['model-changed', 'model-returned'])
    assert station.lines[-1][2]['code'] == 'backend-failed'
    again = start(station)
    assert again.message.code == 'model-returned' and 'The network failed.' in again.message.sentence
    assert '1.0.0' in again.message.sentence and not again.on_trial
    again.read()
    assert again.message is None and start(station).message is None


def test_a_start_that_fails_brings_the_one_before_back(station):
    station.place('1.1.0')
    assert start(station).take_back(BROKEN.message) and station.version == '1.0.0'
    assert not start(station).take_back(BROKEN.message)


def test_starts_that_end_by_themselves_bring_the_one_before_back(station):
    station.place('1.1.0')
    for number in range(1, STARTS + 1):
        assert start(station).counts and station.history.last.starts == number
    assert not start(station).on_trial
    assert ended(station) == ('1.0.0', 'returned', ['model-changed', 'model-returned'])
    assert station.lines[-1][2]['code'] == 'model-crashed'


def test_a_proper_stop_does_not_count(station):
    station.place('1.1.0')
    for _ in range(STARTS + 1):
        start(station).stopped()
    assert start(station).on_trial and station.version == '1.1.0'


@pytest.mark.parametrize('missing', ['nothing before', 'the same before', 'spoiled', 'another one'])
def test_where_there_is_no_way_back_a_crash_counts_against_the_station_again(station, missing):
    if missing == 'nothing before':
        os.rename(station.target, station.target + '.away')
    station.place('1.0.0' if missing == 'the same before' else '1.1.0')
    if missing == 'spoiled':
        with open(station.target + '.previous/model.onnx', 'wb') as stream:
            stream.write(b'spoiled')
    if missing == 'another one':
        os.rename(station.target + '.previous', station.target + '.away')
        os.rename(release(station.folder / 'b', '0.9.0'), station.target + '.previous')
    version = station.version
    for _ in range(STARTS):
        assert start(station).counts
    last = start(station)
    assert last.on_trial and not last.counts and not last.take_back(BROKEN.message) and station.version == version


def test_a_change_that_never_took_place_is_told(station):
    history = station.history
    history.begin('1a2b', None, open_bundle(release(station.folder / 'b', '1.1.0')).manifest)
    history.write()
    trial = start(station)
    assert trial.message.code == 'model-interrupted' and not trial.on_trial
    assert ended(station) == ('1.0.0', 'interrupted', ['model-refused'])
    trial.read()
    assert trial.message is None


def test_a_change_during_a_trial_is_not_overwritten(station):
    station.place('1.1.0')
    trial = start(station)
    station.place('1.2.0')
    trial.stopped()
    trial.analysed(BROKEN)  # of the model that still runs; the other one is on its way
    assert [change.after['version'] for change in station.history.changes] == ['1.0.0', '1.1.0', '1.2.0']
    assert station.version == '1.2.0'


def test_a_damaged_history_stops_no_start(station):
    with open(station.history.path, 'w') as stream:
        stream.write('{')
    trial = Trial(station.target, Trust(()))
    assert trial.message is None and not trial.on_trial
    trial.tell(station.record)
    trial.read()
    trial.stopped()
    assert station.lines == []
