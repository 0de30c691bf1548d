"""The map of what a network relied on: it points at the place that a network with a known answer looks at."""
import math
import threading

import numpy as np
import pytest

from service.chains import Fit, Prepared
from service.explanation import explanation_map, hide_places, strongest
from service.explanation_job import ExplanationJob
from service.messages import InputError

HEIGHT, WIDTH = 240, 320
ONE, OTHER = ('0123456789abcdef', 1), ('0123456789abcdef', 2)


def labels_of(height=HEIGHT, width=WIDTH):
    """Two breasts with their nipples, and an armpit."""
    rows, columns = np.mgrid[:height, :width] * (HEIGHT / float(height))
    labels = np.zeros((height, width), np.uint8)
    for side, middle in ((1, 100), (2, 220)):
        away = np.hypot(rows - 130, columns - middle)
        labels[away < 50] = side
        labels[away < 8] = side + 2
    labels[(rows < 40) & (columns < 60)] = 5
    return labels


def prepared_of(frame=(HEIGHT, WIDTH), channels=1):
    """A network's input that is 0.5 everywhere, and 0.9 around column 190, row 150."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    levels = np.where(np.hypot(rows - 150, columns - 190) < 10, 0.9, 0.5).astype(np.float32)
    return Prepared(np.repeat(levels[np.newaxis, np.newaxis], channels, 1), Fit.of(frame, (HEIGHT, WIDTH)))


def looks_at(rows, columns):
    """A network whose log odds are ten times the mean of a window."""
    return lambda tensor: 1 / (1 + math.exp(-10 * float(tensor[0, 0, rows, columns].mean())))


def nothing(done, total):
    pass


@pytest.mark.parametrize('frame, channels', [((240, 320), 1), ((480, 640), 3)])
def test_the_strongest_place_is_where_the_network_looks(frame, channels):
    labels, prepared = labels_of(*frame), prepared_of(frame, channels)
    before, told = prepared.tensor.copy(), []
    hidden = hide_places(prepared, labels, looks_at(slice(140, 161), slice(180, 201)),
                         lambda done, total: told.append((done, total)))
    assert (prepared.tensor == before).all()
    assert [done for done, _ in told] == list(range(len(hidden) + 1)) and {total for _, total in told} == {len(told)}
    explained = explanation_map(hidden, prepared, labels)
    assert explained.dtype == np.float32 and explained.shape == frame
    assert (np.isfinite(explained) == np.isin(labels, (1, 2, 3, 4))).all()
    column, row, value = strongest(explained)
    factor = frame[0] // HEIGHT
    assert math.hypot(column / factor - 190, row / factor - 150) <= 8 and value == pytest.approx(explained[row, column])
    # Hidden in the middle of the warm spot, the window falls to about the mean of its breast.
    assert 0.5 < value < max(place.fall for place in hidden) < 3
    assert np.nanmin(explained[:, :frame[1] // 3]) == np.nanmax(explained[:, :frame[1] // 3]) == 0


def test_a_place_that_speaks_against_the_finding_is_below_nothing():
    labels, prepared = labels_of(), prepared_of()
    against = looks_at(slice(140, 161), slice(180, 201))
    explained = explanation_map(hide_places(prepared, labels, lambda tensor: 1 - against(tensor), nothing), prepared,
                                labels)
    assert strongest(explained)[2] == pytest.approx(0, abs=1e-6) and np.nanmin(explained) < -0.5


def test_one_breast_is_enough_and_none_is_said():
    labels, prepared = labels_of(), prepared_of()
    labels[np.isin(labels, (1, 3))] = 0
    assert hide_places(prepared, labels, lambda tensor: 1.0, nothing)  # of which the log odds have no end
    with pytest.raises(InputError) as raised:
        hide_places(prepared, np.where(labels == 5, labels, 0), lambda tensor: 0.5, nothing)
    assert raised.value.code == 'explanation-none'


class Slow:
    """A pipeline whose network answers when it is told to."""

    def __init__(self):
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.error = None

    def explain(self, thermogram, labels, tell):
        for done in range(3):
            tell(done, 3)
            self.asked.set()
            self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        return np.full((2, 2), thermogram, np.float32)


def ended(job, subject):
    """Wait until a job has nothing more to do: how it ended."""
    for _ in range(500):
        if not job.of(subject).is_running:
            break
        threading.Event().wait(0.01)
    return job.of(subject)


def test_one_is_explained_at_a_time_and_a_stopped_one_never_comes_back():
    slow = Slow()
    job = ExplanationJob(slow)
    assert not job.of(ONE).is_running
    job.start(ONE, 1, None)
    job.start(ONE, 1, None)  # a second tap
    slow.asked.wait(10)
    assert job.of(ONE).is_running and (job.of(ONE).percent, job.of(ONE).total) == (0, 3)
    assert not job.of(OTHER).is_running
    with pytest.raises(InputError) as raised:
        job.start(OTHER, 2, None)
    assert raised.value.code == 'explanation-running'
    job.stop()
    assert job.of(ONE).subject is None
    slow.asked.clear()
    job.start(OTHER, 2, None)
    slow.asked.wait(10)
    slow.go_on.set()  # both threads go on
    assert (ended(job, OTHER).explained == 2).all() and job.of(ONE).explained is None


@pytest.mark.parametrize('error, code', [(InputError('explanation-none', 'No.'), 'explanation-none'),
                                         (ZeroDivisionError(), 'unexpected')])
def test_what_fails_is_told_and_another_may_begin(error, code):
    slow = Slow()
    slow.error = error
    slow.go_on.set()
    job = ExplanationJob(slow)
    job.start(ONE, 1, None)
    assert ended(job, ONE).message.code == code
    slow.error = None
    job.start(OTHER, 2, None)
    assert ended(job, OTHER).explained is not None
