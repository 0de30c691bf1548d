"""A clock that a test turns."""
import pytest


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()
