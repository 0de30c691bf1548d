"""A bar where somebody watches, nothing where nobody does; the samples are the same."""
import sys
import types

import pytest

from models.progress import bar

SAMPLES = [types.SimpleNamespace(key='a'), types.SimpleNamespace(key='b')]


@pytest.mark.parametrize('watched', [True, False])
def test_samples_pass(watched, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: watched)
    with bar('Looking at')(SAMPLES) as samples:
        assert list(samples) == SAMPLES
    output = capsys.readouterr()
    assert ('Looking at' in output.err) == watched and not output.out
