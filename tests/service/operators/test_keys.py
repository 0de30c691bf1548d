"""The data key opens with the right PIN on the right station, and with the recovery key; with nothing else."""
import os
import shutil
import stat

import pytest

from service.messages import StorageError
from service.operators import keys
from service.operators.keys import Cost, KeyStore, OperatorError, misread_groups, open_recovery
from service.sealing import PlainSealer, Sealer

CHEAP = Cost(2, 8, 1)
PIN, OTHER = '274911', '903356'


class Station:
    """A folder of keys and the secret of a station beside it."""

    def __init__(self, folder):
        self.folder, self.secret = str(folder / 'operators'), str(folder / 'station.secret')

    def open(self, **words):
        return KeyStore(self.folder, self.secret, words.pop('cost', CHEAP), **words)


@pytest.fixture
def station(tmp_path):
    return Station(tmp_path)


@pytest.fixture
def store(station):
    made = station.open()
    made.recovery_text = made.make('ann', PIN)
    return made


def code(call, *words):
    with pytest.raises(OperatorError) as caught:
        call(*words)
    return caught.value.code


def test_the_right_pin_opens_what_was_sealed(station, store):
    sealed = store.sealer.seal(b'counts', 'e/1')
    later = station.open()
    assert later.sealer is None and not later.is_new
    assert later.unlock('ann', PIN) is True
    assert later.sealer.open(sealed, 'e/1') == b'counts'
    later.lock()
    assert later.sealer is None and code(later.wrap, 'bob', OTHER) == 'keys-locked'


def test_a_wrong_pin_opens_nothing(station, store):
    later = station.open()
    for operator, pin in (('ann', OTHER), ('ann', ''), ('bob', PIN), ('', '')):
        assert code(later.unlock, operator, pin) == 'pin-wrong'
    assert later.sealer is None


def test_every_operator_has_a_pin_of_their_own(station, store):
    store.wrap('bob', OTHER)
    for operator, pin in (('ann', PIN), ('bob', OTHER)):
        later = station.open()
        assert later.unlock(operator, pin) and later.sealer.key_id == store.sealer.key_id
    assert code(station.open().unlock, 'ann', OTHER) == 'pin-wrong'


def test_a_changed_pin_rewraps_one_key_and_no_file(station, store):
    sealed = store.sealer.seal(b'counts', 'e/1')
    store.wrap('bob', OTHER)
    before = station.open()._document['wraps']
    store.wrap('ann', '551902')
    after = station.open()._document['wraps']
    assert after['bob'] == before['bob'] and after['ann'] != before['ann']
    later = station.open()
    assert code(later.unlock, 'ann', PIN) == 'pin-wrong'
    assert later.unlock('ann', '551902') and later.sealer.open(sealed, 'e/1') == b'counts'


def test_a_wrap_cannot_be_passed_off_as_that_of_another(station, store):
    store.wrap('bob', OTHER)
    store._write(wraps=dict(store._document['wraps'], ann=store._document['wraps']['bob']))
    assert code(station.open().unlock, 'ann', OTHER) == 'pin-wrong'


def test_the_pin_of_an_integrator_opens_nothing(station, store):
    store.wrap('ivo', OTHER, opens=False)
    later = station.open()
    assert later.unlock('ivo', OTHER) is False and later.sealer is None
    assert code(later.unlock, 'ivo', PIN) == 'pin-wrong'


def test_without_the_secret_of_the_station_a_pin_is_worth_nothing(station, store):
    os.remove(station.secret)
    stolen = station.open()
    assert code(stolen.unlock, 'ann', PIN) == 'secret-other'
    # Somebody who writes the id of their own secret into the record is no better off.
    record = dict(stolen._document['wraps']['ann'], secret=stolen._secret_file['id'])
    stolen._write(wraps={'ann': record})
    assert code(stolen.unlock, 'ann', PIN) == 'pin-wrong'


def test_the_recovery_key_opens_a_restored_station(tmp_path, station, store):
    sealed = store.sealer.seal(b'counts', 'e/1')
    new = Station(tmp_path / 'new')
    shutil.copytree(station.folder, new.folder)
    restored = new.open()
    assert code(restored.unlock, 'ann', PIN) == 'secret-other'
    restored.recover(store.recovery_text)
    assert restored.sealer.open(sealed, 'e/1') == b'counts'
    restored.wrap('ann', OTHER)
    assert new.open().unlock('ann', OTHER)


def test_the_recovery_key_is_read_as_people_type_it(store):
    text = store.recovery_text
    assert len(text.replace('-', '')) == 40 and set(text) <= set('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-')
    data_key = open_recovery(store.recovery, text)
    for typed in (text.lower(), text.replace('-', ' '), text.replace('-', ''), ' %s\n' % text,
                  text.replace('O', '0').replace('I', '1').replace('B', '8')):
        assert open_recovery(store.recovery, typed) == data_key
    assert Sealer(data_key).key_id == store.sealer.key_id == store.recovery['key_id']
    for wrong in ('', 'ABCD', text[:-1], text + 'A', text + '-ABCDE', 'é' * 40, '9' * 40, '-' * 7):
        assert code(open_recovery, store.recovery, wrong) == 'recovery-typo'


def test_every_wrong_character_is_named_by_its_group(store):
    groups = store.recovery_text.split('-')
    for number, group in enumerate(groups, 1):
        for place in range(len(group)):
            for letter in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.replace(group[place], ''):
                spoilt = group[:place] + letter + group[place + 1:]
                assert misread_groups('-'.join(groups[:number - 1] + [spoilt] + groups[number:])) == [number]
    assert misread_groups('-'.join(groups[:1] + [groups[2], groups[1]] + groups[3:])) == [2, 3]
    with pytest.raises(OperatorError) as caught:
        open_recovery(store.recovery, '-'.join(['AAAA9'] + groups[1:6] + ['AAA9', groups[7][:3]]))
    assert caught.value.message.sentence == 'Groups 1, 7 and 8 of the recovery key cannot be right.'


def test_the_recovery_key_of_another_station_is_told_from_a_typo(tmp_path, store):
    other = Station(tmp_path / 'other').open().make('ann', PIN)
    assert misread_groups(other) == [] and code(open_recovery, store.recovery, other) == 'recovery-wrong'


def test_a_new_recovery_key_holds_once_it_is_written_down(station, store):
    assert not station.open().recovery_is_written_down
    store.keep_recovery_key()
    assert station.open().recovery_is_written_down
    told = store.new_recovery_key()
    station.open().recover(store.recovery_text)
    assert code(station.open().recover, told) == 'recovery-wrong'
    store.keep_recovery_key()
    later = station.open()
    assert code(later.recover, store.recovery_text) == 'recovery-wrong' and later.recovery_is_written_down
    later.recover(told)
    assert later.unlock('ann', PIN)


def test_the_recovery_key_also_opens_a_station_whose_passphrase_is_forgotten(station, store):
    store.set_passphrase('four quiet grey horses')
    audit_key, later = store.audit_key, station.open()
    assert later.waits_for_passphrase
    later.recover(store.recovery_text)
    later.wrap('ann', OTHER)
    last = station.open()
    assert not last.waits_for_passphrase and last.unlock('ann', OTHER) and last.audit_key == audit_key


def test_keys_are_made_once(station, store):
    assert code(store.make, 'bob', OTHER) == 'keys-exist'
    fresh = KeyStore(station.folder + '2', station.secret, CHEAP)
    assert fresh.is_new and code(fresh.recover, store.recovery_text) == 'keys-new'


def test_a_passphrase_protects_a_stolen_station(station, store):
    assert code(store.set_passphrase, 'too short  ') == 'passphrase-short'
    store.set_passphrase('four quiet grey  horses')
    with open(station.secret) as stream:
        assert store._secret.hex() not in stream.read()
    later = station.open()
    assert later.waits_for_passphrase and later.audit_key == store.audit_key
    assert code(later.unlock, 'ann', PIN) == 'passphrase-needed'
    assert code(later.set_passphrase, '') == 'passphrase-needed'
    assert code(later.start, 'four quiet grey mules') == 'passphrase-wrong'
    later.start(' four quiet grey horses ')
    assert later.unlock('ann', PIN) and not later.waits_for_passphrase
    later.set_passphrase('')
    assert station.open().unlock('ann', PIN)


def test_the_cost_is_in_every_record_and_rises_at_the_next_login(station, store):
    dearer = station.open(cost=Cost(4, 8, 1))
    assert dearer.unlock('ann', PIN) and dearer._document['wraps']['ann']['n'] == 4
    assert station.open(cost=Cost(4, 8, 1)).unlock('ann', PIN)
    assert tuple(Cost()) == (32768, 8, 1)


def test_a_full_disk_keeps_nobody_out(station, store, monkeypatch):
    def full(document):
        raise StorageError('disk-full', 'full')
    dearer = station.open(cost=Cost(4, 8, 1))
    monkeypatch.setattr(dearer._file, 'write', full)
    assert dearer.unlock('ann', PIN) and dearer._document['wraps']['ann']['n'] == 2


@pytest.mark.parametrize('field, value', [('n', 3), ('n', 1 << 30), ('n', -2), ('r', 0), ('r', 1 << 20), ('p', 99)])
def test_a_cost_that_is_none_of_ours_is_not_paid(store, field, value):
    store._write(wraps={'ann': dict(store._document['wraps']['ann'], **{field: value})})
    assert code(store.unlock, 'ann', PIN) == 'keys-damaged'


def test_one_derivation_at_a_time(store, monkeypatch):
    """Twenty at once would take 640 MiB."""
    taken = []

    class Watched:
        def __enter__(self):
            taken.append(1)

        def __exit__(self, *exc):
            pass
    monkeypatch.setattr(keys, '_DERIVING', Watched())
    store.unlock('ann', PIN)
    store.wrap('bob', OTHER)
    assert len(taken) == 2


def test_who_leaves_loses_the_wrap(station, store):
    store.wrap('bob', OTHER)
    store.forget(['ann'])
    assert code(station.open().unlock, 'bob', OTHER) == 'pin-wrong'
    for name in ('keys.json', 'keys-copy.json'):
        with open(os.path.join(station.folder, name)) as stream:
            assert 'bob' not in stream.read()


def test_the_secret_is_for_this_user_alone_and_in_no_folder_that_is_backed_up(station, store):
    store.set_passphrase('four quiet grey horses')
    for path in (station.secret, station.folder):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0
    assert os.path.dirname(station.secret) != station.folder


@pytest.mark.parametrize('junk', [b'', b'[]', b'{}', b'\xff',
                                  b'{"version": 1, "id": "x", "audit": "zz", "secret": "00"}'])
def test_a_damaged_secret_is_said(station, store, junk):
    with open(station.secret, 'wb') as stream:
        stream.write(junk)
    assert code(station.open) == 'secret-damaged'


def test_a_station_without_encryption_knows_its_operators_too(station, store):
    plain = station.open(encrypts=False)
    assert code(plain.unlock, 'ann', OTHER) == 'pin-wrong' and plain.sealer is None
    assert plain.unlock('ann', PIN) and isinstance(plain.sealer, PlainSealer)


def test_the_damage_of_one_file_is_repaired_from_the_other(station, store):
    paths = [os.path.join(station.folder, name) for name in ('keys.json', 'keys-copy.json')]
    with open(paths[0], 'rb') as stream:
        good = stream.read()
    for path in paths:
        for junk in (b'', good[:-9], good.replace(b'"version": 1', b'"version": 2'), good[:40] + b'x' + good[41:]):
            with open(path, 'wb') as stream:
                stream.write(junk)
            later = station.open()
            assert later.unlock('ann', PIN)
            later.repair()
            with open(path, 'rb') as stream:
                assert stream.read() == good
        os.remove(path)
        later = station.open()
        assert later.unlock('ann', PIN) and not os.path.exists(path), 'reading writes nothing'
        later.repair()
        assert os.path.exists(path)


def test_the_damage_of_both_files_is_said(station, store):
    for name in ('keys.json', 'keys-copy.json'):
        with open(os.path.join(station.folder, name), 'wb') as stream:
            stream.write(b'{}')
    with pytest.raises(StorageError) as caught:
        station.open()
    assert caught.value.code == 'document-damaged'
