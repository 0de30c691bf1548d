"""Statistics of phantoms: estimators on known pictures, and the table."""
import numpy as np
import pytest
from click.testing import CliRunner

from models.phantom_statistics import (
    PUBLISHED,
    compare,
    estimate,
    main,
    markdown,
    measure,
    mirrored_correlation,
    noise_sigma,
    spectrum_slope,
)
from models.phantom_statistics import measure as measure_frame
from service.simulator import Description, make_phantom


def test_noise_of_known_strength():
    field = 30 + 0.05 * np.random.default_rng(0).normal(size=(480, 640)) + np.linspace(0, 4, 640)
    assert noise_sigma(field) == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize('slope', [-3.0, -4.0])
def test_spectrum_of_known_slope(slope):
    rng = np.random.default_rng(1)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512)))
    frequency[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(512, 512))) * frequency ** (slope / 2)).real
    assert spectrum_slope(field) == pytest.approx(slope, abs=0.15)


def test_a_mirrored_picture_correlates_with_itself():
    phantom = make_phantom(3, 480, 640, abnormal=False)
    half = np.array(phantom.celsius[:, :320])
    labels = np.array(phantom.labels[:, :320])
    labels[~np.isin(labels, (1, 3))] = 0
    other = np.array([0, 2, 0, 4, 0, 0, 0, 0], np.uint8)[labels[:, ::-1]]
    both = np.hstack([half, half[:, ::-1]]), np.hstack([labels, other])
    assert mirrored_correlation(*both) == pytest.approx(1.0)


def test_flat_regions_measure_what_they_are():
    celsius, labels = np.full((480, 640), 21.0, np.float32), np.zeros((480, 640), np.uint8)
    labels[200:360, 64:256], labels[200:360, 384:576] = 1, 2
    celsius[labels == 1], celsius[labels == 2] = 31.0, 30.25
    celsius += np.random.default_rng(0).normal(0, 0.01, celsius.shape).astype(np.float32)
    found = measure_frame(celsius, labels)
    assert found['breast right-left'] == pytest.approx(0.75, abs=0.01)
    assert found['right breast area'] == pytest.approx(10.0)
    assert found['right breast x'] == pytest.approx(0.25) and found['left breast width'] == pytest.approx(0.3)
    assert 'neck mean' not in found and 'nipple right-left' not in found


#: Off by a little, as docs/figures.md says and explains.
KNOWN_OFF = {'nipple right-left, sd', 'armpit right-left, sd', 'right armpit y', 'neck mean, between patients'}


def _measured(seed, description=None):
    phantom = make_phantom(seed, 480, 640, False, description)
    return measure(phantom.celsius - phantom.planted['offset_c'], phantom.labels)


@pytest.fixture(scope='module')
def flat():
    return [_measured(seed) for seed in range(5000, 5048)]


@pytest.fixture(scope='module')
def solid():
    return [_measured(seed, Description()) for seed in range(5000, 5006)]


@pytest.fixture(scope='module')
def rows(flat, solid):
    return compare(flat, [], solid)


def test_phantoms_agree(rows):
    """48 phantoms leave the figures some noise; the table in docs/figures.md has 200."""
    off = {row['quantity'].name for row in rows if not row['agrees']}
    assert len(off - KNOWN_OFF) <= 4, off


def test_a_solid_phantom_is_the_flat_one_of_its_seed(flat, solid):
    """Places, sizes and temperatures, within the reach in which means agree; their mottle is another."""
    for quantity in PUBLISHED:
        if quantity.how == 'mean':
            both = estimate(solid, quantity), estimate(flat[:len(solid)], quantity)
            assert abs(both[0] - both[1]) < quantity.high - quantity.low, (quantity.name, both)


def test_a_wrong_value_is_said(rows):
    changed = [{row['quantity'].of: 99.0 for row in rows}]
    assert not any(row['agrees'] for row in compare(changed) if row['quantity'].how == 'mean')


def test_every_published_quantity_has_a_row(rows):
    text = markdown(rows, 48)
    assert all('| %s' % quantity.name in text for quantity in PUBLISHED)
    assert len(text.splitlines()) == len(PUBLISHED) + 2


def test_the_command_prints_the_table():
    result = CliRunner().invoke(main, ['--count', '2'])
    assert result.exit_code == 0 and 'of %d agree' % len(PUBLISHED) in result.output
