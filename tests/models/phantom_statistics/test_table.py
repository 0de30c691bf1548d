"""The phantoms agree with the published statistics, and the table says where they do not."""
import pytest
from click.testing import CliRunner

from models.phantom_statistics import PUBLISHED, compare, markdown, measure
from models.phantom_statistics.__main__ import main
from service.simulator import make_phantom

#: Off by a little, as docs/figures.md says and explains.
KNOWN_OFF = {'nipple right-left, sd', 'right armpit y', 'neck mean, between patients'}


@pytest.fixture(scope='module')
def rows():
    phantoms = [make_phantom(seed, 480, 640, abnormal=False) for seed in range(5000, 5048)]
    return compare([measure(p.celsius - p.planted['offset_c'], p.labels) for p in phantoms])


def test_phantoms_agree(rows):
    """48 phantoms leave the figures some noise; the table in docs/figures.md has 200."""
    off = {row['quantity'].name for row in rows if not row['agrees']}
    assert len(off - KNOWN_OFF) <= 4, off


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
