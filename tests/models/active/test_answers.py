"""A network is asked about variants of a frame, and its answers come back to the frame's own place."""
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.active.answers import asking, look  # noqa: E402
from service.bundle import open_bundle  # noqa: E402
from service.regions import LEFT_BREAST, REGIONS, RIGHT_ARMPIT, RIGHT_BREAST  # noqa: E402
from service.settings import SHIPPED_BUNDLE  # noqa: E402

HEIGHT, WIDTH = 48, 64


def picture():
    """A warm disc in each half of a cold picture."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    discs = [np.hypot(rows - 24, columns - column) < 9 for column in (18, 45)]
    return (discs[0] | discs[1]).astype(np.float32)[np.newaxis, np.newaxis]


def by_sight(tensor):
    """Calls what is warm a breast, on the side on which it lies; never wavers."""
    warm = tensor[0, 0] > 0.5
    left = np.arange(WIDTH) < WIDTH // 2
    logits = np.full((len(REGIONS), HEIGHT, WIDTH), -20, np.float32)
    logits[0][~warm] = logits[RIGHT_BREAST][warm & left] = logits[LEFT_BREAST][warm & ~left] = 20
    return logits, np.array([tensor.mean(), 1], np.float32)


def test_a_network_that_goes_by_what_it_sees_is_sure():
    seen = look(by_sight, picture())
    assert np.array_equal(seen.labels > 0, picture()[0, 0] > 0.5)
    assert seen.labels[24, 18] == RIGHT_BREAST and seen.labels[24, 45] == LEFT_BREAST
    assert seen.unsure[24, 18] < 0.01 and seen.unsure[2, 2] < 0.01, 'variants agree inside and outside'
    assert np.isnan(seen.by_region[RIGHT_ARMPIT]) and seen.total < 0.3


def test_disagreement_between_variants_is_uncertainty_where_it_is():
    def by_place(tensor):
        logits, latents = by_sight(tensor)
        logits[RIGHT_ARMPIT, 4:10, 4:10] = 40  # on the left of the picture, mirrored or not
        return logits, latents
    seen = look(by_place, picture())
    assert seen.unsure[7, 7] > 0.5 > seen.unsure[24, 45]
    assert seen.by_region[RIGHT_ARMPIT] > seen.by_region[RIGHT_BREAST]
    assert seen.total > look(by_sight, picture()).total


def test_a_frame_without_regions_has_a_number_too():
    def nothing(tensor):
        logits = np.zeros((len(REGIONS), HEIGHT, WIDTH), np.float32)
        logits[0] = 3
        return logits, np.zeros(2, np.float32)
    seen = look(nothing, picture())
    assert not seen.labels.any() and seen.total == pytest.approx(seen.unsure.mean(), abs=1e-6)


def test_a_bundle_is_asked_for_logits_and_latents():
    bundle = open_bundle(SHIPPED_BUNDLE)
    logits, latents = asking(bundle.model)(np.zeros(bundle.inputs[0].shape, np.float32))
    assert logits.shape == (len(REGIONS),) + bundle.inputs[0].shape[2:] and latents.ndim == 1
