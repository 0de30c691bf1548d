"""docs/cameras.md says what the program does."""
import re

import pytest

from service.cameras.wire import FORMATS, formats_for
from service.cameras.wire.__main__ import markdown_table
from service.condition import FFC_COMPLETE, FFC_STATES, Condition


@pytest.fixture(scope='module')
def page(root):
    return (root / 'docs' / 'cameras.md').read_text(encoding='utf-8')


def test_the_table_is_the_one_of_the_code(page):
    assert markdown_table() in page, 'python -m service.cameras.wire prints the table for docs/cameras.md'


def test_every_format_has_a_line():
    table = markdown_table()
    lines = table.splitlines()
    assert len(lines) == 2 + len(FORMATS) and len({line.count('|') for line in lines}) == 1
    assert '| `p2pro` | InfiRay P2 Pro / Topdon TC001 | 0bda:5830, 0bda:5840 | `YUYV` 256x384 | 196608 |' in table


def test_every_reason_is_on_the_page(page):
    conditions = [Condition(ffc=state) for state in FFC_STATES if state != FFC_COMPLETE]
    conditions.append(Condition(agc=True, shutter_locked=True, over_temperature=True, saturated=1.0))
    conditions.append(Condition(gain='low', tlinear=False))
    for condition in conditions:
        for message in condition.messages() + condition.warnings():
            assert '`%s`' % message.code in page


def test_cameras_listed_as_not_read_are_not_read(page):
    refused = page.split('## What is not read')[1].split('## One more')[0]
    ids = re.findall(r'\(([0-9a-f]{4}):([0-9a-f]{4})((?:, [0-9a-f]{4})*)\)', refused)
    pairs = [(vendor, product) for vendor, first, more in ids for product in [first] + re.findall('[0-9a-f]{4}', more)]
    assert len(pairs) == 7
    assert all(formats_for(int(vendor, 16), int(product, 16)) == () for vendor, product in pairs)
