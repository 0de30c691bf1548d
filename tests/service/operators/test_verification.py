"""Whatever is done to the audit log is named, with the entry where it begins; a cut is never 'cannot say'."""
import hashlib
import json
import os
import shutil

import pytest

from service.messages import StorageError
from service.operators import Anchor, Audit, Signer, verify
from service.operators.chain import decode, encode, mac_of

KEY = b'k' * 32
FILE = '00000001.jsonl'


class Station:
    """A log of ten entries, of which the first six are signed, and an exam that knows of eight."""

    def __init__(self, folder, time):
        self.folder, self.log = folder, str(folder / 'audit')
        self.time = time
        self.signer = Signer(str(folder / 'signer'), self.log, time.clock())
        self.anchors = {}
        with Audit(self.log, time.clock(), self.signer, KEY) as audit:
            for number in range(2, 11):
                anchor = audit.append('exam-viewed', 'op-1', exam='e%d' % number)
                if number == 6:
                    audit.checkpoint()
                if number == 8:
                    self.anchors['exam e8'] = anchor
            self.end = audit.anchor

    @property
    def lines(self):
        with open(os.path.join(self.log, FILE), 'rb') as stream:
            return stream.read().splitlines()

    def put(self, lines):
        with open(os.path.join(self.log, FILE), 'wb') as stream:
            stream.write(b''.join(line + b'\n' for line in lines))

    def verify(self, **words):
        return verify(self.log, self.anchors, **dict({'public_key': self.signer.public_key}, **words))

    def found(self, **words):
        verdict = self.verify(**words)
        return verdict.answer, verdict.seq, verdict.kind


def linked(lines, key=None):
    """The lines with every `prev` and number made to fit, as someone does who can write the log."""
    head, fitting = '0' * 64, []
    for number, line in enumerate(lines, 1):
        entry = dict(decode(line), prev=head, seq=number)
        fitting.append(encode(dict(entry, mac=mac_of(key, entry) if key else entry['mac'])))
        head = hashlib.sha256(fitting[-1]).hexdigest()
    return fitting


def other(line):
    return line.replace(b'"exam":"e', b'"exam":"f')


@pytest.fixture
def station(tmp_path, time):
    return Station(tmp_path, time)


@pytest.fixture(params=[None, KEY], ids=['', 'mac'])
def mac_key(request):
    return request.param


def test_a_whole_log_is_whole_up_to_what_confirms_it(station, mac_key):
    verdict = station.verify(mac_key=mac_key)
    assert verdict[:3] == (0, 0, '') and (verdict.entries, verdict.confirmed) == (10, 8)
    assert verdict.sentence == 'The audit log is whole: exam e8 confirms its first 8 entries, and 2 later ones hang ' \
                               'together.'
    station.anchors['page'] = Anchor(10, station.end.head[:8].upper())
    assert station.verify().sentence == 'The audit log is whole: page confirms its first 10 entries.'


def test_a_changed_entry_is_named(station, mac_key):
    lines = station.lines
    for number in (1, 2, 6, 9):
        changed = lines[:]
        changed[number - 1] = lines[number - 1].replace(b'"utc":"2027', b'"utc":"2026')
        station.put(changed)
        assert changed != lines and station.found(mac_key=mac_key) == (1, number, 'changed')
        for broken in (b'', b'{}', b'[]', b'\xff', b'{"seq":' * 5000, lines[0][:-1], lines[0] + b' ',
                       encode(dict(decode(lines[number - 1]), more=1)),
                       encode(dict(decode(lines[number - 1]), seq='1'))):
            changed[number - 1] = broken
            station.put(changed)
            assert station.found(mac_key=mac_key) == (1, number, 'changed')


def test_a_changed_number_or_hash_is_a_change_of_that_entry(station, mac_key):
    lines = station.lines
    for number in (2, 5, 9):
        entry = decode(lines[number - 1])
        for changed in (dict(entry, prev='f' * 64), dict(entry, seq=number + 1), dict(entry, seq=99),
                        dict(entry, seq=number - 1), dict(entry, seq=-1)):
            station.put(lines[:number - 1] + [encode(changed)] + lines[number:])
            assert station.found(mac_key=mac_key) == (1, number, 'changed')


def test_a_changed_last_entry_is_noticed_by_its_mac(station):
    station.put(station.lines[:-1] + [other(station.lines[-1]).replace(b'"op-1"', b'"op-2"')])
    assert station.found(mac_key=KEY) == (1, 10, 'changed')
    assert station.found() == (0, 0, ''), 'nothing else than the key knows of it yet'


def test_a_missing_entry_is_named(station, mac_key):
    lines = station.lines
    for number in range(1, 10):
        station.put(lines[:number - 1] + lines[number:])
        assert station.found(mac_key=mac_key) == (1, number, 'missing')
    station.put(lines[:3] + lines[6:])
    assert station.found(mac_key=mac_key) == (1, 4, 'missing')


def test_an_added_or_moved_entry_is_named(station, mac_key):
    lines = station.lines
    station.put(lines[:4] + [lines[3]] + lines[4:])
    assert station.found(mac_key=mac_key) == (1, 5, 'changed')
    station.put(lines[:4] + [lines[5], lines[4]] + lines[6:])
    assert station.found(mac_key=mac_key) == (1, 5, 'missing')


@pytest.mark.parametrize('left', range(1, 8))
def test_a_cut_is_a_cut_with_and_without_the_key(station, left):
    station.put(station.lines[:left])
    for words in ({}, {'public_key': None}, {'mac_key': KEY}):
        verdict = station.verify(**words)
        assert verdict[:3] == (1, left + 1, 'cut'), words
        assert '%d entries' % left in verdict.sentence and 'exam e8 knows of 8' in verdict.sentence


def test_a_cut_in_the_middle_of_an_entry_is_a_cut(station):
    path = os.path.join(station.log, FILE)
    os.truncate(path, os.path.getsize(path) - len(b''.join(station.lines[7:])) + 5)
    assert station.found() == (1, 8, 'cut')


def test_a_deleted_log_is_a_cut(station):
    os.remove(os.path.join(station.log, FILE))
    assert station.found() == (1, 1, 'cut')
    shutil.rmtree(station.log)
    verdict = station.verify()
    assert verdict[:3] == (1, 1, 'cut') and verdict.sentence == 'The audit log is gone: exam e8 knows of 8 entries.'


def test_a_new_log_in_the_place_of_a_deleted_one_is_noticed(station, time):
    shutil.rmtree(station.log)
    with Audit(station.log, time.clock(), None, KEY) as audit:
        audit.append('login')
        assert station.found(mac_key=KEY) == (1, 3, 'cut')
        for _ in range(20):
            audit.append('login')
    assert station.found(mac_key=KEY) == (1, 1, 'rewritten')


def test_a_rewritten_log_is_named_from_the_last_entry_that_is_confirmed(station):
    lines = station.lines
    for number, seq in ((2, 1), (6, 1), (7, 7), (8, 7)):
        station.put(linked(lines[:number - 1] + [other(lines[number - 1])] + lines[number:], KEY))
        assert station.found(mac_key=KEY) == (1, seq, 'rewritten')
    station.put(linked(lines[:4] + lines[5:], KEY))
    assert station.found() == (1, 1, 'rewritten'), 'one was taken out'
    station.put(linked(lines[:6] + lines[7:] + lines[8:], KEY))
    assert station.found() == (1, 7, 'rewritten')


def test_without_the_station_s_key_a_rewritten_entry_is_named_exactly(station):
    lines = station.lines
    station.put(linked(lines[:4] + [other(lines[4])] + lines[5:]))
    assert station.found(mac_key=KEY) == (1, 5, 'changed')
    assert station.found() == (1, 1, 'rewritten')


def test_a_checkpoint_that_the_signer_did_not_make_is_named(station):
    path = os.path.join(station.log, 'checkpoints.jsonl')
    with open(path, 'rb') as stream:
        kept = stream.read()
    for changed in (kept.replace(b'"count":6', b'"count":5'), b'{}\n', b'junk\n', kept + kept.replace(b'6', b'7'),
                    encode({'count': 6, 'head': 'x', 'signature': 'zz'}) + b'\n'):
        with open(path, 'wb') as stream:
            stream.write(changed)
        verdict = station.verify()
        assert verdict.answer == 1 and verdict.kind == 'changed' and 'Checkpoint' in verdict.sentence
    os.remove(path)
    assert station.found() == (0, 0, '')


def test_what_cannot_be_said_is_not_said(station, tmp_path, monkeypatch):
    nothing = verify(str(tmp_path / 'none'), {}, station.signer.public_key)
    assert nothing[:3] == (2, 0, '') and 'no audit log' in nothing.sentence
    unconfirmed = verify(station.log, {})
    assert unconfirmed[:3] == (2, 0, '') and 'name its public key' in unconfirmed.sentence
    station.anchors = {}
    station.put(station.lines[:4])
    assert station.found(public_key=None) == (1, 5, 'cut'), 'a checkpoint knows, though nobody can check its signature'

    def refuse(path):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(os, 'listdir', refuse)
    assert verify(station.log, {})[:3] == (2, 0, '')


def test_a_printed_anchor_needs_eight_digits(station):
    station.anchors = {'report': Anchor(10, station.end.head[:8])}
    assert station.verify().confirmed == 10
    station.anchors = {'report': Anchor(10, station.end.head[:7])}
    assert station.found() == (1, 7, 'rewritten')


def test_the_signer_signs_only_what_goes_on(station, time):
    lines = station.lines

    def sign():
        return station.signer.checkpoint()['count']
    assert sign() == 10 and sign() == 10
    for changed in (lines[:9], lines[:9] + [other(lines[9])], [], linked(lines[:1] + [other(lines[1])] + lines[2:])):
        station.put(changed)
        with pytest.raises(StorageError) as caught:
            sign()
        assert caught.value.code == 'audit-broken'
    station.put(lines)
    with Audit(station.log, time.clock(), None, KEY) as audit:
        audit.append('login')
    grown = station.lines
    station.put(grown[:10] + [grown[10].replace(b'"seq":11', b'"seq":12')])
    with pytest.raises(StorageError):
        sign()
    station.put(grown)
    assert sign() == 11


def test_a_cut_tail_that_was_only_signed_is_noticed_though_the_log_went_on(station, time):
    station.signer.checkpoint()
    station.put(station.lines[:9])
    with Audit(station.log, time.clock(), station.signer, KEY) as audit:
        audit.append('login')
        audit.append('login')
        with pytest.raises(StorageError) as caught:
            audit.checkpoint()
    assert caught.value.code == 'audit-broken'
    state = json.loads((station.folder / 'signer' / 'signed.json').read_text())
    station.anchors['signer'] = Anchor(state['count'], state['head'])
    assert station.found(mac_key=KEY) == (1, 9, 'rewritten')


@pytest.mark.parametrize('left', ['link', 'folder', 'file for its folder', 'checkpoints alone'])
def test_what_stands_in_the_place_of_a_deleted_log_hides_nothing(station, mac_key, left):
    checkpoints = os.path.join(station.log, 'checkpoints.jsonl')
    os.unlink(os.path.join(station.log, FILE))
    if left == 'link':
        os.symlink('/nowhere', os.path.join(station.log, FILE))
    elif left == 'folder':
        os.mkdir(os.path.join(station.log, FILE))
        os.unlink(checkpoints)
        os.mkdir(checkpoints)
    elif left == 'file for its folder':
        shutil.rmtree(station.log)
        with open(station.log, 'w'):
            pass
    assert station.found(mac_key=mac_key) == (1, 1, 'cut')


def test_the_key_of_the_marks_knows_that_there_was_a_log(station):
    shutil.rmtree(station.log)
    assert verify(station.log, {})[:3] == (2, 0, '')
    assert verify(station.log, {}, mac_key=KEY)[:3] == (1, 1, 'cut')
