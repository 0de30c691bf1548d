"""Labels come back to the frame, in one piece."""
import cv2
import numpy as np
import pytest

from service.body import find_body
from service.bundle import Manifest
from service.chains import Fit
from service.decode import decode, temper, tidy
from service.regions import LEFT_ARMPIT, LEFT_BREAST, LEFT_NIPPLE, NECK, RIGHT_BREAST, region_masks
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.pipelines import StubBundle
from tests.fakes.stub_backend import StubBackend

LABELS = frames.labels()


def test_stray_pieces_go_and_everything_else_stays():
    speckled = LABELS.copy()
    speckled[5:9, 5:9] = RIGHT_BREAST
    speckled[200:203, 300:303] = LEFT_ARMPIT
    tidied, masks = tidy(speckled)
    assert np.array_equal(tidied, LABELS)
    assert {region: box for region, (box, _) in masks.items()} == {region: box for region, (box, _)
                                                                    in region_masks(LABELS).items()}
    assert all(np.array_equal(inside > 0, LABELS[box] == region) for region, (box, inside) in masks.items())
    assert np.array_equal(tidy(LABELS)[0], LABELS)
    assert not tidy(np.zeros((10, 10), np.uint8))[0].any()


def test_of_a_breast_that_something_cuts_in_two_the_larger_part_stays():
    cut = LABELS.copy()
    rows = np.nonzero((LABELS == LEFT_BREAST).any(axis=1))[0]
    third = rows[0] + (rows[-1] - rows[0]) // 3
    cut[third:third + 3][cut[third:third + 3] == LEFT_BREAST] = 0
    expected = cut.copy()
    expected[:third][expected[:third] == LEFT_BREAST] = 0
    assert np.array_equal(tidy(cut)[0], expected)


def test_an_island_inside_a_hole_of_its_own_region_is_a_piece_too():
    ringed = np.zeros((40, 40), np.uint8)
    ringed[5:35, 5:35], ringed[12:28, 12:28], ringed[18:22, 18:22] = LEFT_BREAST, LEFT_NIPPLE, LEFT_BREAST
    tidied, masks = tidy(ringed)
    assert (tidied[18:22, 18:22] == 0).all() and np.array_equal(tidied != ringed, (tidied == 0) & (ringed > 0))
    assert cv2.countNonZero(masks[LEFT_BREAST][1]) == np.count_nonzero(tidied == LEFT_BREAST)


@pytest.mark.parametrize('frame', [(240, 320), (480, 640), (60, 80), (97, 131), (331, 257), (41, 640), (241, 319)])
def test_no_region_is_ever_in_two_pieces(frame):
    """Whatever a network answers and whatever the camera's resolution: noise, specks, rings, thin bridges."""
    body = find_body(Thermogram.from_celsius(frames.torso(*frame), source='x'))
    fit = Fit.of(frame, (240, 320))
    random = np.random.RandomState(2021)
    for grain in (1, 2, 3, 7, 30):
        coarse = random.randint(0, 8, (240 // grain + 1, 320 // grain + 1)).astype(np.uint8)
        hostile = np.where(random.rand(240, 320) < 0.1, random.randint(0, 8, (240, 320)),
                           coarse.repeat(grain, 0).repeat(grain, 1)[:240, :320]).astype(np.uint8)
        labels = decode(StubBackend(hostile).answer, StubBundle(), fit, body).labels
        for region in range(1, 8):
            assert cv2.connectedComponents((labels == region).view(np.uint8), connectivity=8)[0] <= 2


@pytest.mark.parametrize('frame', [(512, 640), (480, 640), (120, 160), (192, 256), (640, 480)])
def test_padding_is_cut_off_and_boxes_hold_their_regions(frame):
    fit = Fit.of(frame, (240, 320))
    body = find_body(Thermogram.from_celsius(frames.torso(*frame), source='x'))
    answer = StubBackend(LABELS).answer
    prediction = decode(answer, StubBundle(), fit, body)
    assert prediction.labels.shape == frame
    assert prediction.probability == answer['finding'][0, 0]
    assert prediction.confidence == pytest.approx(0.9) and prediction.certainty[NECK] == pytest.approx(0.9)
    for region, ((rows, columns), _) in region_masks(prediction.labels).items():
        wide_rows, wide_columns = prediction.boxes[region]
        assert wide_rows.start <= rows.start and rows.stop <= wide_rows.stop
        assert wide_columns.start <= columns.start and columns.stop <= wide_columns.stop


def test_a_model_that_only_marks_regions_has_no_probability():
    body = find_body(Thermogram.from_celsius(frames.torso(), source='x'))
    answer = StubBackend(LABELS, finding=None).answer
    prediction = decode(answer, StubBundle(gives_finding=False), Fit.of((240, 320), (240, 320)), body)
    assert prediction.probability is None and prediction.confidence == pytest.approx(0.9)
    assert np.array_equal(prediction.labels, LABELS)


def test_confidence_is_that_of_the_region():
    answer = StubBackend(LABELS).answer
    answer['confidence'] = np.where(LABELS == NECK, 0.4, 0.9).astype(np.float32)[np.newaxis]
    body = find_body(Thermogram.from_celsius(frames.torso(), source='x'))
    prediction = decode(answer, StubBundle(), Fit.of((240, 320), (240, 320)), body)
    assert prediction.certainty[NECK] == pytest.approx(0.4) and prediction.certainty[LEFT_BREAST] == pytest.approx(0.9)
    assert 0.8 < prediction.confidence < 0.9


@pytest.mark.parametrize('temperature', [0.3, 1, 2.5, 100])
@pytest.mark.parametrize('probability', [1e-7, 0.2, 0.5, 0.731, 1 - 1e-12])
def test_temperature_divides_the_logit(probability, temperature):
    shown = temper(probability, temperature)
    logit = np.log(probability / (1 - probability)) / temperature
    assert shown == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-3)
    assert (shown - 0.5) * (probability - 0.5) >= 0


@pytest.mark.parametrize('probability', [0.0, 1.0, 1e-320, 1 - 2 ** -53])
@pytest.mark.parametrize('temperature', [1e-300, 0.01, 1, 7, 100])
def test_temperature_keeps_a_probability_a_probability(probability, temperature):
    assert 0 <= temper(probability, temperature) <= 1
    assert probability % 1 or temper(probability, temperature) == probability


def test_the_finding_that_is_shown_is_after_temperature():
    bundle = StubBundle()
    bundle.manifest = Manifest(dict(bundle.manifest.raw, finding=dict(bundle.manifest.finding, temperature=2.0)), '')
    body = find_body(Thermogram.from_celsius(frames.torso(), source='x'))
    prediction = decode(StubBackend(LABELS, finding=0.9).answer, bundle, Fit.of((240, 320), (240, 320)), body)
    assert prediction.probability == pytest.approx(0.75, abs=1e-6)
