"""What other packages offer to read: all of it together, and none of it in the way of the rest."""
import sys
import types

import pytest

from service.telemetry import Sources, sources


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
    monkeypatch.setattr(sources, 'offered', lambda group: {
        'a': 'offering_vitals:broken', 'b': 'nowhere.at.all:open', 'c': 'offering_vitals:first',
        'd': 'offering_vitals:second'} if group == 'thermoscreen.telemetry' else {})
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
    nothing = Sources({})
    assert not nothing and nothing.read() == {}
