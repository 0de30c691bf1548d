"""Who may do what, how wrong PINs make everybody wait, and what of it the audit log says."""
import os
import threading

import pytest

from service.messages import StorageError
from service.operators import Audit, operators
from service.operators.chain import decode, read_lines
from service.operators.keys import Cost, KeyStore, OperatorError
from service.operators.operators import INTEGRATOR, OPERATOR, SUPERVISOR, WAITS_S, Operators, check_pin
from tests.fakes.killing import killed_at

PIN, OTHER, THIRD = '274911', '903356', '551902'


class Station:
    """Operators, keys and audit log of one folder; `start` is a restart."""

    def __init__(self, folder, time):
        self.folder, self.time, self.audit = folder, time, None
        self.start()

    def start(self):
        self.stop()
        clock = self.time.clock()
        self.keys = KeyStore(str(self.folder / 'operators'), str(self.folder / 'secret'), Cost(2, 8, 1))
        self.audit = Audit(str(self.folder / 'audit'), clock, None, self.keys.audit_key)
        self.operators = Operators(str(self.folder / 'operators'), self.keys, self.audit, clock)
        return self.operators

    def stop(self):
        if self.audit is not None:
            self.audit.close()

    def entries(self):
        return [(entry['event'], entry['operator'], entry['facts'])
                for entry in map(decode, read_lines(str(self.folder / 'audit')))]

    def events(self):
        return [event for event, _, _ in self.entries()]


@pytest.fixture
def station(tmp_path, time):
    made = Station(tmp_path, time)
    yield made
    made.stop()


@pytest.fixture
def ann(station):
    """The first supervisor."""
    station.recovery = station.operators.first_supervisor('Ann Lind', PIN)
    return station.operators.list()[0]


def refused(call, *words):
    with pytest.raises(OperatorError) as caught:
        call(*words)
    return caught.value


def code(call, *words):
    return refused(call, *words).code


def test_the_first_supervisor_gets_the_recovery_key(station):
    assert station.operators.is_new
    told = station.operators.first_supervisor(' Ann   Lind ', PIN)
    (ann,) = station.operators.list()
    assert (ann.name, ann.role) == ('Ann Lind', SUPERVISOR) and ann.id.startswith('op-')
    assert len(told) == 47 and station.keys.sealer is not None and not station.operators.is_new
    assert station.events() == ['audit-began', 'recovery-key-made', 'operator-added']
    assert told not in str(station.entries()) and PIN not in str(station.entries())
    assert code(station.operators.first_supervisor, 'Bob', OTHER) == 'operators-exist'


def test_operators_are_there_after_a_restart(station, ann):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    later = station.start()
    assert later.list() == [ann, bob] and station.keys.sealer is None
    assert later.check(bob.id, OTHER) == bob and station.keys.sealer is not None
    assert station.entries()[-1] == ('login', bob.id, {})


def test_names_are_in_any_script_and_tell_people_apart(station, ann):
    for name in ('Ærøskøbing', '山田 花子', 'محمد', "O'Brien; DROP TABLE--", '<b>Eve</b>'):
        assert station.operators.add(ann, name, OPERATOR, OTHER).name == name
    for name in ('', '  ', 'x' * 81, 'a\x1b[0m', 'a\u202eb', 'ANN  lind'):
        assert code(station.operators.add, ann, name, OPERATOR, OTHER) == 'operator-name'


@pytest.mark.parametrize('pin', ['', '12345', '1' * 13, 'abcdef', '12345６', ' 274911', '111111', '121212', '123456',
                                 '987654', '890123', '0000001'])
def test_a_weak_pin_is_refused(station, pin):
    assert code(check_pin, pin) == 'pin-weak'
    assert code(station.operators.first_supervisor, 'Ann', pin) == 'pin-weak' and station.operators.is_new


def test_only_supervisors_manage(station, ann):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    ivo = station.operators.add(ann, 'Ivo', INTEGRATOR, THIRD)
    for by in (bob, ivo, bob._replace(role=SUPERVISOR), ann._replace(id='op-none')):
        for name, words in (('add', ('Eve', OPERATOR, THIRD)), ('remove', (ann.id,)), ('rename', (ann.id, 'Eve')),
                            ('set_role', (bob.id, SUPERVISOR)), ('set_pin', (ann.id, THIRD)), ('new_recovery_key', ()),
                            ('set_passphrase', ('four quiet grey horses',))):
            assert code(getattr(station.operators, name), by, *words) == 'role-needed'
    assert station.operators.list() == [ann, bob, ivo]
    station.operators.set_pin(bob, bob.id, THIRD)
    assert station.operators.check(bob.id, THIRD) == bob, 'their own'


def test_an_operator_is_renamed_promoted_and_removed(station, ann):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    assert station.operators.rename(ann, bob.id, 'Bo').name == 'Bo'
    assert station.operators.rename(ann, bob.id, 'BO').name == 'BO', 'their own name is no other'
    assert station.operators.set_role(ann, bob.id, SUPERVISOR).role == SUPERVISOR
    station.operators.remove(station.operators.get(bob.id), ann.id)
    later = station.start()
    assert [operator.name for operator in later.list()] == ['BO']
    assert code(later.check, ann.id, PIN) == 'operator-unknown'
    assert station.keys.recovery and code(station.keys.unlock, ann.id, PIN) == 'pin-wrong'
    assert [entry for entry in station.entries() if entry[0] == 'operator-removed'] == [
        ('operator-removed', bob.id, {'subject': ann.id, 'name': 'Ann Lind'})]


def test_the_last_supervisor_stays(station, ann):
    assert code(station.operators.remove, ann, ann.id) == 'supervisor-last'
    assert code(station.operators.set_role, ann, ann.id, OPERATOR) == 'supervisor-last'
    assert station.operators.list() == [ann]


def test_an_integrator_opens_no_exam_and_stays_one(station, ann):
    ivo = station.operators.add(ann, 'Ivo', INTEGRATOR, OTHER)
    bob = station.operators.add(ann, 'Bob', OPERATOR, THIRD)
    assert code(station.operators.set_role, ann, ivo.id, OPERATOR) == 'operator-role'
    assert code(station.operators.set_role, ann, bob.id, INTEGRATOR) == 'operator-role'
    assert code(station.operators.set_role, ann, bob.id, 'king') == 'operator-role'
    assert code(station.operators.add, ann, 'Eve', 'king', OTHER) == 'operator-role'
    assert station.start().check(ivo.id, OTHER) == ivo and station.keys.sealer is None


def test_the_list_ends_somewhere(station, ann, monkeypatch):
    monkeypatch.setattr(operators, 'MAX_OPERATORS', 1)
    assert code(station.operators.add, ann, 'Bob', OPERATOR, OTHER) == 'operators-many'


def test_wrong_pins_make_everybody_wait_longer_and_longer(station, ann, time):
    for number, wait_s in enumerate((0, 0, 30, 60, 120, 300, 900, 900), 1):
        error = refused(station.operators.check, ann.id, OTHER)
        assert (error.code, error.seconds) == ('pin-wrong', wait_s)
        assert station.entries()[-1] == ('login-failed', ann.id, {'wrong': number, 'wait_s': wait_s})
        if wait_s:
            time.wait(wait_s - 1)
            error = refused(station.operators.check, ann.id, PIN)
            assert (error.code, error.seconds) == ('pin-wait', 1), 'the right one is not even tried'
            time.wait(1)
    assert station.operators.check(ann.id, PIN) == ann
    assert refused(station.operators.check, ann.id, OTHER).seconds == 0, 'it begins anew after the right one'
    assert len(WAITS_S) == 8


def test_waiting_is_each_operator_s_own(station, ann):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    for _ in range(3):
        code(station.operators.check, ann.id, OTHER)
    assert code(station.operators.check, ann.id, PIN) == 'pin-wait'
    assert station.operators.check(bob.id, OTHER) == bob


def test_wrong_pins_elsewhere_make_nobody_wait_here_and_the_other_way_round(station, ann, time):
    for number in range(3):
        code(station.operators.check, ann.id, OTHER, 'login', '10.0.0.%d' % number)
    assert station.entries()[-1] == ('login-failed', ann.id, {'wrong': 3, 'wait_s': 30, 'address': '10.0.0.2'})
    assert code(station.operators.check, ann.id, PIN, 'login', '10.0.0.9') == 'pin-wait', 'one count for the network'
    assert station.operators.check(ann.id, PIN) == ann
    later = station.start()
    assert later.check(ann.id, PIN) == ann and later.wait_s(ann.id) == 0, 'a restart keeps them apart'
    assert later.wait_s(ann.id, '10.0.0.9') == 30, 'the right PIN here is none there'
    time.wait(30)
    assert later.check(ann.id, PIN, address='10.0.0.9') == ann
    assert station.entries()[-1] == ('login', ann.id, {'address': '10.0.0.9'})
    for _ in range(3):
        code(later.check, ann.id, OTHER)
    assert later.check(ann.id, PIN, address='10.0.0.9') == ann and code(later.check, ann.id, PIN) == 'pin-wait'


def test_another_pin_ends_the_wait_here_and_elsewhere(station, ann):
    for address in ('', '10.0.0.7'):
        for _ in range(3):
            code(station.operators.check, ann.id, OTHER, 'login', address)
    station.operators.set_pin(ann, ann.id, THIRD)
    for address in ('', '10.0.0.7'):
        assert station.operators.check(ann.id, THIRD, address=address) == ann


def test_a_restart_begins_the_wait_anew_at_its_full_length(station, ann, time):
    for _ in range(3):
        code(station.operators.check, ann.id, OTHER)
    time.wait(29)
    assert station.operators.wait_s(ann.id) == 1
    assert station.start().wait_s(ann.id) == 30, 'of the service'
    time.wait(29)
    time.restart()
    assert refused(station.start().check, ann.id, PIN).seconds == 30, 'of the machine, whose date jumped back'
    time.wait(30)
    assert station.operators.check(ann.id, PIN) == ann
    assert station.start().wait_s(ann.id) == 0


def test_switching_off_gives_no_further_try(station, ann):
    """A wrong PIN is counted before it is known to be wrong, wherever the power fails."""
    calls, number = ((os, 'open'), (os, 'write'), (os, 'replace'), (os, 'close')), 0
    counted = []
    while killed_at(number, lambda: code(station.operators.check, ann.id, OTHER), calls):
        number += 1
        counted.append(station.start()._wrong.get(ann.id, 0))
        station.operators._clear(ann.id)
    tried = [count for count in counted if count]
    assert set(counted) == {0, 1} and counted == [0] * (len(counted) - len(tried)) + [1] * len(tried)
    assert number - len(tried) <= 5, 'only before the count is in place'


def test_a_full_disk_lets_people_in_and_counts_on(station, ann, monkeypatch):
    def full(*words):
        raise StorageError('disk-full', 'full')
    monkeypatch.setattr(operators, 'atomic_write_json', full)
    for _ in range(3):
        assert code(station.operators.check, ann.id, OTHER) == 'pin-wrong'
    assert code(station.operators.check, ann.id, PIN) == 'pin-wait'


@pytest.mark.parametrize('junk', ['', '[]', '{"a": "b"}', '{"a": -1}', '\udc80'])
def test_counts_that_cannot_be_read_stop_nobody(station, ann, tmp_path, junk):
    (tmp_path / 'operators' / 'attempts.json').write_bytes(junk.encode('utf-8', 'surrogateescape'))
    assert station.start().check(ann.id, PIN) == ann


def test_nobody_logs_in_unless_the_log_says_so(station, ann, monkeypatch):
    station.audit.close()
    with pytest.raises(StorageError) as caught:
        station.operators.check(ann.id, PIN)
    assert caught.value.code == 'audit-failed'


def test_nobody_who_only_reads_waits_for_a_pin_to_be_checked(station, ann, monkeypatch):
    read = []

    def unlock(operator_id, pin):
        reader = threading.Thread(target=lambda: read.append((station.operators.list(), station.operators.get(ann.id))))
        reader.start()
        reader.join(30)
    monkeypatch.setattr(station.keys, 'unlock', unlock)
    station.operators.check(ann.id, PIN)
    assert read == [([ann], ann)]


def test_a_pin_that_is_asked_for_again_is_said_as_such(station, ann):
    station.operators.check(ann.id, PIN, 'confirmed')
    assert station.events()[-1] == 'confirmed'


def test_a_supervisor_gives_a_new_pin_to_who_forgot_it(station, ann, time):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    for _ in range(3):
        code(station.operators.check, bob.id, THIRD)
    station.operators.set_pin(ann, bob.id, THIRD)
    assert station.operators.check(bob.id, THIRD) == bob, 'and nobody waits'
    station.start()
    assert code(station.operators.set_pin, ann, bob.id, OTHER) == 'keys-locked'


def test_the_recovery_key_gives_a_supervisor_a_new_pin(station, ann):
    bob = station.operators.add(ann, 'Bob', OPERATOR, OTHER)
    station.start()
    assert code(station.operators.recover, 'AAAA', ann.id, THIRD) == 'recovery-typo'
    assert code(station.operators.recover, station.recovery, bob.id, THIRD) == 'operator-role'
    assert code(station.operators.recover, station.recovery, ann.id, '111111') == 'pin-weak'
    assert station.operators.recover(station.recovery, ann.id, THIRD) == ann
    assert station.start().check(ann.id, THIRD) == ann
    told = station.operators.new_recovery_key(ann)
    station.operators.check_recovery(station.recovery)
    station.operators.keep_recovery_key(ann)
    assert code(station.operators.recover, station.recovery, ann.id, PIN) == 'recovery-wrong'
    assert station.operators.recover(told, ann.id, PIN) == ann
    assert [event for event in station.events() if event.startswith('recovery')] == [
        'recovery-key-made', 'recovery-key-used', 'recovery-key-made', 'recovery-key-kept', 'recovery-failed',
        'recovery-key-used']


def test_wrong_recovery_keys_make_wait_and_typos_do_not(station, ann, time):
    station.operators.new_recovery_key(ann)
    other = station.operators.new_recovery_key(ann)  # printed so, and never kept
    for _ in range(5):
        assert code(station.operators.check_recovery, station.recovery[:-1]) == 'recovery-typo'
    for _ in range(3):
        assert code(station.operators.check_recovery, other) == 'recovery-wrong'
    assert refused(station.operators.recover, station.recovery, ann.id, THIRD).seconds == 30
    assert station.events()[-3:] == ['recovery-failed'] * 3 and other not in str(station.entries())
    time.wait(30)
    assert station.operators.recover(station.recovery, ann.id, THIRD) == ann


def test_the_recovery_key_takes_a_forgotten_passphrase_away(station, ann):
    station.operators.set_passphrase(ann, 'four quiet grey horses')
    station.start()
    station.operators.recover(station.recovery, ann.id, THIRD)
    assert station.events()[-3:] == ['recovery-key-used', 'passphrase-removed', 'pin-changed']
    assert station.start().check(ann.id, THIRD) == ann


def test_after_the_loss_of_the_secret_the_recovery_key_opens(station, ann, tmp_path):
    os.remove(str(tmp_path / 'secret'))
    assert code(station.start().check, ann.id, PIN) == 'secret-other'
    assert station.operators.wait_s(ann.id) == 0, 'nothing was tried'
    station.operators.recover(station.recovery, ann.id, THIRD)
    assert station.operators.check(ann.id, THIRD) == ann


def test_keys_without_operators_need_the_recovery_key(station, ann, tmp_path):
    sealed = station.keys.sealer.seal(b'counts', 'e/1')
    for name in ('operators.json', 'operators-copy.json'):
        os.remove(str(tmp_path / 'operators' / name))
    assert station.start().is_new
    assert code(station.operators.first_supervisor, 'Bob', OTHER) == 'recovery-needed'
    assert code(station.operators.first_supervisor, 'Bob', OTHER, 'AAAA') == 'recovery-typo'
    assert station.operators.first_supervisor('Bob', OTHER, station.recovery) == ''
    assert station.keys.sealer.open(sealed, 'e/1') == b'counts'


def test_a_first_start_that_was_killed_is_begun_again(tmp_path, time):
    number, station = 0, Station(tmp_path, time)
    while killed_at(number, lambda: station.operators.first_supervisor('Ann', PIN)):
        number += 1
        operators_now = station.start()
        if not operators_now.is_new:
            (ann,) = operators_now.list()
            assert operators_now.check(ann.id, PIN) == ann, 'all of it was there but what was printed'
            assert operators_now.new_recovery_key(ann)
            break
    else:
        pytest.fail('it was never killed late enough')
    station.stop()
    assert number > 10


def test_a_passphrase_is_asked_for_after_the_start_and_makes_wait(station, ann, time):
    station.operators.set_passphrase(ann, 'four quiet grey horses')
    station.start()
    assert code(station.operators.check, ann.id, PIN) == 'passphrase-needed'
    for _ in range(3):
        assert code(station.operators.start, 'four quiet grey mules') == 'passphrase-wrong'
    assert code(station.operators.start, 'four quiet grey horses') == 'pin-wait'
    time.wait(30)
    station.operators.start('four quiet grey horses')
    assert station.operators.check(ann.id, PIN) == ann
    station.operators.set_passphrase(ann, '')
    assert station.start().check(ann.id, PIN) == ann
    assert [event for event in station.events() if event.startswith('passphrase')] == [
        'passphrase-set', 'passphrase-failed', 'passphrase-failed', 'passphrase-failed', 'passphrase-given',
        'passphrase-removed']
