"""Whatever is not as it was written is named: file, document, row, folder."""
import os
import shutil
import sqlite3

import pytest

from service.exams import verify_store
from service.exams.exam import SIGNED
from service.exams.folder import EXAM_NAME, path_of
from service.exams.store import DATABASE
from service.sealing import Sealer
from tests.service.exams.station import PICTURE, Station


class Copy:
    """A copy of a store with two exams that differ, to be tampered with."""

    def __init__(self, folder, one, other):
        self.folder, self.one, self.other = folder, one, other

    def path(self, exam_id, name=''):
        return os.path.join(path_of(self.folder, exam_id), name).rstrip(os.sep)

    def flip(self, name, at=-1):
        with open(self.path(self.one, name), 'rb') as stream:
            data = bytearray(stream.read())
        data[at] ^= 1
        with open(self.path(self.one, name), 'wb') as stream:
            stream.write(bytes(data))

    def exchange(self, name):
        aside = os.path.join(self.folder, 'aside')
        for old, new in ((self.path(self.one, name), aside), (self.path(self.other, name), self.path(self.one, name)),
                         (aside, self.path(self.other, name))):
            os.rename(old, new)

    def sql(self, text):
        base = sqlite3.connect(os.path.join(self.folder, DATABASE))
        base.executescript(text)
        base.close()


#: What is done to a copy, and what is said: code, which exam, which file.
TAMPERING = {
    'a byte of a frame': (lambda copy: copy.flip('0001.tscap'), [('exam-damaged', 'one', '0001.tscap')]),
    'a byte of a result': (lambda copy: copy.flip('0001.result.json'), [('exam-damaged', 'one', '0001.result.json')]),
    'a byte of exam.json': (lambda copy: copy.flip(EXAM_NAME, 200), [('exam-damaged', 'one', None)]),
    'a frame cut off': (lambda copy: os.truncate(copy.path(copy.one, '0001.tscap'), 3),
                        [('exam-damaged', 'one', '0001.tscap')]),
    'a missing file': (lambda copy: os.unlink(copy.path(copy.one, '0001.overlay.png')),
                       [('exam-damaged', 'one', '0001.overlay.png')]),
    'a missing exam.json': (lambda copy: os.unlink(copy.path(copy.one, EXAM_NAME)),
                            [('exam-damaged', 'one', None)]),
    'an empty folder': (lambda copy: os.makedirs(copy.path('ab' + 'c' * 14)), [('exam-damaged', 'new', None)]),
    'a folder of another name': (lambda copy: os.makedirs(os.path.join(copy.folder, 'exams', 'zz', 'x')),
                                 [('exam-stray', None, None)]),
    'a missing folder': (lambda copy: shutil.rmtree(copy.path(copy.one)), [('exam-gone', 'one', None)]),
    'a file of another exam': (lambda copy: copy.exchange('0001.overlay.png'),
                               [('exam-damaged', 'one', '0001.overlay.png'),
                                ('exam-damaged', 'other', '0001.overlay.png')]),
    'the exam.json of another exam': (lambda copy: copy.exchange(EXAM_NAME),
                                      [('exam-damaged', 'one', None), ('exam-damaged', 'other', None)]),
    'the folder of another exam': (lambda copy: copy.exchange(''),
                                   [('exam-damaged', 'one', None), ('exam-damaged', 'other', None)]),
    'a file that is none of it': (lambda copy: shutil.copy(copy.path(copy.other, '0001.tscap'),
                                                           copy.path(copy.one, '0002.tscap')),
                                  [('exam-stray', 'one', '0002.tscap')]),
    'a row': (lambda copy: copy.sql("UPDATE exam SET operator = 'nobody' WHERE id = '%s'" % copy.one),
              [('exam-row', 'one', None)]),
    'a search word': (lambda copy: copy.sql('DELETE FROM token WHERE exam = 1 AND token IN '
                                            '(SELECT min(token) FROM token)'), [('exam-row', 'one', None)]),
    'a missing row': (lambda copy: copy.sql('DELETE FROM token WHERE exam = 1; DELETE FROM exam WHERE number = 1'),
                      [('exam-unlisted', 'one', None)]),
    'nothing': (lambda copy: None, []),
}


@pytest.fixture(scope='module')
def store(tmp_path_factory):
    """A store whose service was stopped, and the ids of its two exams."""
    station = Station(tmp_path_factory.mktemp('store'), Sealer(b'k' * 32))
    one = station.exam(SIGNED).id
    other = station.exams.create(station.exams.patient(station.exams.get(one)), 'op').id
    station.exams.start(other, 'op')
    station.exams.add_capture(other, 'op', 'frontal', PICTURE._replace(capture=b'others', overlay=b'another'))
    station.close()
    return station.folder, one, other


@pytest.mark.parametrize('what', sorted(TAMPERING))
def test_tampering_is_named_without_a_key(store, tmp_path, what):
    folder, one, other = store
    shutil.copytree(folder, str(tmp_path / 'copy'))
    tamper, expected = TAMPERING[what]
    tamper(Copy(str(tmp_path / 'copy'), one, other))
    names = {one: 'one', other: 'other', 'ab' + 'c' * 14: 'new', None: None}
    found = [(message.code, names[message.facts.get('exam')], message.facts.get('file'))
             for message in verify_store(str(tmp_path / 'copy'))]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert all(message.next_step for message in verify_store(str(tmp_path / 'copy')))
