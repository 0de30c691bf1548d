"""Labels come back to the frame, in one piece."""
import numpy as np

from service.chains import Fit
from service.decode import decode, tidy
from service.regions import LEFT_ARMPIT, LEFT_BREAST, RIGHT_BREAST
from tests.fakes import frames
from tests.fakes.pipelines import StubBundle
from tests.fakes.stub_backend import StubBackend

LABELS = frames.labels()


def test_stray_pieces_go_and_everything_else_stays():
    speckled = LABELS.copy()
    speckled[5:9, 5:9] = RIGHT_BREAST
    speckled[200:203, 300:303] = LEFT_ARMPIT
    assert np.array_equal(tidy(speckled), LABELS)
    assert np.array_equal(tidy(LABELS), LABELS)
    assert not tidy(np.zeros((10, 10), np.uint8)).any()


def test_a_breast_that_something_cuts_in_two_stays_whole():
    cut = LABELS.copy()
    rows = np.nonzero((LABELS == LEFT_BREAST).any(axis=1))[0]
    middle = (rows[0] + rows[-1]) // 2
    cut[middle:middle + 3][cut[middle:middle + 3] == LEFT_BREAST] = 0
    assert np.array_equal(tidy(cut), cut)


def test_padding_is_cut_off_again():
    fit = Fit.of((512, 640), (240, 320))
    answer = StubBackend(LABELS).answer
    decoded = decode(answer, StubBundle(), fit)
    assert decoded.labels.shape == (512, 640) and decoded.certainty.shape == (240, 300)
    assert decoded.probability == answer['finding'][0, 0]
