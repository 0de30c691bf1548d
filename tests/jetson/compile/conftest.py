"""A bundle with every variant, one with a single network, and an empty store."""
import pytest

from service.bundle import open_bundle
from service.engines import EngineStore
from tests.fakes.variants import write_variants


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(write_variants(tmp_path_factory.mktemp('whole') / 'bundle'))


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """A bundle with nothing but its FP32 file."""
    return open_bundle(write_variants(tmp_path_factory.mktemp('plain') / 'bundle', names=()))


@pytest.fixture
def store(tmp_path):
    return EngineStore(str(tmp_path / 'engines'))
