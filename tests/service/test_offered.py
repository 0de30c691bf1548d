"""What is offered under an entry-point group."""
import pytest

from service import offered as module
from service.offered import offered


class Entry:
    def __init__(self, name, value):
        self.name, self.value = name, value


class Selectable(list):
    """As from Python 3.10 on."""

    def select(self, group):
        return self if group == 'a.group' else []


@pytest.mark.parametrize('found', [Selectable([Entry('b', 'm:b'), Entry('a', 'm:a')]),
                                   {'a.group': [Entry('b', 'm:b'), Entry('a', 'm:a')]}])
def test_group_of_old_and_new_python(monkeypatch, found):
    monkeypatch.setattr(module.metadata, 'entry_points', lambda: found)
    assert list(offered('a.group').items()) == [('a', 'm:a'), ('b', 'm:b')]
    assert offered('nobody.offers') == {}


def test_real_metadata_answers():
    assert offered('thermoscreen.nobody') == {}
