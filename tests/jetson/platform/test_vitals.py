"""Readings of a board in the form that the service takes."""
import configparser
import dataclasses
import importlib

import pytest

from jetson.platform import Platform, RealPlatform, SimulatedPlatform
from jetson.platform.vitals import BoardVitals, open_vitals
from jetson.telemetry import Clock, Telemetry
from service.telemetry import Reading, machine_figures, machine_messages
from tests.fakes.board_trees import board_tree
from tests.fakes.vitals import VALUES


class Played(Platform):
    """Returns the readings of a test, one after the other."""

    kind = 'recorded'

    def __init__(self, *readings, l4t='32.7.1'):
        self.readings, self.l4t, self.asked, self.closed = list(readings), l4t, 0, False

    @property
    def is_jetson(self):
        return self.l4t != 'none'

    def facts(self):
        self.asked += 1
        return {'board': 'a board', 'sm': 53, 'l4t': self.l4t, 'jetpack': 'none', 'tensorrt': None,
                'power_mode': 'MAXN' if self.l4t != 'none' else 'none'}

    def telemetry(self):
        return self.readings.pop(0)

    def close(self):
        self.closed = True


def slow(**changes):
    """A busy GPU far below its cap."""
    reading = Telemetry('sysfs', 0.0, gpu_load_share=1.0, gpu_clock=Clock(307.2, 76.8, 921.6, 921.6), cooling={})
    return dataclasses.replace(reading, **changes)


@pytest.mark.parametrize('board', ['nano', 'orin-nano', 'pc'])
def test_values_are_those_that_the_service_reads(tmp_path, board):
    vitals = BoardVitals(RealPlatform(board_tree(tmp_path, board)))
    values = vitals.read()
    vitals.close()
    assert set(values) <= set(VALUES) | {'cores_off', 'emc_load_share', 'over_current_events', 'rail_alarms'}
    reading = Reading(values, None, (), 1.0, True)
    assert machine_messages(reading) and dict(machine_figures(reading))['board']
    assert ('power mode' in dict(machine_figures(reading))) == (board != 'pc')


def test_sensors_that_are_lost_are_absent():
    board = SimulatedPlatform()
    whole = BoardVitals(board).read()
    board.lose('rails', 'temperatures', 'fan', 'memory', 'clocks')
    left = BoardVitals(board).read()
    gone = {'rails', 'power_mw', 'temperatures_c', 'hottest_c', 'fan', 'memory', 'cpu_clocks', 'gpu_clock', 'emc_clock'}
    assert gone <= set(whole) and not gone & set(left)
    assert 'temperatures' in left['missing']


def test_throttling_counts_when_it_repeats():
    fine = Telemetry('sysfs', 0.0, cooling={})
    vitals = BoardVitals(Played(slow(), fine, slow(), slow()))
    assert [bool(vitals.read()['throttle_signs']) for _ in range(4)] == [False, False, False, True]


def test_on_a_pc_only_cooling_devices_count():
    warm = slow(cooling={'Processor': 2})
    vitals = BoardVitals(Played(slow(), slow(), warm, warm, l4t='none'))
    signs = [vitals.read()['throttle_signs'] for _ in range(4)]
    assert signs[:3] == [[], [], []] and signs[3] == ['cooling device Processor is at step 2']


def test_what_is_not_watched_is_not_reported_as_fine():
    values = BoardVitals(Played(slow(cooling=None))).read()
    assert values['throttling_watched'] is False and values['supply_watched'] is False


def test_facts_are_read_every_few_readings_and_the_platform_is_closed():
    platform = Played(*[slow()] * 30)
    vitals = BoardVitals(platform)
    for _ in range(30):
        vitals.read()
    assert platform.asked == 3
    vitals.close()
    assert platform.closed


def test_it_is_offered_and_works_on_this_machine(root):
    setup = configparser.ConfigParser()
    setup.read(str(root / 'setup.cfg'))
    name, target = setup['options.entry_points']['thermoscreen.telemetry'].strip().split(' = ')
    module, _, attribute = target.partition(':')
    assert getattr(importlib.import_module(module), attribute) is open_vitals
    vitals = open_vitals()
    values = vitals.read()
    vitals.close()
    assert name == 'board' and values['machine']['kind'] == 'real'
