"""The exam that is under way: what is taken is kept, once, and nothing is taken that could not be kept."""
import io
import json
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from service import __version__, acquisition
from service.acquisition import Acquisition
from service.cameras import Frame
from service.capture_file import CaptureFile
from service.condition import Condition
from service.exams import ACQUIRING, DRAFT, DYNAMIC, REVIEW, Patient, guide, library
from service.messages import PROBLEM, BackendError, CameraError, Message, StorageError, ThermoscreenError
from service.reading import RULES
from service.sealing import Sealer
from service.thermogram import Thermogram

from ..fakes import frames
from ..fakes.pipelines import stub_pipeline
from .exams.station import ZOE, Station, the_clock

PATIENCE_S = 30.0
GONE = CameraError('camera-gone', 'The camera is gone.', 'Plug it in.')
NO_FFC = CameraError('camera-no-ffc', 'The camera calibrates by itself.')


class StillCamera:
    """Stands for `Capture`: gives one picture, or raises what a test planted."""

    def __init__(self):
        self.asked, self.errors, self.celsius, self.measured = [], [], frames.torso(), None
        self.description = {'kind': 'stills'}
        self.asking, self.free = threading.Event(), threading.Event()
        self.free.set()

    def report(self):
        return {}

    def still(self, timeout_s, calibrate=False):
        self.asked.append(calibrate)
        self.asking.set()
        assert self.free.wait(PATIENCE_S)
        if self.errors:
            raise self.errors.pop(0)
        return Frame(Thermogram.from_celsius(self.celsius, 'stills', reader='stills'), 1, time.monotonic(),
                     Condition(ffc='complete', ffc_age_s=1.5), measured=self.measured)


@pytest.fixture(scope='module')
def pipeline():
    with stub_pipeline() as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    """In memory: SQLite waits for the disk."""
    made = tempfile.mkdtemp(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else str(tmp_path))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def station(folder):
    station = Station(folder)
    yield station
    station.close()


@pytest.fixture
def camera():
    return StillCamera()


@pytest.fixture
def room(station, camera, pipeline, request):
    """Makes the room anew over what the station has open now."""
    def open_room(**options):
        made = Acquisition(station.exams, camera, pipeline, **options)
        request.addfinalizer(made.close)
        return made
    return open_room


def code_of(call, *arguments, **named):
    with pytest.raises(ThermoscreenError) as raised:
        call(*arguments, **named)
    return raised.value.code


def test_a_picture_is_kept_as_it_was_measured_with_what_the_model_said(station, room, camera, pipeline):
    taking = room(field_of_view_deg=57.0)
    exam = taking.begin(ZOE, 'op', {'room_c': 21.5})
    assert exam.state == ACQUIRING and taking.under_way().row.id == exam.id
    exam = taking.capture(exam.id, 'op', 'frontal', conditions={'distance_m': 1})
    capture = exam.captures[0]
    assert camera.asked == [True]  # the shutter first
    stored = io.BytesIO(station.exams.read_file(exam, '0001.tscap'))
    frame = CaptureFile(stored, 'it').frame(stored, 1)
    np.testing.assert_array_equal(frame.meaning.celsius(frame.values), camera.celsius.astype(np.float32))
    result = json.loads(station.exams.read_file(exam, '0001.result.json').decode('utf-8'))
    assert result['outcome'] == capture.facts['outcome'] == 'result' and result['regions']
    signs = json.loads(station.exams.read_file(exam, '0001.signs.json').decode('utf-8'))
    assert (signs['scale']['basis'], signs['distance_m']) == ('distance', 1)
    assert [sign['name'] for sign in signs['signs']] == list(RULES)
    assert signs['signs'][0]['value'] == result['differences']['breast']['mean']
    overlay, labels = (cv2.imdecode(np.frombuffer(station.exams.read_file(exam, name), np.uint8), cv2.IMREAD_UNCHANGED)
                       for name in ('0001.overlay.png', '0001.labels.png'))
    assert overlay.shape[2] == 3 and labels.shape == camera.celsius.shape
    assert capture.facts['bundle'] == pipeline.bundle.manifest.identity and capture.facts['software'] == __version__
    assert capture.facts['camera'] == {'ffc': 'complete', 'ffc_age_s': 1.5, 'usable': True, 'kind': 'stills',
                                       'scale': pytest.approx(0.575, abs=0.001)}
    event = exam.events[-1]
    assert (event.operator, event.stamp.clock) == ('op', 'ntp')
    assert [entry[:2] for entry in station.log] == [(word, 'op') for word in (
        'exam-created', 'exam-started', 'capture-added')]


def test_what_was_measured_is_kept_beside_what_was_made_of_it(station, room, camera):
    camera.measured = Thermogram.from_celsius(camera.celsius + 0.5, 'stills')
    taking = room()
    exam = taking.capture(taking.begin(ZOE, 'op').id, 'op', 'frontal')
    stored = io.BytesIO(station.exams.read_file(exam, '0001.tscap'))
    file = CaptureFile(stored, 'it')
    assert len(file) == 2
    for number, celsius in ((1, camera.celsius), (2, camera.celsius + 0.5)):
        frame = file.frame(stored, number)
        np.testing.assert_array_equal(frame.meaning.celsius(frame.values), celsius.astype(np.float32))


def test_what_the_gate_refuses_is_kept_with_the_refusal_and_no_numbers(station, room, camera):
    camera.celsius = np.full((240, 320), 22.0)
    taking = room()
    exam = taking.capture(taking.begin(ZOE, 'op').id, 'op', 'frontal')
    facts = exam.captures[0].facts
    assert facts['outcome'] == 'no-result' and facts['checks']
    result = json.loads(station.exams.read_file(exam, '0001.result.json').decode('utf-8'))
    assert (result['regions'], result['differences'], result['finding'], result['hottest']) == ({}, {}, None, {})
    signs = json.loads(station.exams.read_file(exam, '0001.signs.json').decode('utf-8'))['signs']
    assert {sign['state'] for sign in signs} == {'not-assessable'}
    assert all(sign['sentence'].startswith('There is no result: ') and sign['value'] is None for sign in signs)
    assert set(exam.files) == {'0001.tscap', '0001.result.json', '0001.overlay.png', '0001.signs.json'}


def test_between_pictures_of_a_series_the_shutter_stays_open(room, camera):
    taking = room()
    exam = taking.begin(ZOE, 'op')
    for frame in (1, 2, 3):
        taking.capture(exam.id, 'op', 'dynamic', frame)
    assert camera.asked == [True, False, False]


def test_a_camera_that_cannot_be_asked_to_calibrate_gives_a_picture_all_the_same(room, camera):
    camera.errors = [NO_FFC]
    taking = room()
    assert len(taking.capture(taking.begin(ZOE, 'op').id, 'op', 'frontal').captures) == 1
    assert camera.asked == [True, False]


def test_a_lost_camera_says_what_to_do_and_nothing_is_kept(station, room, camera):
    camera.errors = [GONE]
    taking = room()
    exam = taking.begin(ZOE, 'op')
    assert code_of(taking.capture, exam.id, 'op', 'frontal') == 'camera-gone'
    assert station.exams.get(exam.id) == exam
    assert len(taking.capture(exam.id, 'op', 'frontal').captures) == 1


def test_a_second_tap_waits_for_the_same_picture(room, camera, monkeypatch):
    taking = room()
    exam = taking.begin(ZOE, 'op')
    camera.free.clear()
    answers = []
    waiting = threading.Semaphore(0)
    result = acquisition.Future.result

    def seen(future):
        waiting.release()
        return result(future)

    monkeypatch.setattr(acquisition.Future, 'result', seen)
    taps = [threading.Thread(target=lambda: answers.append(taking.capture(exam.id, 'op', 'frontal', number=1)))
            for _ in range(3)]
    for tap in taps:
        tap.start()
        assert waiting.acquire(timeout=PATIENCE_S)
    assert camera.asking.wait(PATIENCE_S)
    assert code_of(taking.capture, exam.id, 'op', 'frontal', number=1) == 'capture-busy'  # enough threads wait
    camera.free.set()
    for tap in taps:
        tap.join(PATIENCE_S)
    assert [len(answer.captures) for answer in answers] == [1, 1, 1]
    monkeypatch.undo()
    assert len(taking.capture(exam.id, 'op', 'frontal', number=1).captures) == 1  # also long afterwards
    assert len(taking.capture(exam.id, 'op', 'frontal', number=2).captures) == 2  # a retake has the next number
    assert camera.asked == [True, True]


def test_another_view_does_not_wait_for_the_one_that_is_taken(room, camera):
    taking = room()
    exam = taking.begin(ZOE, 'op')
    camera.free.clear()
    tap = threading.Thread(target=taking.capture, args=(exam.id, 'op', 'frontal'))
    tap.start()
    assert camera.asking.wait(PATIENCE_S)
    assert code_of(taking.capture, exam.id, 'op', 'left-oblique') == 'capture-busy'
    camera.free.set()
    tap.join(PATIENCE_S)
    assert [capture.role for capture in taking.exams.get(exam.id).captures] == ['frontal']


def test_one_exam_is_under_way_at_a_time(station, room):
    taking = room()
    assert taking.under_way() is None
    draft = station.exams.create(ZOE, 'op')
    assert taking.under_way().row.id == draft.id
    assert code_of(taking.begin, Patient('P-2'), 'op') == 'exam-under-way'
    station.exams.discard(draft.id, 'op', 'she left')
    reviewed = station.exam(REVIEW)
    assert taking.under_way() is None
    other = taking.begin(Patient('P-2'), 'op')
    assert code_of(taking.resume, reviewed.id, 'op') == 'exam-under-way'
    station.exams.discard(other.id, 'op', 'she left')
    assert taking.resume(reviewed.id, 'op').state == ACQUIRING
    assert [entry.row.id for entry in station.exams.list(state=ACQUIRING)] == [reviewed.id]


def test_without_room_for_a_whole_exam_none_begins(station, room):
    station.start(room=lambda folder: Message('room-none', '3 MiB are free.', 'Make room.', PROBLEM, 'room'))
    assert code_of(room().begin, ZOE, 'op') == 'room-none'
    assert station.exams.list() == []


@pytest.mark.parametrize('state', [DRAFT, REVIEW, 'signed', 'discarded'])
def test_no_picture_is_taken_for_an_exam_that_takes_none(station, room, camera, state):
    assert code_of(room().capture, station.exam(state).id, 'op', 'frontal') == 'exam-state'
    assert camera.asked == []


@pytest.mark.parametrize('role, frame', [('back', 0), ('', 0), ('frontal', 1), ('dynamic', 0)])
def test_no_picture_is_taken_of_what_is_no_view(room, camera, role, frame):
    taking = room()
    assert code_of(taking.capture, taking.begin(ZOE, 'op').id, 'op', role, frame) == 'exam-capture'
    assert code_of(taking.capture, '0' * 16, 'op', 'frontal') == 'exam-missing'
    assert camera.asked == []


def test_no_picture_is_taken_that_could_not_be_encrypted(folder, camera, pipeline):
    station = Station(folder, Sealer(bytes(32)))
    taking = Acquisition(station.exams, camera, pipeline)
    exam = taking.begin(ZOE, 'op')
    station.exams.sealer = None
    assert code_of(taking.capture, exam.id, 'op', 'frontal') == 'exams-locked' and camera.asked == []
    station.exams.sealer = station.sealer
    exam = taking.capture(exam.id, 'op', 'frontal')
    path = os.path.join(folder, 'exams', exam.id[:2], exam.id)
    heads = {name: Path(path, name).read_bytes()[:4] for name in os.listdir(path)}
    del heads['exam.json']
    assert len(heads) == 5 and not set(heads.values()) & {b'\x89PNG', b'\x89TSC', b'{\n  ', b'{"ou'}
    taking.close()
    station.close()


def test_a_picture_waits_its_turn_with_the_model(station, room, camera, pipeline, monkeypatch):
    refusals = [BackendError('backend-busy', 'Other frames are being analysed.')] * 3
    analyse = pipeline.analyse

    def busy(thermogram):
        if refusals:
            raise refusals.pop()
        return analyse(thermogram)

    taking = room()
    exam = taking.begin(ZOE, 'op')
    monkeypatch.setattr(acquisition, 'time', SimpleNamespace(sleep=lambda s: None))
    monkeypatch.setattr(pipeline, 'analyse', busy)
    assert len(taking.capture(exam.id, 'op', 'frontal').captures) == 1
    refusals[:] = [BackendError('backend-busy', 'Other frames are being analysed.')] * 1000
    assert code_of(taking.capture, exam.id, 'op', 'frontal') == 'backend-busy'
    refusals[:] = [BackendError('backend-stuck', 'The model gave no answer.')]
    assert code_of(taking.capture, exam.id, 'op', 'frontal') == 'backend-stuck'
    assert len(station.exams.get(exam.id).captures) == 1


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize('where, kept', [('write_files', 0), ('write_exam', 0), ('_tell', 1)])
def test_after_a_kill_the_exam_goes_on_and_the_same_number_is_one_picture(station, room, camera, monkeypatch, where,
                                                                           kept):
    """Before the files, between files and document, and between document and answer."""
    taking = room()
    exam = taking.begin(ZOE, 'op')

    def kill(*arguments, **named):
        raise Killed

    owner = station.exams if where == '_tell' else library
    monkeypatch.setattr(owner, where, kill)
    with pytest.raises(Killed):
        taking.capture(exam.id, 'op', 'frontal', number=1)
    monkeypatch.undo()
    station.crash(exam.id)
    station.start()
    again = room()
    assert again.under_way().row.id == exam.id
    assert len(station.exams.get(exam.id).captures) == kept
    assert len(again.capture(exam.id, 'op', 'frontal', number=1).captures) == 1
    assert len(camera.asked) == 2 - kept and list(station.exams.verify()) == []


class Seconds:
    """Time that passes only while somebody waits; stands for the event that ends a wait, too."""

    def __init__(self):
        self.now_s, self.ended, self.waits = 100.0, False, []

    def wait(self, seconds):
        self.now_s += seconds
        return self.ended

    def is_set(self):
        return self.ended

    def set(self):
        self.ended = True


@pytest.fixture
def serial(station, camera, pipeline, request):
    """Makes a room whose series has four pictures, ten seconds apart, and the time that passes there."""
    def open_room(seconds, boot='boot', synchronised=True):
        station.start(clock=the_clock(since_boot_ns=lambda: int(seconds.now_s * 1e9), boot_id=boot,
                                      synchronised=lambda: synchronised,
                                      utc_s=lambda: 1.8e9 + seconds.now_s))
        made = Acquisition(station.exams, camera, pipeline, series=(4, 10.0))
        made._stop = seconds
        return made
    return open_room


def begun_series(taking):
    """An exam whose picture before the cooling is there."""
    exam = taking.begin(ZOE, 'op', prepared=False)
    taking.exams.start(exam.id, 'op', {}, {'protocol': 'dynamic'})
    assert code_of(taking.series, exam.id, 'op') == 'series-step'
    return taking.capture(exam.id, 'op', DYNAMIC, 1)


def over(taking, exam_id):
    """The exam after its series, what was due and what was taken of it, and what deviated."""
    taking._serial[1].join(PATIENCE_S)
    exam = taking.exams.get(exam_id)
    times = [(capture.frame, capture.facts['due_s'], round(capture.facts['taken_s'])) for capture in exam.captures[1:]]
    return guide.step_of(exam).name, times, taking.exams.deviations(exam)


def test_a_series_is_taken_by_its_times_and_the_screen_may_lock(serial, camera):
    seconds, ended = Seconds(), []
    taking = serial(seconds)
    exam = begun_series(taking)
    camera.asked.clear()
    camera.free.clear()
    exam = taking.series(exam.id, 'op', lambda: ended.append(True))
    assert camera.asking.wait(PATIENCE_S) and taking.series_runs(exam.id) and ended == []
    assert code_of(taking.series, exam.id, 'op') == 'series-runs'
    camera.free.set()
    assert over(taking, exam.id) == ('pictures', [(2, 0, 0), (3, 10, 10), (4, 20, 20), (5, 30, 30)], [])
    assert camera.asked == [False] * 4 and ended == [True]


def test_a_lost_camera_leaves_a_gap_and_what_is_late_is_marked(serial, camera):
    seconds = Seconds()
    taking = serial(seconds)
    exam, still = begun_series(taking), camera.still
    begun_s = seconds.now_s

    def lost(timeout_s, calibrate=False):
        if 10 <= seconds.now_s - begun_s < 25:
            raise GONE
        return still(timeout_s, calibrate)

    camera.still = lost
    taking.series(exam.id, 'op')
    assert over(taking, exam.id) == ('pictures', [(2, 0, 0), (4, 20, 25), (5, 30, 30)], [
        'Pictures of the series that are missing: 2. Pictures of the series that are late: 3.'])


@pytest.mark.parametrize('off_s, boot, synchronised, expected', [
    (12.0, 'boot', False, [(2, 0, 0), (4, 20, 22), (5, 30, 30)]), (12.0, 'other', True, [(2, 0, 0), (4, 20, 22),
                                                                                        (5, 30, 30)]),
    (99.0, 'boot', True, [(2, 0, 0)]), (12.0, 'other', False, [(2, 0, 0)])])
def test_a_series_goes_on_after_a_restart_where_its_time_is_known(serial, camera, off_s, boot, synchronised, expected):
    seconds = Seconds()
    taking = serial(seconds)
    exam = begun_series(taking)

    def stops(seconds_waited):
        seconds.now_s += seconds_waited
        return True

    seconds.wait = lambda waited: waited > 0 and stops(waited)  # the power goes while the second one is waited for
    taking.series(exam.id, 'op')
    taking._serial[1].join(PATIENCE_S)
    assert guide.step_of(taking.exams.get(exam.id)).name == 'series'
    again = Seconds()
    again.now_s = seconds.now_s + off_s
    taking = serial(again, boot, synchronised)
    taking.series(exam.id, 'op')
    step, times, deviations = over(taking, exam.id)
    assert (step, times) == ('pictures', expected)
    missing = [number for number in (1, 2, 3, 4) if number + 1 not in [frame for frame, _, _ in expected]]
    assert deviations[0].startswith('Pictures of the series that are missing: %s.' % ', '.join(map(str, missing)))


def test_the_date_is_confirmed_by_name_and_signing_goes_on(station):
    station.start(clock=the_clock(synchronised=lambda: False))
    exam = station.exam(REVIEW)
    assert code_of(station.exams.sign, exam.id, 'op') == 'date-uncertain'
    assert station.exams.date_message().code == 'date-uncertain'
    station.exams.confirm_date('op')
    assert station.log[-1] == ('date-confirmed', 'op', {}) and station.exams.date_message() is None
    assert station.exams.sign(exam.id, 'op').events[-1].stamp.clock == 'operator'
    station.start(record=failing, clock=the_clock(synchronised=lambda: False))
    assert code_of(station.exams.confirm_date, 'op') == 'disk-full'


def failing(*arguments, **named):
    raise StorageError('disk-full', 'The disk is full.')
