"""A machine in words: what is wrong has a step and a code, what is not measured has no line."""
import pytest

from service.messages import OK, PROBLEM, WARNING
from service.telemetry import Disk, Reading, machine_figures, machine_reports
from tests.fakes.vitals import GIB, reading, values

NAMES = ['disk', 'temperature', 'speed', 'power supply', 'memory', 'clock']


def _reports(known):
    return {report.subject: report for report in machine_reports(known)}


def test_all_is_well():
    reports = _reports(reading())
    assert list(reports) == NAMES
    assert all(report.severity == OK and report.sentence and not report.next_step for report in reports.values())
    assert reports['temperature'].sentence == 'The device is cool enough, 51 C inside.'
    assert reports['temperature'].facts['figures'] == 'ao 51.0 C, cpu 45.5 C, gpu 44.0 C'
    assert reports['speed'].facts['figures'] == '4 cores, 1224 of 1479 MHz, 61 % busy; GPU 845 of 922 MHz'
    assert reports['disk'].facts['figures'] == '50.0 of 64.0 GiB free'


@pytest.mark.parametrize('name, code, changed', [
    ('temperature', 'board-hot', {'hottest_c': 91.0}),
    ('speed', 'board-throttling', {'throttle_signs': ['cooling device gpu-balanced is at step 3']}),
    ('power supply', 'under-voltage', {'supply_signs': ['the 5 V input is at 4.61 V']}),
    ('memory', 'memory-low', {'memory': {'available_bytes': 100 << 20}}),
])
def test_what_is_wrong_says_what_to_do(name, code, changed):
    reports = _reports(reading(**changed))
    assert reports[name].severity != OK and reports[name].code == code and reports[name].next_step
    assert all(report.severity == OK for other, report in reports.items() if other != name)


@pytest.mark.parametrize('disk, status, code', [
    (Disk(GIB, 64 * GIB, False), WARNING, 'disk-low'), (Disk(0, 64 * GIB, False), PROBLEM, 'disk-low'),
    (Disk(50 * GIB, 64 * GIB, True), PROBLEM, 'disk-read-only')])
def test_a_disk_that_is_full_or_takes_nothing(disk, status, code):
    report = machine_reports(Reading({}, disk, (), 1.0, True))[0]
    assert (report.severity, report.code) == (status, code) and report.next_step


@pytest.mark.parametrize('lost, name, figure', [
    (('temperatures_c', 'hottest_c'), 'temperature', 'temperature'),
    (('throttling_watched', 'throttle_signs', 'cpu_clocks', 'gpu_clock'), 'speed', 'slowed down'),
    (('supply_watched', 'supply_signs', 'rails', 'power_mw'), 'power supply', 'power'),
    (('memory',), 'memory', 'memory'), (('fan',), 'fan', 'fan'),
    (('emc_clock',), 'memory clock', 'memory clock')])
def test_what_is_not_measured_has_no_line_and_no_zero(lost, name, figure):
    known = reading(*lost)
    assert name not in _reports(known)
    assert figure in dict(machine_figures(reading())) and figure not in dict(machine_figures(known))


def test_a_machine_that_measures_nothing_has_no_figures():
    assert machine_reports(Reading(offered=True)) == []
    assert machine_figures(Reading()) == [('read', 'not yet')]


def test_what_cannot_be_told_is_not_called_well():
    report = _reports(reading('throttling_watched'))['speed']
    assert 'cannot be told' in report.sentence
    report = _reports(reading('supply_watched'))['power supply']
    assert 'strong' not in report.sentence


def test_sensors_that_hang_are_told():
    report, = machine_reports(Reading(age_s=90.0, offered=True, silent=True))
    assert (report.severity, report.code) == (WARNING, 'telemetry-silent') and report.next_step


def test_many_signs_of_one_trouble_are_cut_short():
    signs = ['core %d is slow' % core for core in range(5)]
    figures = dict(machine_figures(reading(throttle_signs=signs)))
    assert figures['slowed down'] == 'core 0 is slow; core 1 is slow; and 3 more'


def test_figures_of_everything():
    figures = dict(machine_figures(reading(cores_off=[2, 3], fan={'drive_share': 0.5, 'speed_rpm': 2400.0})))
    assert figures['board'] == 'Jetson Nano 4 GB developer kit (p3448-0000) (recorded)'
    assert figures['processor'] == '4 cores, 1224 of 1479 MHz, 2 off, 61 % busy'
    assert figures['memory'] == '3072 of 4096 MiB free, 300 MiB held for the GPU, 512 of 2048 MiB swap used'
    assert figures['power'] == '5.59 W in all (POM_5V_GPU 2.94 W, POM_5V_IN 5.59 W)'
    assert figures['fan'] == 'driven at 50 %, 2400 turns a minute'
    assert figures['memory clock'] == '1600 MHz' and figures['power mode'] == 'MAXN'
    assert figures['slowed down'] == figures['weak supply'] == 'no sign of it' and figures['read'] == '2 s ago'
    assert 'simulated: its figures are made up' in dict(machine_figures(reading(
        machine=dict(values()['machine'], kind='simulated'))))['board']
