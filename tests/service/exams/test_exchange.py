"""Whole exams leave and come back: the same exams, or one line and nothing changed."""
import errno
import hashlib
import json
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from service.bundle import generate_key, key_id, load_key, public_bytes
from service.exams import export_exams, import_exams, verify_store
from service.exams.exam import ACQUIRING, AMENDED, DISCARDED, DRAFT, HELD, SIGNED, ExamMissingError, Patient
from service.exams.exchange import MANIFEST, check_export, find_exports, signed_list
from service.exams.folder import EXAM_NAME, encode_document, encode_exam, own_hash, path_of, read_exam, stored
from service.messages import ThermoscreenError
from service.sealing import PlainSealer, Sealer
from tests.fakes.killing import killed_at
from tests.fakes.synced import NOT_OURS, Synced
from tests.service.exams.station import CONDITIONS, ORDER, REAL, ZOE, Station, the_clock

KEYS = {'plain': PlainSealer(), 'key': Sealer(b'k' * 32), 'other key': Sealer(b'K' * 32)}


@pytest.fixture(scope='module')
def signer(tmp_path_factory):
    """Signs exports, whoever makes them: whoever has a key signs whatever they want."""
    path = str(tmp_path_factory.mktemp('signer') / 'station.pem')
    generate_key(path)
    return load_key(path)


@pytest.fixture(autouse=True)
def signing(signer, monkeypatch):
    monkeypatch.setitem(SIGNER, 'key', signer)


SIGNER = {}


def import_(folders, exams, operator, *more):
    """An import that trusts the one key of these tests."""
    return import_exams(folders, exams, operator, {key_id(public_bytes(SIGNER['key']))}, *more)


@pytest.fixture
def stations(tmp_path):
    """Stations by name and key, closed at the end."""
    made = {}

    def station(name, key='plain'):
        if name not in made:
            made[name] = Station(tmp_path / name, KEYS[key], REAL)
        return made[name]
    yield station
    for station_ in made.values():
        station_.close()


def export(station, out, sealed=False, exam_ids=()):
    ids = exam_ids or [entry.row.id for entry in station.exams.list()]
    return export_exams(station.folder, ids, str(out), None if sealed else station.sealer, the_clock().now(),
                        SIGNER['key'])


def code_of(call, *args, **kwargs):
    with pytest.raises(ThermoscreenError) as caught:
        call(*args, **kwargs)
    assert caught.value.message.sentence and caught.value.message.next_step
    return caught.value.code


def tree(folder):
    """Everything in a folder by its path; the index of a store is not looked at."""
    return {str(path.relative_to(str(folder))): path.read_bytes() if path.is_file() else None
            for path in Path(str(folder)).rglob('*') if 'exams.db' not in path.name}


@pytest.mark.parametrize('source, sealed, target', [
    ('plain', False, 'plain'), ('plain', False, 'key'), ('key', False, 'other key'), ('key', True, 'key'),
    ('key', False, 'plain')])
def test_exams_come_to_another_station_as_they_were(stations, tmp_path, source, sealed, target):
    here, there = stations('here', source), stations('there', target)
    kept = [here.exam(AMENDED, Patient('P-2', 'Zoë Ångström'), ORDER), here.exam(DISCARDED), here.exam(ACQUIRING)]
    own = there.exam(SIGNED, Patient('P-9'))
    assert [entry.exam.id for entry in export(here, tmp_path / 'out', sealed)] == sorted(exam.id for exam in kept)
    if sealed:
        assert all(tree(tmp_path / 'out')[name] == data for name, data in tree(here.folder).items()
                   if name.startswith('exams') and data is not None)
    else:
        assert all(not read_exam(str(tmp_path / 'out'), exam.id).encrypted for exam in kept)
    assert list(verify_store(here.folder)) == [] and (tmp_path / 'out').stat().st_mode & 0o077 == 0
    done = import_([str(tmp_path / 'out')], there.exams, 'chief')
    assert [exam.id for exam in done.taken] == [exam.id for exam in kept] and done.same == ()
    exams = there.exams
    for number, exam in enumerate(kept, own.number + 1):
        taken = exams.get(exam.id)
        assert (taken.number, taken.state, taken.encrypted) == (number, exam.state, target != 'plain')
        assert exams.patient(taken) == here.exams.patient(exam)
        assert exams.order(taken) == (ORDER if exam is kept[0] else None)
        assert [event.kind for event in taken.events] == [event.kind for event in exam.events] + ['imported']
        assert [event.stamp for event in taken.events[:-1]] == [event.stamp for event in exam.events]
        assert all(exams.private(taken, event.number) == here.exams.private(exam, event.number)
                   for event in exam.events)
        assert {name: exams.read_file(taken, name) for name in taken.files} == {
            name: here.exams.read_file(exam, name) for name in exam.files}
    seqs = [event.seq for exam in [own] + [exams.get(exam.id) for exam in kept] for event in exam.events]
    assert seqs == sorted(set(seqs)), 'their events have places after those that were here'
    assert exams.get(kept[0].id).anchors[0].count == len(there.log) - 2, 'of the log here, not of the one there'
    assert [event for event, _, _ in there.log[-3:]] == ['exam-imported'] * 3
    before = exams.list()
    assert [entry.row.id for entry in exams.list('ångström')] == [kept[0].id] and list(exams.verify()) == []
    assert exams.rebuild() == 4 and exams.list() == before and exams.create(ZOE, 'op').number == 5
    assert exams.amend(kept[0].id, 'op', 'late', 'text').state == AMENDED
    done = import_([str(tmp_path / 'out')] * 2, exams, 'chief')
    assert done.taken == () and set(done.same) == {exam.id for exam in kept}, 'also the one that went on'


def rewrite(folder, exam):
    """Put an exam into an export, with all hashes fitting."""
    place = Path(path_of(folder, exam.id)) / EXAM_NAME
    document = json.loads(encode_exam(exam).decode('utf-8'))
    rehash(folder, exam.id, place, document)


def rehash(folder, exam_id, place, document):
    document.pop('sha256')
    place.write_bytes(encode_document(dict(document, sha256=own_hash(document))))
    manifest(folder, lambda told: told['exams'].update({exam_id: hashlib.sha256(
        place.read_bytes()).hexdigest()}))


def manifest(folder, change):
    path = Path(folder) / MANIFEST
    document = json.loads(path.read_text(encoding='utf-8'))
    del document['signature']
    change(document)
    path.write_bytes(signed_list(document, SIGNER['key']))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def to_link(path):
    path.rename(str(path) + '.away')
    path.symlink_to(str(path) + '.away')


def swap(one, other):
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def newer(folder, place, exam):
    rehash(folder, exam.id, place, dict(json.loads(place.read_text(encoding='utf-8')), version=9))


def forge(folder):
    """Change the list and leave its signature."""
    path = Path(folder) / MANIFEST
    document = json.loads(path.read_text(encoding='utf-8'))
    document['stamp']['utc'] = '2020-01-01T00:00:00.000000Z'
    path.write_bytes(encode_document(document))


def with_file(folder, exam, place, name, data, **facts):
    """Exchange a file of the first capture, or facts of it, with all hashes fitting."""
    if name:
        (place / name).write_bytes(data)
    captured = exam.events[2]
    changed = stored({name: data} if name else {})
    files = dict(captured.facts['files'], **{key: list(file) for key, file in changed.items()})
    rewrite(folder, replace(exam, events=exam.events[:2] + (
        replace(captured, facts=dict(captured.facts, files=files, **facts)),) + exam.events[3:]))


def big_png():
    """The head of a picture that takes 48 GB."""
    return REAL.overlay[:16] + struct.pack('>II', 1 << 17, 1 << 17) + REAL.overlay[24:]


#: Files that are not what their names say.
NO_FILES = [('0001.tscap', b'counts'), ('0001.tscap', REAL.capture[:-1]), ('0001.tscap', REAL.overlay),
            ('0001.overlay.png', b''), ('0001.overlay.png', REAL.overlay[:60]), ('0001.overlay.png', REAL.capture),
            ('0001.overlay.png', big_png()), ('0001.labels.png', REAL.overlay), ('0001.result.json', b'[]'),
            ('0001.result.json', b'{"outcome": 1}'), ('0001.result.json', b'{' * 100000), ('0001.exe', b'MZ')]


def with_text(folder, exam, private):
    events = exam.events[:-1] + (replace(exam.events[-1], private=private),)
    rewrite(folder, replace(exam, events=events))


#: What is wrong with an export, and what is said. Each gets the folder, one of two exams, its place and the other one.
HOSTILE = {
    'no export': (lambda folder, exam, place, other: os.unlink(os.path.join(folder, MANIFEST)), 'import-damaged'),
    'a byte of the list': (lambda folder, exam, place, other: flip(Path(folder) / MANIFEST), 'import-damaged'),
    'no list': (lambda folder, exam, place, other: (Path(folder) / MANIFEST).write_bytes(b'[' * 100000),
                'import-damaged'),
    'a newer list': (lambda folder, exam, place, other: manifest(folder, lambda told: told.update(version=3)),
                     'import-version'),
    'a list without a signature': (lambda folder, exam, place, other: manifest(
        folder, lambda told: told.update(version=1)), 'import-unsigned'),
    'another list with the signature': (lambda folder, exam, place, other: forge(folder), 'import-damaged'),
    'a path in the list': (lambda folder, exam, place, other: manifest(
        folder, lambda told: told['exams'].update({'../../../etc/passwd': '0' * 64})), 'import-damaged'),
    'a byte of exam.json': (lambda folder, exam, place, other: flip(place / EXAM_NAME), 'import-damaged'),
    'a byte of a file': (lambda folder, exam, place, other: flip(place / '0001.tscap'), 'import-damaged'),
    'a file that is longer': (lambda folder, exam, place, other: (place / '0001.tscap').write_bytes(b'counts' * 9),
                              'import-damaged'),
    'a missing file': (lambda folder, exam, place, other: os.unlink(str(place / '0001.tscap')), 'import-damaged'),
    'a missing exam': (lambda folder, exam, place, other: shutil.rmtree(str(place)), 'import-damaged'),
    'exchanged files': (lambda folder, exam, place, other: swap(place / '0001.overlay.png', other / '0001.overlay.png'),
                        'import-damaged'),
    'exchanged exams': (lambda folder, exam, place, other: swap(place / EXAM_NAME, other / EXAM_NAME),
                        'import-damaged'),
    'a link to a file': (lambda folder, exam, place, other: to_link(place / '0001.tscap'), 'import-link'),
    'a link to a folder': (lambda folder, exam, place, other: to_link(place), 'import-link'),
    'a link above': (lambda folder, exam, place, other: to_link(Path(folder) / 'exams'), 'import-link'),
    'a pipe': (lambda folder, exam, place, other: (os.unlink(str(place / '0001.tscap')),
                                                   os.mkfifo(str(place / '0001.tscap'))), 'import-link'),
    'a newer exam': (lambda folder, exam, place, other: newer(folder, place / EXAM_NAME, exam), 'import-version'),
    'a patient who is none': (lambda folder, exam, place, other: rewrite(
        folder, replace(exam, patient='{"id": "P", "name": "a\\u001b[2Jb", "birth_date": ""}')), 'import-damaged'),
    'a patient who is a number': (lambda folder, exam, place, other: rewrite(folder, replace(exam, patient='7')),
                                  'import-damaged'),
    'a text that cannot be': (lambda folder, exam, place, other: with_text(folder, exam, '{"reason": "\\u0000"}'),
                              'import-damaged'),
    'a fact of no kind': (lambda folder, exam, place, other: with_text(folder, exam, '{"photo": "x"}'),
                          'import-damaged'),
    'an order that the first event does not announce': (lambda folder, exam, place, other: rewrite(folder, replace(
        exam, events=(replace(exam.events[0], private='{"order": {"accession": "1"}}'),) + exam.events[1:])),
        'import-damaged'),
    'an order that cannot be': (lambda folder, exam, place, other: rewrite(folder, replace(exam, events=(replace(
        exam.events[0], facts={'scheduled': True}, private='{"order": {"study_uid": "x"}}'),) + exam.events[1:])),
        'import-damaged'),
    'a list for facts': (lambda folder, exam, place, other: with_text(folder, exam, '[1]'), 'import-damaged'),
    'an operator who acts on a terminal': (lambda folder, exam, place, other: rewrite(folder, replace(
        exam, events=(replace(exam.events[0], operator='\x1b[2J'),) + exam.events[1:])), 'import-damaged'),
    'a date that is none': (lambda folder, exam, place, other: rewrite(folder, replace(exam, events=(replace(
        exam.events[0], stamp=exam.events[0].stamp._replace(utc='\x1b[2J')),) + exam.events[1:])), 'import-damaged'),
}


HOSTILE.update(('%s is %r' % (name, data[:12]), (lambda folder, exam, place, other, name=name, data=data: with_file(
    folder, exam, place, name, data), 'import-damaged')) for name, data in NO_FILES)
HOSTILE.update(('facts: %s' % name, (lambda folder, exam, place, other, name=name, value=value: with_file(
    folder, exam, place, '', b'', **{name: value}), 'import-damaged')) for name, value in (
        ('outcome', '<b>'), ('checks', 7), ('view', []), ('bundle', 'm'), ('software', None)))


@pytest.mark.parametrize('what', sorted(HOSTILE))
def test_what_is_wrong_is_named_and_nothing_is_taken(stations, tmp_path, what):
    here, there, out = stations('here'), stations('there'), str(tmp_path / 'out')
    exam, other = here.exam(AMENDED), here.exam(DRAFT, Patient('P-2'))
    here.exams.start(other.id, 'op')
    here.exams.add_capture(other.id, 'op', 'frontal', REAL._replace(overlay=REAL.labels))
    export(here, out)
    damage, code = HOSTILE[what]
    damage(out, read_exam(out, exam.id), Path(path_of(out, exam.id)), Path(path_of(out, other.id)))
    before, log = tree(there.folder), len(there.log)
    assert code_of(import_, [out], there.exams, 'op') == code
    assert tree(there.folder) == before and len(there.log) == log and there.exams.list() == []
    assert there.exams.create(ZOE, 'op').number == 1 and there.exams.failure is None


def test_another_key_no_key_and_an_exam_that_differs_are_refused(stations, tmp_path):
    here, there, other = stations('here', 'key'), stations('there', 'key'), stations('other', 'other key')
    exam = here.exam(SIGNED)
    export(here, tmp_path / 'sealed', sealed=True)
    import_([str(tmp_path / 'sealed')], there.exams, 'op')
    here.exams.amend(exam.id, 'op', 'why', 'what')
    there.exams.amend(exam.id, 'op', 'why', 'something else')
    export(here, tmp_path / 'later')
    export(here, tmp_path / 'later sealed', sealed=True)
    for target, name, code in ((other, 'sealed', 'import-key'), (there, 'later', 'import-conflict'),
                               (stations('plain'), 'sealed', 'import-key')):
        before = tree(target.folder)
        assert code_of(import_, [str(tmp_path / name)], target.exams, 'op') == code
        assert tree(target.folder) == before
    assert code_of(import_, [str(tmp_path / name) for name in ('sealed', 'later sealed')], other.exams, 'op'
                   ) in ('import-key', 'import-conflict')
    there.exams.sealer = None
    assert code_of(import_, [str(tmp_path / 'later')], there.exams, 'op') == 'exams-locked'


def test_two_exports_that_say_different_things_of_one_exam(stations, tmp_path):
    here = stations('here')
    exam = here.exam(SIGNED)
    export(here, tmp_path / 'first')
    here.exams.amend(exam.id, 'op', 'why', 'what')
    export(here, tmp_path / 'second')
    exports = [str(tmp_path / 'first'), str(tmp_path / 'second')]
    assert code_of(import_, exports, stations('there').exams, 'op') == 'import-conflict'


def test_an_export_takes_no_place_of_another_and_no_damaged_exam(stations, tmp_path):
    here = stations('here')
    exam = here.exam(SIGNED)
    (tmp_path / 'out').mkdir()
    assert code_of(export, here, tmp_path / 'out') == 'export-exists'
    assert code_of(export, here, tmp_path / 'none' / 'out') == 'folder-missing'
    assert code_of(export, here, tmp_path / 'new', exam_ids=['f' * 16]) == 'exam-missing'
    with pytest.raises(ExamMissingError):
        export(here, tmp_path / 'new', exam_ids=['../../x'])
    flip(Path(path_of(here.folder, exam.id)) / '0001.overlay.png')
    assert code_of(export, here, tmp_path / 'new') == 'exam-damaged'
    assert sorted(os.listdir(str(tmp_path))) == ['here', 'out']


@pytest.mark.parametrize('after', [0, 3, 4])
def test_a_full_disk_leaves_no_half_export_and_no_half_exam(stations, tmp_path, monkeypatch, after):
    here, there = stations('here'), stations('there')
    here.exam(SIGNED)
    export(here, tmp_path / 'whole')
    for work in (lambda: export(here, tmp_path / 'out'),
                 lambda: import_([str(tmp_path / 'whole')], there.exams, 'op')):
        calls, write = [], os.write

        def full(descriptor, data, calls=calls, write=write):
            calls.append(data)
            if len(calls) == after + 1:
                raise OSError(errno.ENOSPC, 'full')
            return write(descriptor, data)
        with monkeypatch.context() as patch:
            patch.setattr(os, 'write', full)
            with pytest.raises(ThermoscreenError) as caught:
                work()
            assert caught.value.code == 'disk-full'
    assert not (tmp_path / 'out').exists() and not [name for name in os.listdir(str(tmp_path)) if 'staged' in name]
    done = import_([str(tmp_path / 'whole')], there.exams, 'op')
    assert len(done.taken) + len(done.same) == 1 and list(there.exams.verify()) == [] and len(there.exams.list()) == 1


def test_an_import_that_does_not_fit_is_refused_before_anything_is_written(stations, tmp_path):
    class Full:
        def room(self, folder):
            return type('Room', (), {'free_bytes': 10})
    here, there = stations('here'), stations('there')
    here.exam(SIGNED)
    export(here, tmp_path / 'out')
    before = tree(there.folder)
    assert code_of(import_, [str(tmp_path / 'out')], there.exams, 'op', Full()) == 'disk-full'
    assert tree(there.folder) == before


def test_an_export_that_is_killed_at_any_call_is_there_whole_or_not_at_all(stations, tmp_path):
    here = stations('here')
    ids = [here.exam(SIGNED).id]
    here.close()
    k, killed, seen = 0, True, []
    while killed:
        out = tmp_path / ('stick-%d' % k) / 'out'
        out.parent.mkdir()
        killed = killed_at(k, lambda out=out: export(here, out, exam_ids=ids), tuple(
            (os, name) for name in ('mkdir', 'rename', 'fsync')))
        seen.append(out.exists())
        if not out.exists():
            export(here, out, exam_ids=ids)
        assert os.listdir(str(out.parent)) == ['out'] and check_export(str(out), lambda done, total: None)
        k += 2
    assert seen[0] is False and seen[-2:] == [True, True], 'also killed after it was whole'


def test_an_import_that_is_killed_at_any_call_is_finished_by_the_next(stations, tmp_path):
    here = stations('here')
    kept = {here.exam(state).id for state in (SIGNED, DISCARDED)}
    export(here, tmp_path / 'out')
    here.close()
    k, killed, seen = 0, True, set()
    while killed:
        folder = str(tmp_path / ('there-%d' % k))

        def work(folder=folder):
            there = Station(folder)
            import_([str(tmp_path / 'out')], there.exams, 'op')
            there.close()
        killed = killed_at(k, work, tuple((os, name) for name in ('mkdir', 'rename', 'write', 'fsync')))
        there = Station(folder)
        listed = {entry.row.id for entry in there.exams.list()}
        seen.add(len(listed))
        assert listed <= kept and list(there.exams.verify()) == [] and there.exams.messages == []
        done = import_([str(tmp_path / 'out')], there.exams, 'op')
        assert set(done.same) == listed and {entry.row.id for entry in there.exams.list()} == kept
        there.close()
        k += 1 + k // 3
    assert seen == {0, 1, 2} and k > 20


def test_what_left_and_what_came_was_synced_with_its_name(stations, tmp_path):
    (tmp_path / 'stick').mkdir()
    with Synced().watching() as synced:
        here, there = stations('here'), stations('there', 'key')
        here.exam(SIGNED)
        export(here, tmp_path / 'stick' / 'out')
        assert synced.lacking(tmp_path / 'stick') == []
        import_([str(tmp_path / 'stick' / 'out')], there.exams, 'op')
        assert synced.lacking(there.folder) == NOT_OURS


def test_a_held_exam_is_held_where_it_comes_to(stations, tmp_path):
    here, there = stations('here'), stations('there')
    exam = here.exam(SIGNED)
    here.exams.hold(exam.id, 'chief', 'court')
    export(here, tmp_path / 'out')
    (taken,) = import_([str(tmp_path / 'out')], there.exams, 'op').taken
    assert taken.held and taken.events[-2].kind == HELD and there.exams.private(taken, 6) == {'reason': 'court'}
    assert CONDITIONS == there.exams.conditions(taken)


def test_an_export_says_who_signed_it_and_only_a_trusted_key_is_taken(stations, tmp_path, signer):
    here, there, key = stations('here'), stations('there'), key_id(public_bytes(signer))
    exam = here.exam(SIGNED)
    export(here, tmp_path / 'out')
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'file').write_bytes(b'')
    (found,) = find_exports(str(tmp_path))
    assert found == (str(tmp_path / 'out'), key, 1, the_clock().now().utc[:10]) and find_exports('/nowhere') == []
    with pytest.raises(ThermoscreenError, match='signed by the key %s' % key) as caught:
        import_exams([str(tmp_path / 'out')], there.exams, 'op', {'0' * 16})
    assert caught.value.code == 'import-signer' and '--key %s' % key in caught.value.message.next_step
    seen = []
    assert check_export(str(tmp_path / 'out'), lambda done, total: seen.append((done, total))) == key
    assert seen[-1][0] == seen[-1][1] == sum(file.size for file in exam.files.values())
    del seen[:]
    (taken,) = import_(
        [str(tmp_path / 'out')], there.exams, 'op', None, lambda done, total: seen.append((done, total))).taken
    assert taken.events[-1].facts['key'] == key and seen[-1][0] == seen[-1][1] and len(seen) == 2
    flip(Path(path_of(str(tmp_path / 'out'), exam.id)) / '0001.overlay.png')
    assert code_of(check_export, str(tmp_path / 'out')) == 'import-damaged'
