"""A station as it is opened: what lies where, and that one process has it."""
import os

import pytest

from service.messages import StorageError
from service.operators import Cost, Station, list_operators, places, tell_audit, verify
from service.operators.chain import decode, read_lines
from service.sealing import PlainSealer, Sealer

CHEAP, PIN = Cost(2, 8, 1), '274911'


@pytest.fixture
def open_station(tmp_path, time):
    """Open the station; the one before it is closed."""
    opened = []

    def call(**words):
        while opened:
            opened.pop().close()
        opened.append(Station(str(tmp_path / 'exams') + '/', time.clock(), cost=CHEAP, **words))
        return opened[0]
    yield call
    for station in opened:
        station.close()


def test_what_belongs_into_a_backup_lies_with_the_exams_and_the_secret_does_not(open_station, tmp_path):
    station, where = open_station(), places(str(tmp_path / 'exams'))
    station.operators.first_supervisor('Ann', PIN)
    station.audit.checkpoint()
    assert sorted(os.listdir(str(tmp_path))) == ['exams', 'exams.secret', 'exams.signer']
    assert sorted(os.listdir(str(tmp_path / 'exams'))) == ['audit', 'operators']
    assert station.keys._secret.hex() in open_text(where.secret)
    for folder in (where.audit, where.operators):
        assert not [name for name in os.listdir(folder) if station.keys._secret.hex() in open_text(folder, name)]
    assert verify(where.audit, {}, station.audit._signer.public_key, station.keys.audit_key).answer == 0


def open_text(*parts):
    with open(os.path.join(*parts), encoding='latin-1') as stream:
        return stream.read()


def test_one_process_has_it_and_others_may_look(open_station, tmp_path, time):
    station = open_station()
    assert list_operators(places(str(tmp_path / 'exams')).operators) == []
    station.operators.first_supervisor('Ann', PIN)
    with pytest.raises(StorageError) as caught:
        Station(str(tmp_path / 'exams'), time.clock(), cost=CHEAP)
    assert caught.value.code == 'audit-in-use'
    assert list_operators(places(str(tmp_path / 'exams')).operators) == station.operators.list()


def test_it_is_locked_when_it_is_closed(open_station):
    station = open_station()
    station.operators.first_supervisor('Ann', PIN)
    assert isinstance(station.keys.sealer, Sealer)
    station.close()
    assert station.keys.sealer is None


def test_without_encryption_there_are_operators_too(open_station):
    station = open_station(encrypts=False)
    station.operators.first_supervisor('Ann', PIN)
    assert isinstance(station.keys.sealer, PlainSealer)


def test_a_station_whose_operators_are_damaged_gives_the_log_back(open_station, tmp_path):
    open_station().operators.first_supervisor('Ann', PIN)
    for name in ('operators.json', 'operators-copy.json'):
        (tmp_path / 'exams' / 'operators' / name).write_text('{}')
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            open_station()
        assert caught.value.code == 'document-damaged'


def test_the_signer_may_be_another_process(open_station, tmp_path):
    station = open_station(audit_socket=str(tmp_path / 'none'))
    assert not (tmp_path / 'exams.signer').exists()
    with pytest.raises(StorageError) as caught:
        station.audit.checkpoint()
    assert caught.value.code == 'audit-signer' and station.audit.append('login').count == 2


def test_the_command_line_tells_the_audit_log_also_beside_the_service(open_station, tmp_path, time):
    root = str(tmp_path / 'exams')
    tell_audit(root, time.clock(), 'restored')
    assert not (tmp_path / 'exams').exists(), 'a folder without a log gets none'
    station = open_station()
    tell_audit(root, time.clock(), 'backup-made', key='abcd')
    station.audit.checkpoint()
    station.close()
    tell_audit(root, time.clock(), 'backup-verified', key='abcd')
    os.rename(places(root).secret, str(tmp_path / 'away'))  # restored to a station that never started
    tell_audit(root, time.clock(), 'restored', key='abcd')
    os.rename(str(tmp_path / 'away'), places(root).secret)
    open_station().audit.checkpoint()
    assert [decode(line)['event'] for line in read_lines(places(root).audit)] == [
        'audit-began', 'backup-made', 'backup-verified', 'restored']
