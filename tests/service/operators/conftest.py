"""A clock that tests move."""
import pytest

from service.clock import Clock


class Time:
    """Both times of a machine, in seconds; `boot` is which start it is."""

    def __init__(self):
        self.utc_s, self.since_boot_s, self.boot = 1.8e9, 100.0, 'one'

    def clock(self):
        return Clock('', lambda: self.utc_s, lambda: True, self.boot, lambda: int(self.since_boot_s * 1e9))

    def wait(self, seconds):
        self.utc_s += seconds
        self.since_boot_s += seconds

    def restart(self):
        """A board that starts with a wrong date."""
        self.utc_s, self.since_boot_s, self.boot = 1.6e9, 20.0, self.boot + '+'


@pytest.fixture
def time():
    return Time()
