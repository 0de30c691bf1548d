"""A real archive for the tests of this package."""
import shutil

import pytest

from . import peers


@pytest.fixture(scope='session')
def orthanc_program():
    """Path of Orthanc, or a reason to skip."""
    program = shutil.which('Orthanc')
    if program is None:
        pytest.skip('Orthanc is not installed here (apt-get install orthanc)')
    return program


@pytest.fixture(scope='session')
def orthanc(tmp_path_factory, orthanc_program):
    """A real archive for the session; ask for `archive`, which is empty at the start of each test."""
    found = peers.Orthanc(tmp_path_factory.mktemp('orthanc'), orthanc_program)
    yield found
    found.stop()


@pytest.fixture
def archive(orthanc):
    """An empty Orthanc: ``port``, ``http_port``, ``callback``, ``ask(address)``, ``uids()``; see `peers.Orthanc`."""
    orthanc.clear()
    return orthanc
