"""The clock check."""
import json
import os

import pytest

from jetson.checks.clock import check_clock
from service.messages import OK, PROBLEM
from service.settings import Settings
from tests.fakes.board_trees import write_tree

NOV_2026, DAY_S = 1795219200.0, 86400.0


def _check(tmp_path, now_s, created=None, installed_s=None, synced_s=None):
    bundle = tmp_path / 'bundle'
    bundle.mkdir()
    if created is not None:
        (bundle / 'manifest.json').write_text(json.dumps({'created': created}))
    program = tmp_path / 'program.py'
    if installed_s is not None:
        program.write_text('')
        os.utime(str(program), (installed_s, installed_s))
    root = write_tree(tmp_path / 'root', {'var/lib/systemd/timesync/clock': ''} if synced_s is not None else {'x': ''})
    if synced_s is not None:
        os.utime(os.path.join(root, 'var/lib/systemd/timesync/clock'), (synced_s, synced_s))
    return check_clock(Settings(bundle=str(bundle)), root, now_s, str(program))


def test_a_clock_in_the_past(tmp_path):
    report = _check(tmp_path, 1517000000.0, created='2026-11-20', installed_s=NOV_2026 - 9 * DAY_S)
    assert report.severity == PROBLEM and report.code == 'clock-wrong'
    assert report.sentence == '2018-01-26 20:53 UTC is before the day the bundle was made, so the clock is wrong.'
    assert 'time server' in report.next_step


@pytest.mark.parametrize('told', [{'created': '2026-11-21'}, {'installed_s': NOV_2026}, {'synced_s': NOV_2026}])
def test_each_past_moment_counts(tmp_path, told):
    assert _check(tmp_path, NOV_2026 - 3 * DAY_S, **told).severity == PROBLEM


def test_right_clock(tmp_path):
    report = _check(tmp_path, NOV_2026 + 1, '2026-11-21', NOV_2026, NOV_2026)
    assert report.severity == OK and report.sentence == 'It is 2026-11-21 00:00 UTC.'


def test_half_a_day_may_be_a_time_zone(tmp_path):
    assert _check(tmp_path, NOV_2026 - DAY_S / 2, '2026-11-21').severity == OK


def test_a_clock_in_the_far_future(tmp_path):
    assert _check(tmp_path, NOV_2026 + 80 * 365 * DAY_S, '2026-11-21').code == 'clock-wrong'


@pytest.mark.parametrize('created', [None, 7, '', 'yesterday', '2026-99-99'])
def test_nothing_to_compare_with(tmp_path, created):
    assert _check(tmp_path, 1517000000.0, created=created).severity == OK


def test_this_machine():
    assert check_clock(Settings()).facts['passed']
