"""Steps after a network: each does what its name says, and the table says what that gains."""
import numpy as np
import pytest

from models.evaluation import postprocessing
from models.evaluation.postprocessing import closing, filled_holes, measure, nipples_in_breasts, places, to_surroundings
from service.regions import (
    BACKGROUND,
    FLIPPED,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
)
from tests.fakes import frames

LABELS = frames.labels(120, 160)


@pytest.mark.parametrize('step', [to_surroundings, filled_holes, nipples_in_breasts, places])
def test_anatomy_stays_as_it_is(step):
    assert np.array_equal(step(LABELS), LABELS)


def somewhere(region):
    """Row and column deep inside a region."""
    rows, columns = np.nonzero(LABELS == region)
    return int(np.median(rows)), int(np.median(columns))


@pytest.mark.parametrize('step, region, shown', [
    (to_surroundings, NECK, LEFT_BREAST), (filled_holes, BACKGROUND, LEFT_BREAST),
    (closing, BACKGROUND, LEFT_BREAST)])
def test_a_speck_in_a_breast_becomes_breast(step, region, shown):
    rows, columns = np.nonzero(LABELS == LEFT_BREAST)
    speckled, row, column = LABELS.copy(), int(rows.max()) - 6, int(np.median(columns[rows == rows.max() - 6]))
    speckled[row, column:column + 2] = region
    assert (step(speckled)[row, column:column + 2] == shown).all()


def test_a_nipple_in_the_other_breast_becomes_that():
    swapped = LABELS.copy()
    swapped[LABELS == LEFT_NIPPLE], swapped[LABELS == RIGHT_NIPPLE] = RIGHT_NIPPLE, LEFT_NIPPLE
    assert not np.isin(nipples_in_breasts(swapped), (RIGHT_NIPPLE, LEFT_NIPPLE)).any()


def test_what_lies_where_it_cannot_goes():
    exchanged = FLIPPED[LABELS]
    assert set(np.unique(places(exchanged))) <= {BACKGROUND, RIGHT_BREAST, LEFT_BREAST, NECK}
    low = LABELS.copy()
    low[LABELS == NECK] = BACKGROUND
    low[-3:, 70:90] = NECK
    low[-9:-6, :6] = RIGHT_ARMPIT
    assert not (places(low) == NECK).any() and np.array_equal(places(low) == LEFT_BREAST, LABELS == LEFT_BREAST)


def test_the_table():
    speckled = LABELS.copy()
    speckled[5:8, 5:9] = LEFT_BREAST
    rows = {row['name']: row for row in measure([('a', speckled, LABELS), ('b', LABELS, LABELS)], 100)}
    assert list(rows) == list(postprocessing.STEPS)
    station, raw, *_ = rows.values()
    assert station['miou']['value'] == 1 and station['gain']['value'] == 0 and station['pixels'] == 0
    assert raw['gain']['value'] < 0 and (raw['frames'], raw['pixels']) == (1, 12)
    table = postprocessing.markdown(list(rows.values())).splitlines()
    assert len(table) == 2 + len(rows) and table[3].startswith('| none') and '| 1 | 12 |' in table[3]
