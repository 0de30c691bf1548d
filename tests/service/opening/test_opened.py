"""Opening files: shared readings, limits, disks that hang, decoders that crash, and what is kept."""
import os
import signal
import threading
import time

import cv2
import numpy as np
import pytest

from service.capture_file import pack_capture
from service.messages import InputError
from service.opening import GoneError, OpenedFiles, OpeningError, PlaceError, ReadingProcess
from service.opening import opened as module
from service.opening.process import AbandonedError, reading_of
from service.radiometry import Raw, Temperatures
from service.readers import read_thermogram
from service.thermogram import Provenance

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline

PATIENCE_S = 60.0


@pytest.fixture(scope='module')
def stub():
    with stub_pipeline() as pipeline:
        yield pipeline


@pytest.fixture(scope='module')
def shared(stub):
    return OpenedFiles(stub, PATIENCE_S)


@pytest.fixture
def opened(shared):
    shared.clear()
    return shared


@pytest.fixture
def root(tmp_path):
    np.savetxt(str(tmp_path / 'a.csv'), frames.torso(), fmt='%.2f', delimiter=';')
    (tmp_path / 'bad.csv').write_bytes((tmp_path / 'a.csv').read_bytes()[:9000])
    return tmp_path


@pytest.fixture
def decoded(opened, monkeypatch):
    """Keys of the readings whose file was decoded: those that the process was not told to know."""
    keys = []
    ask = opened._process.ask

    def listening(request, abandoned):
        for head, pixels in ask(request, abandoned):
            if 'key' in head and not head['done']:
                keys.append(head['key'])
            yield head, pixels
    monkeypatch.setattr(opened._process, 'ask', listening)
    return keys


def refusal(opened, root, name, **asked):
    with pytest.raises(InputError) as caught:
        opened.open(str(root), name, **asked)
    return caught.value


def together(number, call):
    """What each of some threads got or raised."""
    outcomes = []

    def run():
        try:
            outcomes.append(call())
        except Exception as error:
            outcomes.append(error)
    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    return outcomes


def test_a_bad_file_is_decoded_once(opened, root, decoded):
    errors = [refusal(opened, root, 'bad.csv') for _ in range(5)]
    assert {error.code for error in errors} == {'file-truncated'} and len(decoded) == 1
    # Each is an exception of its own: one that is raised again and again keeps every stack that it went through.
    assert len({id(error) for error in errors}) == 5
    opened.clear()  # the front page was opened; nothing in the bytes has changed
    assert refusal(opened, root, 'bad.csv').code == 'file-truncated' and len(decoded) == 1


def test_thumbnails_are_of_the_bytes_that_lie_there_few_and_forgotten(opened, root, decoded, monkeypatch):
    def small(name='a.csv'):
        return opened.thumbnail(str(root), name, 'iron')
    first = small()
    assert first.startswith(b'\x89PNG') and small() == first and small('bad.csv') == small('bad.csv') == b''
    assert len(decoded) == 2
    stat = os.stat(str(root / 'a.csv'))
    np.savetxt(str(root / 'a.csv'), frames.torso()[::-1], fmt='%.2f', delimiter=';')  # another stick, the same name
    os.utime(str(root / 'a.csv'), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other = small()
    assert other != first and len(decoded) == 3
    opened.clear(thumbnails=False)  # a list that shows them
    assert small() == other and len(decoded) == 3
    monkeypatch.setattr(module, 'MAX_THUMBNAIL_BYTES', len(other))
    small('bad.csv')
    opened._thumbnails['old'] = b'old'
    assert small() == other and len(opened._thumbnails) == 1
    opened.clear()
    assert not opened._thumbnails and small() == other and len(decoded) == 4


def test_a_thumbnail_gives_way_to_whoever_opens_a_file(opened, root, monkeypatch):
    monkeypatch.setattr(module, 'THUMBNAIL_LIMIT_S', -1.0)
    monkeypatch.setattr(opened, '_jobs', {'somebody': 'waits'})
    assert opened._thumbnail(str(root), 'a.csv', 'iron') == b'' and not opened._thumbnails
    monkeypatch.setattr(opened, '_jobs', {})
    assert opened._thumbnail(str(root), 'a.csv', 'iron') and len(opened._thumbnails) == 1


def test_what_may_pass_is_tried_again_when_a_list_was_opened(stub, root):
    opened = OpenedFiles(stub, PATIENCE_S, process=ReadingProcess('pass'))
    refusal(opened, root, 'a.csv')
    opened._refuse('k', module._Refusal.of(opened._slow('a.csv')))
    opened._refuse('l', module._Refusal.of(InputError('file-crashes', 'It crashed.')))
    opened._refuse('m', module._Refusal.of(InputError('file-truncated', 'It is cut off.')))
    opened.clear()
    assert list(opened._refused) == ['m']


def test_a_file_that_is_forgotten_while_it_is_read_again_is_kept_again(opened, root, monkeypatch):
    key, ask = opened.open(str(root), 'a.csv').key, opened._process.ask

    def forgetful(request, abandoned):
        answers = list(ask(request, abandoned))
        opened.clear()
        return iter(answers)
    monkeypatch.setattr(opened._process, 'ask', forgetful)
    assert opened.open(str(root), 'a.csv').key == key and opened.kept(key).key == key


def test_many_requests_wait_for_one_reading_and_the_rest_is_told_to_come_again(opened, root, decoded):
    held, release = threading.Event(), threading.Event()
    opened._reading.put(lambda: held.set() or release.wait(PATIENCE_S))
    assert held.wait(PATIENCE_S)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(opened.open(str(root), 'a.csv')))
               for _ in range(module.MAX_WAITING)]
    for thread in threads:
        thread.start()
    while sum(job.waiting for job in opened._jobs.values()) < module.MAX_WAITING:
        threading.Event().wait(0.01)
    with pytest.raises(OpeningError) as caught:
        opened.open(str(root), 'a.csv')
    assert (caught.value.code, caught.value.http_status) == ('opening-busy', 429)
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(outcomes) == module.MAX_WAITING and len({id(entry) for entry in outcomes}) == 1
    assert len(decoded) == 1


def test_a_request_never_shares_a_reading_that_began_before_it(opened, root, monkeypatch):
    """The stick may have been exchanged after the reading began."""
    begun, release = threading.Event(), threading.Event()
    ask, requests = opened._process.ask, []

    def late(request, abandoned):
        requests.append(request)
        answers = list(ask(request, abandoned))
        if len(requests) == 1:
            begun.set()
            assert release.wait(PATIENCE_S)
        return iter(answers)
    monkeypatch.setattr(opened._process, 'ask', late)
    first, second = [], []
    threads = [threading.Thread(target=lambda: first.append(opened.open(str(root), 'a.csv')))]
    threads[0].start()
    assert begun.wait(PATIENCE_S)
    np.savetxt(str(root / 'a.csv'), frames.torso() + 3, fmt='%.2f', delimiter=';')
    threads.append(threading.Thread(target=lambda: second.append(opened.open(str(root), 'a.csv'))))
    threads[1].start()
    while not opened._jobs:
        threading.Event().wait(0.01)
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    means = [entry.values['regions']['right_breast']['mean'] for entry in first + second]
    assert means[1] == pytest.approx(means[0] + 3, abs=0.01) and len(requests) == 2


def test_a_disk_that_hangs_ends_in_a_sentence_and_the_next_file_opens(stub, root):
    opened = OpenedFiles(stub, PATIENCE_S)
    opened.open(str(root), 'a.csv')
    os.kill(opened._process.pid, signal.SIGSTOP)  # as if it read from a disk that does not answer
    opened._limit_s = 0.5
    stuck = opened._process.pid
    with pytest.raises(OpeningError) as caught:
        opened.open(str(root), 'a.csv')
    assert (caught.value.code, caught.value.http_status) == ('opening-slow', 503)
    assert '0.5 seconds' in caught.value.message.sentence
    opened._limit_s = PATIENCE_S
    assert opened.open(str(root), 'a.csv').values['outcome'] == 'result'
    assert opened._process.pid != stuck and not os.path.exists('/proc/%d' % stuck)


def test_a_reading_that_nobody_waits_for_is_ended(opened, root):
    opened.open(str(root), 'a.csv')
    pid = opened._process.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(GoneError):
        opened.open(str(root), 'a.csv', is_gone=lambda: not opened._jobs)  # as soon as the reading has begun
    assert opened.open(str(root), 'a.csv').frames == 1
    assert opened._process.pid != pid


class Clock:
    """Time that a test makes pass."""

    late_s = 0.0

    def monotonic(self):
        return time.monotonic() + self.late_s


def test_a_file_that_takes_long_to_decode_is_refused_at_once_the_next_time(opened, root, monkeypatch):
    """Its content was known when its time was up, so that the refusal belongs to it."""
    clock, ask, decoding = Clock(), opened._process.ask, []
    monkeypatch.setattr(module, 'time', clock)

    def slow(request, abandoned):
        for head, pixels in ask(request, abandoned):
            yield head, pixels
            if not head['done']:
                decoding.append(head['key'])
                while not abandoned():
                    clock.late_s += PATIENCE_S
                    threading.Event().wait(0.01)
                raise AbandonedError
    monkeypatch.setattr(opened._process, 'ask', slow)
    for _ in range(2):
        with pytest.raises(OpeningError) as caught:
            opened.open(str(root), 'a.csv')
        assert caught.value.code == 'opening-slow'
        while not opened._refused:
            threading.Event().wait(0.01)
    assert len(decoding) == 1


def test_disks_that_hold_their_readers_for_ever_hold_two_at_most(stub, root, monkeypatch):
    process = ReadingProcess()
    opened = OpenedFiles(stub, PATIENCE_S, process=process)

    class Undead:
        def poll(self):
            return None
    process._dying = [Undead(), Undead()]
    with pytest.raises(OpeningError) as caught:
        opened.open(str(root), 'a.csv')
    assert (caught.value.code, process.pid) == ('disk-stuck', None)
    process._dying.pop()
    assert opened.open(str(root), 'a.csv').frames == 1
    process.close()


#: Sends what no answer begins with.
GARBAGE = ('import sys, socket\n'
           'socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=int(sys.argv[1])).sendall(b"\\xff" * 64)\n'
           'sys.stdin.read()')


def test_lists_of_disks_that_hang_hold_two_threads_at_most(stub, root, monkeypatch):
    opened, clock = OpenedFiles(stub, PATIENCE_S), Clock()
    assert opened.look(str(root), 'a.csv') is None
    assert [entry.name for entry in opened.look(str(root), '').entries] == ['a.csv', 'bad.csv']
    begun, release = [], threading.Event()

    def hang(*_):
        begun.append(threading.get_ident())
        while not release.wait(0.01):
            clock.late_s += PATIENCE_S
        return True
    monkeypatch.setattr(module, 'time', clock)
    monkeypatch.setattr(module, 'look', hang)
    codes = []
    for _ in range(4):
        with pytest.raises(OpeningError) as caught:
            opened.look(str(root), '')
        codes.append(caught.value.code)
    assert codes == ['opening-slow', 'opening-slow', 'disk-stuck', 'disk-stuck'] and len(set(begun)) == 2
    release.set()
    while any(thread.busy for thread in opened._held):
        threading.Event().wait(0.01)
    assert opened.look(str(root), '') is True


@pytest.mark.parametrize('program', ['import os; os.abort()', 'pass', 'raise SystemExit(3)', GARBAGE])
def test_a_reader_that_crashes_is_a_sentence(stub, root, program):
    opened = OpenedFiles(stub, PATIENCE_S, process=ReadingProcess(program))
    error = refusal(opened, root, 'a.csv')
    assert error.code == 'file-crashes' and 'a.csv' in error.message.sentence and opened._process.pid is None


def test_a_file_that_takes_too_much_memory_is_a_sentence(stub, root):
    opened = OpenedFiles(stub, PATIENCE_S, process=ReadingProcess(
        'import sys; from service.opening import child; child._MAX_BYTES = 64 << 20; child.main(int(sys.argv[1]))'))
    assert refusal(opened, root, 'a.csv').code in ('file-too-large', 'file-crashes')
    opened._process.close()


@pytest.mark.parametrize('name', ['a.csv', 'a.tscap', 'a.png'])
def test_what_arrives_is_what_the_reader_gave(opened, root, name):
    path = root / name
    celsius = frames.torso()
    if name == 'a.tscap':
        path.write_bytes(pack_capture([Raw(celsius.astype(np.float32), Temperatures(), Provenance(
            'a.csv', notes=('one', 'two'), captured_at='2024-05-31T09:30:00.000Z'))]))
    elif name == 'a.png':
        cv2.imwrite(str(path), ((celsius + 273.15) * 100).astype(np.uint16))
        # A room of 298 °C is a warning.
        (root / 'a.png.json').write_text('{"scale": "centikelvin", "reflected_c": 298, "mirrored": true}')
    read, arrived = read_thermogram(path), opened.open(str(root), name).result.thermogram
    assert arrived.provenance == read.provenance and arrived.unit == read.unit
    assert np.array_equal(arrived.pixels, read.pixels)


@pytest.mark.parametrize('name, kind, code', [('none.csv', PlaceError, 'path-missing'), ('', InputError, 'path-folder'),
                                              ('../a.csv', InputError, 'path-refused')])
def test_places_keep_their_kind_of_error(opened, root, name, kind, code):
    error = refusal(opened, root, name)
    assert (type(error), error.code) == (kind, code)


def test_one_process_reads_one_file_after_another(opened, root):
    pids = set()
    for code in (None, 'file-truncated', None, 'path-missing'):
        if code is None:
            opened.open(str(root), 'a.csv')
        else:
            assert refusal(opened, root, {'path-missing': 'none.csv'}.get(code, 'bad.csv')).code == code
        pids.add(opened._process.pid)
    assert len(pids) == 1 and None not in pids


def test_what_is_kept_is_limited_by_its_bytes(opened, root, monkeypatch):
    one = opened.open(str(root), 'a.csv')
    monkeypatch.setattr(module, 'MAX_KEPT_BYTES', 2 * one.nbytes)
    keys = [one.key]
    for warmer in (1, 2):
        np.savetxt(str(root / 'a.csv'), frames.torso() + warmer, fmt='%.2f', delimiter=';')
        keys.append(opened.open(str(root), 'a.csv').key)
    with pytest.raises(GoneError):
        opened.kept(keys[0])
    assert [opened.kept(key).key for key in keys[1:]] == keys[1:]
    monkeypatch.setattr(module, 'MAX_KEPT_BYTES', 0)
    np.savetxt(str(root / 'a.csv'), frames.torso() + 3, fmt='%.2f', delimiter=';')
    assert opened.kept(opened.open(str(root), 'a.csv').key)  # the newest is kept in any case
    assert len(opened._kept) == 1


def test_one_thread_draws_and_analyses(opened, root, monkeypatch):
    """OpenCV keeps megabytes for every thread that draws text."""
    threads = set()
    draw, analyse = module.draw, opened._pipeline.analyse
    monkeypatch.setattr(module, 'draw', lambda *args: threads.add(threading.get_ident()) or draw(*args))
    monkeypatch.setattr(opened._pipeline, 'analyse',
                        lambda thermogram: threads.add(threading.get_ident()) or analyse(thermogram))

    def open_and_draw():
        entry = opened.open(str(root), 'a.csv')
        return [opened.draw(entry, 'iron', layer) for layer in ('original', 'regions')]
    pictures = together(3, open_and_draw)
    assert all(picture[0].startswith(b'\x89PNG') for picture in pictures) and len(threads) == 1


def test_the_process_ends_when_it_was_idle_and_when_its_parent_is_gone(stub, root, monkeypatch):
    monkeypatch.setattr(module, 'IDLE_S', 0.05)
    opened = OpenedFiles(stub, PATIENCE_S)
    opened.open(str(root), 'a.csv')
    while opened._process.pid is not None:
        threading.Event().wait(0.01)
    monkeypatch.setattr(module, 'IDLE_S', PATIENCE_S)
    process = ReadingProcess()
    list(process.ask(reading_of(str(root), 'a.csv'), lambda: False))
    process._link.close()  # as the end of this process would
    assert process._process.wait(PATIENCE_S) == 0


def test_recordings_longer_than_what_is_read_whole_are_known_by_what_was_decoded(root, monkeypatch):
    from service.opening import child
    request = reading_of(str(root), 'a.csv')
    monkeypatch.setattr('service.readers.files.MAX_HELD_BYTES', 100)
    keys = [head['key'] for _ in range(2) for head, _ in child.answers(request)]
    np.savetxt(str(root / 'a.csv'), frames.torso() + 1, fmt='%.2f', delimiter=';')
    keys += [head['key'] for head, _ in child.answers(request)]
    assert keys[0] == keys[1] != keys[2]
