"""The self-test of a bundle without a process of its own, and with one simulated patient."""
import functools

from service.model_change import child, selftest
from service.simulator import make_phantom


@functools.lru_cache(1)
def _phantom():
    return make_phantom(child.SEEDS[0], 240, 320)


def in_this_process(monkeypatch):
    """Have every self-test of a test run here, once."""
    monkeypatch.setattr(child, 'make_phantom', lambda *args: _phantom())
    monkeypatch.setattr(child, 'SEEDS', (1,))
    monkeypatch.setattr(child, 'ROUNDS', 1)
    monkeypatch.setattr(selftest, '_asked', lambda request, abandoned: child.answer(request))
