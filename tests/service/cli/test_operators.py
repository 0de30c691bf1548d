"""``thermoscreen operators``: the way without a page."""
import json
import re

import pytest
from click.testing import CliRunner

from service.cli import program
from service.cli.operators import Station
from service.operators import Cost, places
from service.operators.chain import decode, read_lines

PIN, OTHER, THIRD = '274911', '903356', '551902'


@pytest.fixture(autouse=True)
def cheap(monkeypatch, tick):
    monkeypatch.setattr('service.cli.operators.Clock', lambda: tick)
    monkeypatch.setattr('service.cli.operators.Station', lambda *words: Station(*words, cost=Cost(2, 8, 1)))


@pytest.fixture
def run(tmp_path):
    """Run a verb and type lines: exit code, what was printed, error."""
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\n' % (tmp_path / 'exams'))

    def call(*words, typed=()):
        result = CliRunner().invoke(program, ['operators'] + list(words) + ['--settings', str(tmp_path / 's.toml')],
                                    input=''.join(line + '\n' for line in typed))
        return result.exit_code, result.output, result.exception
    return call


@pytest.fixture
def first(run):
    """The recovery key, after the first supervisor was added."""
    code, out, _ = run('add', 'Ann Lind', typed=(PIN, PIN))
    assert code == 0
    return re.search('    ([A-Z2-7-]{47})\n', out).group(1)


def names(run):
    return [(entry['name'], entry['role']) for entry in json.loads(run('list', '--json')[1])]


def test_the_first_one_is_a_supervisor_and_the_recovery_key_is_shown(run, first, tmp_path):
    assert names(run) == [('Ann Lind', 'supervisor')]
    code, out, _ = run('list')
    assert code == 0 and re.match('op-[0-9a-f]{8}  supervisor  Ann Lind\n', out)
    log = [decode(line) for line in read_lines(places(str(tmp_path / 'exams')).audit)]
    assert [entry['event'] for entry in log] == ['audit-began', 'recovery-key-made', 'operator-added']
    assert run('add', 'Bob', '--role', 'integrator', typed=(PIN, OTHER, OTHER))[0] == 0


def test_the_first_one_has_no_other_role(run):
    assert run('add', 'Ivo', '--role', 'integrator')[2].code == 'operator-role'
    assert run('list')[1] == 'There are no operators.\n'


def test_further_ones_need_the_pin_of_a_supervisor(run, first, tmp_path):
    code, out, _ = run('add', 'Bob Ray', typed=(PIN, OTHER, OTHER))
    assert code == 0 and re.search(r'Bob Ray is op-[0-9a-f]{8} \(operator\)\.', out) and PIN not in out
    assert run('add', 'Eve', typed=(OTHER,))[2].code == 'pin-wrong'
    assert run('add', 'Eve', '--by', 'Bob Ray', typed=(OTHER,))[2].code == 'operator-unknown', 'he is no supervisor'
    assert names(run) == [('Ann Lind', 'supervisor'), ('Bob Ray', 'operator')]


def test_roles_and_removal(run, first):
    run('add', 'Bob Ray', typed=(PIN, OTHER, OTHER))
    assert run('role', 'bob ray', 'supervisor', typed=(PIN,))[1].endswith('Bob Ray is supervisor now.\n')
    assert run('remove', 'Ann Lind', typed=(PIN,))[2].code == 'operator-unnamed', 'which of the two does it'
    assert run('remove', 'Ann Lind', '--by', 'Bob Ray', typed=(OTHER,))[1].endswith(
        'Ann Lind is no operator any more.\n')
    assert names(run) == [('Bob Ray', 'supervisor')]
    assert run('remove', 'Bob Ray', typed=(OTHER,))[2].code == 'supervisor-last'
    assert run('remove', 'Nobody', typed=(OTHER,))[2].code == 'operator-unknown'


def test_a_new_pin(run, first):
    run('add', 'Bob Ray', typed=(PIN, OTHER, OTHER))
    assert run('pin', 'Ann Lind', typed=(PIN, THIRD, THIRD))[0] == 0
    assert run('pin', 'Bob Ray', typed=(PIN,))[2].code == 'pin-wrong'
    assert run('pin', 'Bob Ray', typed=(THIRD, '111111', '111111'))[2].code == 'pin-weak'


def test_the_recovery_key_gives_a_new_pin(run, first):
    assert run('pin', 'Ann Lind', '--recovery', typed=('AAAA', THIRD, THIRD))[2].code == 'recovery-typo'
    code, out, _ = run('pin', 'Ann Lind', '--recovery', typed=(first.lower(), THIRD, THIRD))
    assert code == 0 and out.endswith('Ann Lind has another PIN.\n') and first.lower() not in out
    assert run('add', 'Bob', typed=(THIRD, OTHER, OTHER))[0] == 0


def test_exams_that_were_encrypted_before_need_their_recovery_key(run, first, tmp_path):
    for name in ('operators.json', 'operators-copy.json'):
        (tmp_path / 'exams' / 'operators' / name).unlink()
    assert run('add', 'Bob', typed=('AAAA', OTHER, OTHER))[2].code == 'recovery-typo'
    code, out, _ = run('add', 'Bob', typed=(first, OTHER, OTHER))
    assert code == 0 and 'shown this once' not in out and names(run) == [('Bob', 'supervisor')]


def test_while_the_service_runs_the_page_does_it(run, first, tmp_path, tick):
    with Station(str(tmp_path / 'exams'), tick, cost=Cost(2, 8, 1)):
        error = run('add', 'Bob', typed=(PIN, OTHER, OTHER))[2]
        assert error.code == 'audit-in-use' and 'page' in error.message.next_step
        assert names(run) == [('Ann Lind', 'supervisor')]


def test_a_station_that_keeps_no_exams_has_no_operators():
    result = CliRunner().invoke(program, ['operators', 'list'])
    assert result.exception.code == 'exams-folder'
