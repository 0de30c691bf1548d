"""What the station opens before it serves, what the audit log is told of it, and what ends with a patient."""
import contextlib
import json
import os

import pytest
from click.testing import CliRunner

from service.cli import program
from service.cli.records import open_records
from service.exams import Patient, read_found
from service.operators import places
from service.operators.chain import decode, read_lines
from service.settings import Settings
from tests.service.backup.conftest import tmp_path

__all__ = ['tmp_path']

PIN = '274911'


@pytest.mark.parametrize('locks', [True, False])
def test_the_station_locks_between_patients(tmp_path, locks):
    settings = Settings(exams_folder=str(tmp_path / 'exams'), lock_between_patients=locks)
    with contextlib.ExitStack() as running:
        records = open_records(settings, False, running)
        mine, told = records.sessions.first('Ann', PIN)
        colleague = records.sessions.log_in(mine.operator_id, PIN)
        for patient in ('P-1', 'P-2'):
            if records.sessions.find(mine.id) is None:
                mine = records.sessions.log_in(colleague.operator_id, PIN)
            exam = records.exams.create(Patient(patient, 'Zoe Harm'), mine.operator_id)
            assert records.sessions.find(mine.id) is mine
            records.exams.discard(exam.id, mine.operator_id, 'moved')
            assert (records.sessions.find(mine.id) is None) == locks == (records.exams.sealer is None)
        assert told and records.backups.last.code == 'backup-none'


@pytest.fixture
def station(tmp_path):
    return str(tmp_path / 'exams')


def start(station, **settings):
    with contextlib.ExitStack() as running:
        open_records(Settings(exams_folder=station, **settings), False, running)
    return [decode(line) for line in read_lines(places(station).audit)]


def test_changed_settings_are_named_and_their_values_are_not(station):
    assert [entry['event'] for entry in start(station)] == ['audit-began', 'station-started', 'station-stopped']
    start(station, camera='replay:/media/Zoe', port=8081)
    entries = start(station, camera='replay:/media/Ida', port=8081, lock_minutes=1.0)
    changes = [entry['facts']['names'] for entry in entries if entry['event'] == 'settings-changed']
    assert changes == [['camera', 'port'], ['camera', 'lock_minutes']]
    assert start(station, camera='replay:/media/Ida', port=8081, lock_minutes=1.0)[-2]['event'] == 'station-started'
    assert 'Zoe' not in json.dumps(entries)


def test_what_a_start_finds_among_the_exams_is_kept_for_the_doctor(station):
    start(station)
    os.makedirs(os.path.join(station, 'exams', 'ab', 'ab' * 8))
    os.rename(os.path.join(station, 'exams.db'), os.path.join(station, 'old'))
    start(station)
    assert [message.code for message in read_found(station)] == ['exam-quarantined']
    start(station)
    assert read_found(station) == []


def test_what_verbs_changed_is_told_at_the_next_start(station, tmp_path):
    start(station)
    settings = tmp_path / 's.toml'
    settings.write_text('[web]\napi_tokens = "%s"\ncertificate = "%s"\ncertificate_key = "%s"\nstation_names = "a.b"\n'
                        '[exams]\nexams_folder = "%s"\n' % (tmp_path / 't.json', tmp_path / 'a.crt',
                                                            tmp_path / 'a.key', station))
    for words in (['tokens', 'add', 'dashboard'], ['tokens', 'remove', 'dashboard'], ['certificate', 'make']):
        result = CliRunner().invoke(program, words + ['--settings', str(settings)], obj={})
        assert result.exit_code == 0, result.output
    told = [(entry['event'], entry['facts'].get('token')) for entry in start(station) if 'user' in entry['facts']]
    assert told == [('token-made', 'dashboard'), ('token-removed', 'dashboard'), ('certificate-made', None)]


def test_backups_and_restores_are_told_at_the_next_start(station, tmp_path):
    start(station)
    (tmp_path / 'usb').mkdir()
    os.mkdir(os.path.join(station, 'exams'))
    calls = [['backup', 'make', str(tmp_path / 'usb')], ['restore', str(tmp_path / 'usb')],
             ['backup', 'make', str(tmp_path / 'gone')]]
    codes = [CliRunner().invoke(program, words + ['--folder', station]).exit_code for words in calls]
    assert codes[:2] == [0, 0]
    told = {entry['event']: entry['facts'] for entry in start(station)}
    assert told['backup-made']['backup'] == told['restored']['backup'] == os.listdir(str(tmp_path / 'usb'))[0]
    assert told['backup-failed']['code'] == 'medium-missing'
