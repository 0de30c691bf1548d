"""The doctor's checks of what is kept: each in good health and in bad, and none of them changes anything."""
import json
import os
import subprocess
import sys

import pytest

from service import kept_checks
from service.backup import note_backup, note_restore_test
from service.clock import Clock
from service.exams import Exams, note_found
from service.exams.found import found_path
from service.kept_checks import (
    check_audit,
    check_backup,
    check_database,
    check_date,
    check_exams,
    check_keys,
    check_restore,
    find_openers,
    is_sound,
)
from service.messages import INFO, OK, PROBLEM, WARNING, Message
from service.operators import Cost, Station
from service.settings import Settings

DAY_NS = 24 * 3600 * 10 ** 9


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / 'exams')


@pytest.fixture
def settings(folder):
    return Settings(exams_folder=folder)


def stand(folder, event='', ago_days=0, **words):
    """A station that ran once, with a first supervisor; its log was signed, and told of an event so long ago."""
    def then():
        return Clock().now().boottime_ns - int(ago_days * DAY_NS)
    with Station(folder, Clock(since_boot_ns=then, **words), cost=Cost(2, 8, 1)) as station:
        station.operators.first_supervisor('Ann Lind', '274911')
        if event:
            station.audit.append(event)
        station.audit.checkpoint()
        return station.audit.folder


@pytest.mark.parametrize('version, sound', [
    ((3, 6, 23), True), ((3, 7, 0), False), ((3, 22, 0), False), ((3, 40, 1), False), ((3, 44, 5), False),
    ((3, 44, 6), True), ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
    ((3, 52, 0), True)])
def test_which_releases_take_two_writers(version, sound):
    assert is_sound(version) == sound


def test_the_version_of_sqlite_is_told_with_what_it_cannot_do(monkeypatch, settings):
    for version, words in (((3, 22, 0), 'may damage'), ((3, 51, 3), 'is here')):
        monkeypatch.setattr(kept_checks.sqlite3, 'sqlite_version_info', version)
        monkeypatch.setattr(kept_checks.sqlite3, 'sqlite_version', '%d.%d.%d' % version)
        for message in (check_database(Settings()), check_database(settings)):
            assert message.severity == OK and message.facts['sqlite'] in message.sentence and words in message.sentence


OPENER = """
import sqlite3, sys
connection = sqlite3.connect('file:%s?mode=%s' % (sys.argv[1], sys.argv[2]), uri=True)
connection.execute('SELECT count(*) FROM sqlite_master').fetchone()
print('open', flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize('mode, severity', [('rw', PROBLEM), ('ro', WARNING)])
def test_another_program_that_has_the_database_open_is_named(settings, folder, mode, severity):
    exams = Exams(folder, None, None, Clock(), room=lambda folder: None)
    process = subprocess.Popen([sys.executable, '-c', OPENER, os.path.join(folder, 'exams.db'), mode],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
    try:
        process.stdout.readline()
        message = check_database(settings)
        assert (message.code, message.severity) == ('database-opened', severity) and message.next_step
        assert '(process %d)' % process.pid in message.sentence and str(os.getpid()) not in message.sentence
    finally:
        process.communicate()
        exams.close()


def proc_of(root, pid, **descriptors):
    for name, (target, flags) in descriptors.items():
        for kind in ('fd', 'fdinfo'):
            (root / 'proc' / str(pid) / kind).mkdir(parents=True, exist_ok=True)
        (root / 'proc' / str(pid) / 'fd' / name[1:]).symlink_to(target)
        (root / 'proc' / str(pid) / 'fdinfo' / name[1:]).write_text('pos:\t0\nflags:\t%s\n' % flags)
        (root / 'proc' / str(pid) / 'comm').write_text('sqlite3\n')


def test_the_service_itself_is_no_other_program(tmp_path, folder, monkeypatch):
    os.mkdir(folder)
    path = os.path.join(folder, 'exams.db')
    proc_of(tmp_path, 70, _3=(path, '0100002'), _4=('/dev/null', '02'))
    proc_of(tmp_path, 71, _5=(path + '-wal', '0100002'))
    proc_of(tmp_path, 72, _3=(folder + '/other.db', '02'))
    proc_of(tmp_path, os.getpid(), _3=(path, '02'))
    (tmp_path / 'proc' / '73').mkdir()
    (tmp_path / 'proc' / 'self').mkdir()
    assert [opener.pid for opener in find_openers(folder, str(tmp_path))[0]] == [70, 71]
    monkeypatch.setattr(kept_checks, '_keeper', lambda folder: 70)
    assert find_openers(folder, str(tmp_path)) == ([kept_checks.Opener(71, 'sqlite3', False)], 0)

    def refuse(path):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(kept_checks, '_links', refuse)
    assert find_openers(folder, str(tmp_path)) == ([], 3)
    assert 'root sees all' in check_database(Settings(exams_folder=folder), str(tmp_path)).sentence


def test_the_keeper_of_the_exams_is_known_by_its_lock(folder):
    exams = Exams(folder, None, None, Clock(), room=lambda folder: None)
    assert kept_checks._keeper(folder) in (os.getpid(), 0)  # 0 where the kernel shows no locks
    exams.close()
    assert kept_checks._keeper(folder) == 0 == kept_checks._keeper(folder + '-none')


def test_a_station_that_keeps_nothing_has_nothing_to_check(settings):
    checks = (check_audit, check_backup, check_exams, check_keys, check_restore)
    assert [check(Settings()) for check in checks] == [None] * 5
    assert check_audit(settings).severity == INFO
    assert check_backup(settings) is check_keys(settings) is None


def test_a_whole_log_a_broken_one_and_one_that_is_gone(settings, folder):
    log = stand(folder, 'login')
    assert check_audit(settings).code == 'audit-ok'
    path = os.path.join(log, '00000001.jsonl')
    with open(path, 'rb') as stream:
        lines = stream.read().splitlines(True)
    with open(path, 'wb') as stream:
        stream.write(b''.join(lines[:-1]))
    message = check_audit(settings)
    assert (message.code, message.severity) == ('audit-broken', PROBLEM) and 'cut off' in message.sentence
    os.unlink(path)
    assert check_audit(settings).facts['kind'] == 'cut' and check_audit(settings).next_step


def test_a_log_that_nobody_signed_is_not_confirmed(settings, folder):
    with Station(folder, Clock(), audit_socket='/nowhere', cost=Cost(2, 8, 1)):
        pass
    assert (check_audit(settings).code, check_audit(settings).severity) == ('audit-unconfirmed', WARNING)


@pytest.mark.parametrize('days, code', [(1, 'audit-ok'), (3, 'audit-unsigned')])
def test_a_signature_that_is_late_is_said(settings, folder, days, code):
    stand(folder, ago_days=days)
    assert check_audit(settings).code == code


def test_an_anchor_beside_the_log_is_no_anchor(folder, tmp_path, monkeypatch):
    stand(folder)
    path = tmp_path / 'anchor'
    settings = Settings(exams_folder=folder, audit_anchor=str(path))
    assert 'cannot be read' in check_audit(settings).sentence
    path.write_text('')
    assert check_audit(settings).code == 'audit-anchor' and 'disk of the exams' in check_audit(settings).sentence
    monkeypatch.setattr(kept_checks.os, 'stat', lambda path, stat=os.stat: os.stat_result(
        stat(path)[:2] + (hash(str(path)),) + stat(path)[3:]))
    assert check_audit(settings).code == 'audit-ok'


def test_how_old_the_backup_is(settings, folder):
    stand(folder)
    assert check_backup(settings).code == 'backup-none'
    assert check_restore(settings) is None
    note_backup(folder, 'thermo-backup-1', Clock(synchronised=lambda: True).now())
    assert check_backup(settings).severity == OK
    assert (check_restore(settings).code, check_restore(settings).severity) == ('restore-test-none', WARNING)
    note_restore_test(folder, 'thermo-backup-1', Clock(synchronised=lambda: True).now())
    assert check_restore(settings).severity == OK


def test_what_the_last_start_found_among_the_exams(settings, folder):
    stand(folder)
    assert (check_exams(settings).code, check_exams(settings).severity) == ('exams-ok', OK)
    moved = [Message('exam-quarantined', 'exams/%d was moved.' % number, '', INFO) for number in range(3)]
    note_found(folder, moved + [Message('exam-gone', 'One is missing.', 'Restore it from a backup.')])
    message = check_exams(settings)
    assert (message.code, message.severity, message.next_step) == ('exam-gone', PROBLEM, 'Restore it from a backup.')
    assert message.sentence == 'exams/0 was moved. The same is so of 2 more. One is missing.'
    with open(found_path(folder), 'w') as stream:
        stream.write('[{"code": "x"}]')
    assert check_exams(settings).code == 'exams-ok'
    note_found(folder, [])
    assert not os.path.exists(found_path(folder))


def test_whether_there_is_a_recovery_key_and_somebody_wrote_it_down(settings, folder, monkeypatch):
    os.mkdir(folder)
    assert check_keys(settings).code == 'keys-none'
    stand(folder)
    assert (check_keys(settings).code, check_keys(settings).severity) == ('recovery-unprinted', WARNING)
    with Station(folder, Clock(), cost=Cost(2, 8, 1)) as station:
        station.operators.keep_recovery_key(station.operators.list()[0])
    assert check_keys(settings).code == 'keys-ok'
    monkeypatch.setattr(kept_checks.TwinFile, 'read', lambda self: {'version': 1, 'recovery': None})
    assert (check_keys(settings).code, check_keys(settings).severity) == ('recovery-none', PROBLEM)


@pytest.mark.parametrize('synchronised, code', [(True, 'date-ok'), (False, 'date-uncertain')])
def test_what_stands_for_the_date(synchronised, code):
    clock = Clock('', lambda: 1.8e9, lambda: synchronised, 'one', lambda: 10 ** 9)
    message = check_date(Settings(), clock)
    assert message.code == code and message.subject == 'date' and '2027-01-15' in message.sentence
    if not synchronised:
        clock.confirm()
        assert 'an operator stands for it' in check_date(Settings(), clock).sentence


def test_nothing_is_changed(settings, folder):
    stand(folder, 'backup-made')

    def state():
        return {os.path.join(where, name): os.stat(os.path.join(where, name)).st_mtime_ns
                for where, _, names in os.walk(folder) for name in names}
    before = state()
    for check in (check_database, check_audit, check_backup, check_keys, check_date):
        json.dumps(check(settings).to_dict())
    assert state() == before
