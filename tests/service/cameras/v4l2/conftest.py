"""A clock that stands still, and a system of cameras that do what a test says."""
import pytest

from ..fake_clock import FakeClock
from .scripted import ScriptedSystem


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def system(clock):
    return ScriptedSystem(clock)
