"""What the station opens before it serves, and what ends with a patient."""
import contextlib

import pytest

from service.cli.records import open_records
from service.exams import Patient
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
