"""What tests of verbs share."""
import pytest

from service.clock import Clock


@pytest.fixture
def tick():
    """A clock that stands still."""
    return Clock('', lambda: 1.8e9, lambda: True, 'boot', lambda: 10 ** 9)
