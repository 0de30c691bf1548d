"""A station whose model is changed, and a self-test that takes no process of its own."""
import os
import tempfile
from pathlib import Path

import pytest

from service.bundle import History, open_bundle, stage
from service.model_change import Site
from service.selection import Runtime

from ...fakes import signing, trying, variants


@pytest.fixture
def quick(monkeypatch):
    """The self-test in this process, once."""
    trying.in_this_process(monkeypatch)


def release(folder, version='1.0.0', key=signing.SIGNER, **changes):
    """A signed bundle."""
    return signing.sign(variants.write_variants(folder, version=version, **changes), key)


class Station:
    """A folder with version 1.0.0 installed, and its audit log as (event, operator, facts)."""

    def __init__(self, folder):
        self.folder, self.target, self.lines = folder, str(folder / 'device' / 'bundle'), []
        self.site = Site(self.target, signing.TRUST, Runtime('onnxruntime', 'fp32', '', 1), self.record)
        with stage(release(folder / 'old'), self.target, signing.TRUST) as staged:
            staged.place()
        self.settled('kept')

    def record(self, event, operator='', **facts):
        self.lines.append((event, operator, facts))

    @property
    def history(self):
        return History(os.path.dirname(self.target))

    @property
    def version(self):
        return open_bundle(self.target, trust=signing.TRUST).manifest['version']

    @property
    def beside(self):
        """What lies beside the bundle, without the history."""
        return sorted(set(os.listdir(os.path.dirname(self.target))) - {'bundle-history.json'})

    def settled(self, outcome):
        """As if the last change had ended in a way that the audit log knows."""
        history = self.history
        history.last.outcome = history.last.told = outcome
        history.write()

    def place(self, version, by=''):
        """Put a version in place, on trial."""
        with stage(release(self.folder / version, version), self.target, signing.TRUST) as staged:
            return staged.place(by)


@pytest.fixture
def station():
    """In memory: durable writes wait for the disk."""
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.access('/dev/shm', os.W_OK) else None) as made:
        yield Station(Path(made))
