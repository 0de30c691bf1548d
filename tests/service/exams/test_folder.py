"""The folder of an exam: written whole, read back the same, and named where it is not as it was written."""
import hashlib
import json
import os
from dataclasses import replace

import pytest

from service.exams.exam import (
    ACQUIRING,
    AMENDED,
    DRAFT,
    HELD,
    REVIEW,
    SIGNED,
    STATES,
    Anchor,
    ExamError,
    ExamMissingError,
    ExamUnreadableError,
    StoredFile,
    transition,
)
from service.exams.folder import (
    EXAM_NAME,
    VERSION,
    clear_leftovers,
    content_sha256,
    decode_exam,
    encode_document,
    encode_exam,
    exam_ids,
    file_problems,
    path_of,
    quarantine,
    read_exam,
    read_file,
    stored,
    strays,
    write_exam,
    write_files,
)
from service.messages import StorageError
from tests.fakes.killing import killed_at
from tests.service.exams.making import FILES, ID, event_for, made

OTHER = 'b' * 16


@pytest.fixture
def root(tmp_path):
    """The folder of a store with an exam in review and its files."""
    root = str(tmp_path)
    write_exam(root, made(DRAFT))
    write_files(root, ID, FILES)
    write_exam(root, made(REVIEW, files=FILES))
    return root


def change(root, name, change):
    path = os.path.join(path_of(root, ID), name)
    with open(path, 'rb') as stream:
        data = stream.read()
    with open(path, 'wb') as stream:
        stream.write(change(data))


@pytest.mark.parametrize('state', STATES)
def test_an_exam_is_read_back_as_it_was(tmp_path, state):
    exam = replace(made(state, files=FILES), anchors=(Anchor(5, 120, 'ab' * 32),), encrypted=True)
    assert decode_exam(encode_exam(exam), ID) == exam


def test_document_says_what_it_is_without_this_program(root):
    with open(os.path.join(path_of(root, ID), EXAM_NAME), encoding='utf-8') as stream:
        document = json.load(stream)
    assert (document['format'], document['version'], document['state']) == ('thermoscreen exam', 1, 'review')
    assert json.loads(document['patient']) == {'id': 'P-1', 'name': 'Zoë'}
    assert {name: file['bytes'] for name, file in document['files'].items()} == {
        name: len(data) for name, data in FILES.items()}
    assert document['files']['0001.tscap']['sha256'] == stored(FILES)['0001.tscap'].sha256
    assert [event['kind'] for event in document['events']][-1] == 'reviewed'


def test_a_flipped_byte_of_the_document_is_noticed():
    data = encode_exam(made(AMENDED, files=FILES))
    for place in range(0, len(data), 7):
        with pytest.raises(ExamUnreadableError):
            decode_exam(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:], ID)


@pytest.mark.parametrize('data', [
    b'', b'null', b'[]', b'{}', b'\xff', b'{"sha256": "\\ud800"}', b'{"a": NaN}', b'[' * 100000, b'{"format": 1}'])
def test_what_is_no_exam_is_damaged(data):
    with pytest.raises(ExamUnreadableError) as caught:
        decode_exam(data, ID)
    assert caught.value.code == 'exam-damaged'


def resealed(exam, **changes):
    """The document of an exam with changes and the hash that fits them."""
    document = dict(json.loads(encode_exam(exam).decode()), **changes)
    document.pop('sha256')
    return encode_document(dict(document, sha256=hashlib.sha256(encode_document(document)).hexdigest()))


@pytest.mark.parametrize('changes', [
    {'state': 'signed'}, {'id': OTHER}, {'number': 0}, {'files': {}}, {'events': []}, {'more': 1}, {'patient': 7},
    {'anchors': [{'event': 1}]}])
def test_a_document_that_contradicts_itself_is_damaged(changes):
    exam = made(ACQUIRING, files=FILES)
    assert decode_exam(resealed(exam), ID) == exam
    with pytest.raises(ExamUnreadableError) as caught:
        decode_exam(resealed(exam, **changes), ID)
    assert caught.value.code == 'exam-damaged' and ID in caught.value.message.sentence


def test_events_that_could_not_have_happened_are_damaged():
    events = json.loads(encode_exam(made(SIGNED)).decode())['events']
    for wrong in (events[1:], events[:-2] + events[-1:], events[::-1],
                  events[:-1] + [dict(events[-1], kind='forgotten')]):
        with pytest.raises(ExamUnreadableError):
            decode_exam(resealed(made(SIGNED), events=wrong), ID)


def test_a_newer_format_is_refused_in_words():
    with pytest.raises(ExamUnreadableError) as caught:
        decode_exam(resealed(made(DRAFT), version=VERSION + 1, surprise=True), ID)
    assert caught.value.code == 'exam-version' and caught.value.message.next_step == 'Update the program.'


def test_a_folder_that_is_there_is_not_replaced(root):
    with pytest.raises(StorageError) as caught:
        write_exam(root, made(DRAFT))
    assert caught.value.code == 'file-exists' and read_exam(root, ID).state == REVIEW


def test_an_exam_that_is_not_there_is_missing(root):
    for exam_id in (OTHER, '..', 'x/y'):
        with pytest.raises(ExamMissingError):
            read_exam(root, exam_id)


def test_a_file_is_read_only_as_it_was_written(root):
    exam = read_exam(root, ID)
    assert read_file(root, exam, '0001.tscap') == FILES['0001.tscap']
    for name in ('../exam.json', 'exam.json', '0002.tscap'):
        with pytest.raises(ExamError) as caught:
            read_file(root, exam, name)
        assert caught.value.code == 'exam-file'
    for damage in (lambda data: b'K' + data[1:], lambda data: data + b'!', lambda data: data[:-1]):
        change(root, '0001.tscap', damage)
        with pytest.raises(ExamUnreadableError) as unreadable:
            read_file(root, exam, '0001.tscap')
        assert unreadable.value.code == 'exam-damaged'
        change(root, '0001.tscap', lambda data: FILES['0001.tscap'])


def test_every_file_that_is_not_as_it_was_is_named(root):
    exam = read_exam(root, ID)
    assert file_problems(root, exam) == []
    change(root, '0001.tscap', lambda data: b'K' + data[1:])
    os.unlink(os.path.join(path_of(root, ID), '0001.overlay.png'))
    write_files(root, ID, {'0002.tscap': b'nobody knows it'})
    assert [(problem.code, problem.facts['file']) for problem in file_problems(root, exam)] == [
        ('exam-damaged', '0001.overlay.png'), ('exam-damaged', '0001.tscap'), ('exam-stray', '0002.tscap')]


def test_only_an_exam_with_later_kinds_of_events_is_of_version_2(root):
    exam = made(SIGNED, files=FILES)
    held = transition(exam, event_for(exam, HELD))
    documents = [json.loads(encode_exam(one).decode('utf-8')) for one in (exam, held)]
    assert [document['version'] for document in documents] == [1, 2]
    assert decode_exam(encode_exam(held), ID) == held and held.held
    assert content_sha256(held, len(exam.events)) == content_sha256(exam, len(exam.events)), 'as the log was told it'


def test_while_pictures_are_taken_strangers_are_not_looked_for(root):
    write_files(root, ID, {'0002.tscap': b'not named yet'})
    assert file_problems(root, made(ACQUIRING, files=FILES)) == []


def test_quarantine_moves_and_loses_nothing(root):
    write_files(root, ID, {'0002.tscap': b'kept'})
    assert strays(root, read_exam(root, ID)) == ['0002.tscap']
    names = [quarantine(root, os.path.join(path_of(root, ID), '0002.tscap'))]
    write_files(root, ID, {'0002.tscap': b'kept'})
    names += [quarantine(root, os.path.join(path_of(root, ID), '0002.tscap')), quarantine(root, path_of(root, ID))]
    assert len(set(names)) == 3 and exam_ids(root) == ([], [])
    for name in names[:2]:
        with open(os.path.join(root, name), 'rb') as stream:
            assert stream.read() == b'kept'
    assert set(os.listdir(os.path.join(root, names[2]))) == set(FILES) | {EXAM_NAME}


def test_ids_are_those_of_folders_with_an_exam(root):
    write_exam(root, made(DRAFT, OTHER))
    write_exam(root, made(DRAFT, 'b' * 15 + 'c'))
    os.unlink(os.path.join(path_of(root, 'b' * 15 + 'c'), EXAM_NAME))
    for name in ('exams/notes.txt', 'exams/a1/' + 'c' * 16, 'exams/a1/x'):
        os.makedirs(os.path.join(root, name))
    os.rename(os.path.join(root, 'exams/notes.txt'), os.path.join(root, 'exams/a1/notes.txt'))
    found, others = exam_ids(root)
    assert found == [ID, OTHER]
    assert [os.path.relpath(path, root) for path in others] == [
        'exams/a1/' + 'c' * 16, 'exams/a1/notes.txt', 'exams/a1/x', 'exams/bb/' + 'b' * 15 + 'c']


def test_a_store_without_exams_has_none(tmp_path):
    assert exam_ids(str(tmp_path)) == ([], [])


def test_killed_at_any_call_a_new_exam_is_there_whole_or_not_at_all(tmp_path):
    seen, k, killed = set(), 0, True
    while killed:
        root = str(tmp_path / str(k))
        os.mkdir(root)
        killed = killed_at(k, lambda root=root: write_exam(root, made(DRAFT)))
        clear_leftovers(root, ID)
        found, others = exam_ids(root)
        assert others == [] and found in ([], [ID])
        seen.add(bool(found))
        assert not found or read_exam(root, ID) == made(DRAFT)
        k += 1
    assert seen == {True, False} and k > 5


def test_killed_at_any_call_a_capture_belongs_to_the_exam_or_is_a_stranger(tmp_path):
    before, after, k, killed, seen = made(DRAFT), made(ACQUIRING, files=FILES), 0, True, set()
    while killed:
        root = str(tmp_path / str(k))
        os.mkdir(root)
        write_exam(root, before)

        def work(root=root):
            write_files(root, ID, FILES)
            write_exam(root, after)
        killed = killed_at(k, work)
        clear_leftovers(root, ID)
        exam = read_exam(root, ID)
        assert exam in (before, after)
        if exam == after:
            assert file_problems(root, exam) == []
        left = set(os.listdir(path_of(root, ID))) - {EXAM_NAME}
        assert left == set(exam.files) | set(strays(root, exam)) and left <= set(FILES)
        seen.add((exam.state, len(left)))
        k += 1
    assert {(DRAFT, 0), (DRAFT, 2), (DRAFT, 3), (ACQUIRING, 3)} <= seen


def test_sizes_and_hashes_are_of_what_lies_on_the_disk():
    assert stored({'a': b'abc'}) == {'a': StoredFile(
        3, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')}


def test_an_event_can_be_added_to_what_was_read(root):
    exam = read_exam(root, ID)
    write_exam(root, transition(exam, event_for(exam, SIGNED)))
    assert read_exam(root, ID).state == SIGNED
