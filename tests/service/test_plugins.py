"""What is registered under an entry-point group."""
import pytest

from service import plugins as module
from service.plugins import metadata, plugins

ENTRIES = [metadata.EntryPoint('b', 'm:b', 'a.group'), metadata.EntryPoint('a', 'm:a', 'a.group')]


class Selectable(list):
    """As from Python 3.10 on."""

    def select(self, group):
        return self if group == 'a.group' else []


@pytest.mark.parametrize('installed', [Selectable(ENTRIES), {'a.group': ENTRIES}])
def test_group_of_old_and_new_python(monkeypatch, installed):
    monkeypatch.setattr(module.metadata, 'entry_points', lambda: installed)
    assert [(entry.name, entry.value) for entry in plugins('a.group')] == [('a', 'm:a'), ('b', 'm:b')]
    assert plugins('nobody.offers') == []


def test_real_metadata_answers():
    assert plugins('thermoscreen.nobody') == []
