"""``thermoscreen backup`` as a person types it."""
import json
import os
import sys

import pytest
from click.testing import CliRunner

from service.backup import last_backup
from service.cli import program
from service.cli.main import main
from service.clock import Clock
from service.messages import StorageError
from service.operators import Cost, Station, places
from service.operators.chain import decode, read_lines
from tests.service.backup.conftest import flip, keep


@pytest.fixture
def station(tmp_path):
    for number in (1, 2):
        keep(tmp_path / 'exams', '%016x' % number, number=number)
    (tmp_path / 'usb').mkdir()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(program, ['backup', *map(str, arguments)], obj={'debug': False})


def test_a_backup_is_made_and_verified(station):
    made = run('make', station / 'usb', '--folder', station / 'exams', '--json')
    assert made.exit_code == 0, made.output
    told = json.loads(made.output[made.output.index('{'):])
    assert told['exams'] == 2 and not told['unmounted']
    assert oct(os.stat(str(station / 'exams.backup.pem')).st_mode & 0o777) == '0o600'
    whole = run('verify', station / 'usb', '--key', told['key'])
    assert whole.exit_code == 0 and 'is whole: 2 exams of' in whole.output and told['key'] in whole.output
    assert json.loads(run('verify', station / 'usb', '--json').output)['problems'] == []
    flip(os.path.join(told['folder'], 'vol-0001.tsb'), 600)
    damaged = run('verify', told['folder'])
    assert damaged.exit_code == 1 and 'exam.json in vol-0001.tsb is damaged.' in damaged.output


def test_the_audit_log_and_the_status_page_learn_of_it(station):
    root = str(station / 'exams')
    with Station(root, Clock(), cost=Cost(2, 8, 1)) as open_station:
        made = json.loads(output(run('make', station / 'usb', '--folder', root, '--json')))
        open_station.audit.checkpoint()
    run('verify', station / 'usb', '--folder', root)
    assert restore(station / 'usb', '--folder', root).exit_code == 0
    told = [decode(line) for line in read_lines(places(root).audit)]
    named = [entry for entry in told if entry['event'] in ('backup-made', 'backup-verified', 'restored')]
    assert [entry['event'] for entry in named] == ['backup-made', 'backup-verified', 'restored']
    assert {entry['facts']['key'] for entry in named} == {made['key']}
    anchor = [made['anchor']['count'], made['anchor']['head']]
    assert named[0]['facts']['anchor'] == named[1]['facts']['anchor'] == anchor
    assert {entry['facts']['backup'] for entry in named} == {os.path.basename(made['folder'])}
    assert last_backup(root, Clock().now()).facts['figures'] == os.path.basename(made['folder'])


def test_a_folder_that_is_not_there_is_not_a_medium_that_is_gone(station):
    assert run('verify', station / 'usbb').exception.code == 'medium-missing'
    assert run('make', station / 'usbb', '--folder', station / 'exams').exception.code == 'medium-missing'


def output(result):
    """The JSON of what a command printed, after its progress."""
    return result.output[result.output.index('{'):]


def test_a_person_is_told_what_to_do_next(station):
    made = run('make', station / 'usb', '--folder', station / 'exams')
    assert made.exit_code == 0 and 'Unmount the medium before you remove it.' in made.output
    assert '2 exams,' in made.output and 'in 1 volume.' in made.output
    assert 'Write this down' in made.output and '[backup-same-disk]' in made.output


def test_the_medium_may_be_removed_after_the_unmount(station, monkeypatch):
    asked = []
    monkeypatch.setattr('service.backup.unmount', asked.append)
    made = run('make', station / 'usb', '--folder', station / 'exams', '--unmount')
    assert asked == [str(station / 'usb')] and made.output.endswith('You may remove the medium.\n')

    def busy(medium):
        raise StorageError('medium-in-use', 'It could not be unmounted.', 'Do not remove it.')
    monkeypatch.setattr('service.backup.unmount', busy)
    refused = run('make', station / 'usb', '--folder', station / 'exams', '--unmount')
    assert refused.exception.code == 'medium-in-use' and 'may remove' not in refused.output


def test_damage_of_the_station_is_named_and_told_by_the_exit_code(station):
    flip(station / 'exams' / 'exams' / '00' / '0000000000000001' / '0001.tscap', 2)
    made = run('make', station / 'usb', '--folder', station / 'exams')
    assert made.exit_code == 1 and '0001.tscap is damaged' in made.output


@pytest.mark.parametrize('arguments, code', [
    (['make', '/nowhere/usb', '--folder', '{0}/exams'], 6), (['make', '{0}/usb', '--folder', '{0}/none'], 2),
    (['make', '{0}/usb'], 2), (['verify', '{0}/usb'], 2), (['verify', '{0}/nowhere'], 6)])
def test_what_is_wrong_is_one_line(station, monkeypatch, capsys, arguments, code):
    monkeypatch.setattr(sys, 'argv', ['thermoscreen', 'backup'] + [text.format(station) for text in arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not os.path.exists(str(station / 'none.backup.pem'))


def restore(*arguments):
    return CliRunner().invoke(program, ['restore', *map(str, arguments)], obj={'debug': False})


def test_a_backup_is_restored_to_a_new_station_with_the_key_that_was_written_down(station):
    made = run('make', station / 'usb', '--folder', station / 'exams', '--json')
    key = json.loads(made.output[made.output.index('{'):])['key']
    unknown = restore(station / 'usb', '--folder', station / 'new')
    assert unknown.exception.code == 'restore-key' and not (station / 'new').exists()
    other = restore(station / 'usb', '--folder', station / 'new', '--key', '0' * 16)
    assert other.exception.code == 'backup-key' and not (station / 'new').exists()
    done = restore(station / 'usb', '--folder', station / 'new', '--key', key)
    assert done.exit_code == 0 and 'Exams: 2 restored. The station has 2.' in done.output
    for name in ('00/0000000000000001/0001.tscap', '00/0000000000000002/exam.json'):
        assert (station / 'new' / 'exams' / name).read_bytes() == (station / 'exams' / 'exams' / name).read_bytes()


def test_a_station_trusts_its_own_key(station):
    run('make', station / 'usb', '--folder', station / 'exams')
    (station / 'exams' / 'exams' / '00' / '0000000000000001' / '0001.tscap').unlink()
    done = restore(station / 'usb', '--folder', station / 'exams', '--json')
    told = json.loads(done.output[done.output.index('{'):])
    assert (told['repaired'], told['same']) == (1, 1)
