"""The machine: sources that other packages offer, readings beside everything else, messages and figures."""
import collections
import sys
import threading
import types

import pytest

from service import telemetry
from service.messages import OK, PROBLEM, WARNING, Message
from service.plugins import metadata
from service.settings import Settings
from service.telemetry import Disk, Reading, Sources, Vitals, machine_figures, machine_messages
from tests.fakes.vitals import GIB, reading, values


class Source:
    def __init__(self, **values):
        self.values, self.closed, self.fails = values, False, False

    def read(self):
        if self.fails:
            raise OSError('the sensor is gone')
        return self.values

    def close(self):
        self.closed = True


@pytest.fixture
def offering(monkeypatch):
    """A module that offers two sources, one that cannot be opened and one that is not there."""
    module = types.ModuleType('offering_vitals')
    module.one, module.two = Source(power_mw=5000.0), Source(hottest_c=40.0)
    module.first, module.second = lambda: module.one, lambda: module.two
    module.broken = lambda: 1 // 0
    monkeypatch.setitem(sys.modules, 'offering_vitals', module)
    targets = {'a': 'offering_vitals:broken', 'b': 'nowhere.at.all:open', 'c': 'offering_vitals:first',
               'd': 'offering_vitals:second'}
    entries = [metadata.EntryPoint(name, target, telemetry.GROUP) for name, target in sorted(targets.items())]
    monkeypatch.setattr(telemetry, 'plugins', lambda group: entries if group == 'thermoscreen.telemetry' else [])
    return module


def test_all_that_open_are_read_together(offering, caplog):
    together = Sources()
    assert together and together.read() == {'power_mw': 5000.0, 'hottest_c': 40.0}
    assert caplog.text.count('telemetry-failed') == 2
    together.close()
    assert offering.one.closed and offering.two.closed and not together


def test_one_that_fails_is_absent_and_said_once_until_it_comes_back(offering, caplog):
    together = Sources()
    caplog.clear()
    offering.one.fails = True
    assert together.read() == together.read() == {'hottest_c': 40.0}
    assert caplog.text.count('the sensor is gone') == 1
    offering.one.fails = False
    assert together.read()['power_mw'] == 5000.0
    offering.one.fails = True
    together.read()
    assert caplog.text.count('the sensor is gone') == 2


def test_nothing_is_offered_in_a_bare_checkout():
    nothing = Sources([])
    assert not nothing and nothing.read() == {}


#: Far beyond what anything here takes; a test that needs it has failed.
PATIENCE_S = 20.0

System = collections.namedtuple('System', 'f_bavail f_blocks f_frsize f_flag')


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


class Given(Sources):
    """Sources that give what a test says."""

    def __init__(self, values):
        super().__init__([])
        self._opened = {'given': self}
        self.values = values

    def read(self):
        return dict(self.values)

    def close(self):
        self._opened = {}


@pytest.fixture
def clock():
    return Clock()


def test_before_the_first_reading_nothing_is_known():
    assert Vitals(Settings()).newest == Reading()


def test_a_reading_has_values_disk_reports_and_age(tmp_path, clock):
    watched = Vitals(Settings(threads=3), str(tmp_path), clock=clock)
    watched.look(Given({'power_mw': 5000.0}), [
        lambda settings: Message('clock-ok', 'It is %d.' % settings.threads, severity=OK), lambda settings: None])
    clock.now_s += 7
    newest = watched.newest
    assert newest.values == {'power_mw': 5000.0} and newest.age_s == 7 and newest.offered and not newest.silent
    assert 0 < newest.disk.free_bytes <= newest.disk.total_bytes and not newest.disk.read_only
    assert [report.sentence for report in newest.checks] == ['It is 3.']


def test_an_old_reading_is_silent(tmp_path, clock):
    watched = Vitals(Settings(), str(tmp_path), clock=clock)
    watched.look(Given({'power_mw': 5000.0}))
    clock.now_s += telemetry.STALE_S + 1
    assert watched.newest == Reading(age_s=telemetry.STALE_S + 1, offered=True, silent=True)


def test_a_disk_that_is_gone_is_absent_and_one_that_takes_nothing_says_so(monkeypatch, tmp_path, clock):
    watched = Vitals(Settings(), str(tmp_path / 'gone'), clock=clock)
    watched.look(Given({}))
    assert watched.newest.disk is None
    monkeypatch.setattr(telemetry.os, 'statvfs', lambda folder: System(10, 100, 4096, telemetry.os.ST_RDONLY))
    watched.look(Given({}))
    assert watched.newest.disk == Disk(40960, 409600, True)


def test_a_sensor_that_never_answers_keeps_nobody_waiting():
    reached, let_go = threading.Event(), threading.Event()

    class Hanging(Given):
        def read(self):
            reached.set()
            let_go.wait(PATIENCE_S)
            return {'power_mw': 1.0}

    with Vitals(Settings(), open_sources=lambda: Hanging({})) as watched:
        assert reached.wait(PATIENCE_S)
        assert watched.newest == Reading()
    assert not let_go.is_set()
    let_go.set()


def test_the_thread_reads_again_and_again_and_lets_go_at_the_end():
    given = Given({'power_mw': 1.0})
    taken = []

    class Counted(Vitals):
        def look(self, sources, checks=()):
            took_s = super().look(sources, checks)
            taken.append(threading.current_thread().name)
            if len(taken) == 3:
                enough.set()
            return took_s

    enough = threading.Event()
    with Counted(Settings(), open_sources=lambda: given, period_s=0.0) as watched:
        assert enough.wait(PATIENCE_S)
        thread = watched._thread
        assert watched.newest.values == {'power_mw': 1.0}
    thread.join(PATIENCE_S)
    assert not given and set(taken) == {'telemetry'}


@pytest.mark.parametrize('error', [ZeroDivisionError(), SystemExit(), MemoryError()], ids=repr)
@pytest.mark.parametrize('place', ['opening', 'reading'])
def test_readings_that_fail_begin_again(monkeypatch, error, place):
    monkeypatch.setattr(telemetry, '_PAUSE_S', 0.01)
    faults, enough = [error], threading.Event()

    class Failing(Given):
        def read(self):
            if faults:
                raise faults.pop()
            enough.set()
            return {'power_mw': 1.0}

    def open_sources():
        if place == 'opening' and faults:
            raise faults.pop()
        return Failing({})

    with Vitals(Settings(), open_sources=open_sources, period_s=0.0):
        assert enough.wait(PATIENCE_S)


def test_a_first_reading_that_never_comes_is_silent(clock):
    let_go = threading.Event()
    with Vitals(Settings(), open_sources=lambda: let_go.wait(PATIENCE_S) and Given({}), clock=clock) as watched:
        clock.now_s += telemetry.STALE_S + 1
        assert watched.newest.silent and machine_messages(watched.newest)[0].code == 'telemetry-silent'
        let_go.set()


def test_a_reading_that_takes_long_is_taken_seldom(monkeypatch, clock):
    waits = []

    class Slow(Given):
        def read(self):
            clock.now_s += 2.0
            return {}

    watched = Vitals(Settings(), open_sources=lambda: Slow({}), clock=clock, period_s=5.0)

    def wait(seconds):
        waits.append(seconds)
        watched._stop.set()

    monkeypatch.setattr(watched._stop, 'wait', wait)
    watched._run()
    assert waits == [2.0 * telemetry.REST]


NAMES = ['disk', 'temperature', 'speed', 'power supply', 'memory', 'clock']


def _reports(known):
    return {report.subject: report for report in machine_messages(known)}


def test_all_is_well():
    reports = _reports(reading())
    assert list(reports) == NAMES
    assert all(report.severity == OK and report.sentence and not report.next_step for report in reports.values())
    assert reports['temperature'].sentence == 'The device is cool enough, 51 °C inside.'
    assert reports['temperature'].facts['figures'] == 'ao 51.0 °C, cpu 45.5 °C, gpu 44.0 °C'
    assert reports['speed'].facts['figures'] == '4 cores, 1224 of 1479 MHz, 61 % busy; GPU 845 of 922 MHz'
    assert reports['disk'].facts['figures'] == '50 GiB of 64 GiB free'


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
    report = machine_messages(Reading({}, disk, (), 1.0, True))[0]
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
    assert machine_messages(Reading(offered=True)) == []
    assert machine_figures(Reading()) == [('read', 'not yet')]


def test_what_cannot_be_told_is_not_called_well():
    report = _reports(reading('throttling_watched'))['speed']
    assert 'cannot be told' in report.sentence
    report = _reports(reading('supply_watched'))['power supply']
    assert 'strong' not in report.sentence


def test_sensors_that_hang_are_told():
    report, = machine_messages(Reading(age_s=90.0, offered=True, silent=True))
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
