"""Runs that several tests export."""
import pytest


@pytest.fixture(scope='session')
def run(tmp_path_factory):
    """Run folder of a network that may be exported."""
    from .small import write_run

    return write_run(tmp_path_factory.mktemp('run'))


@pytest.fixture(scope='session')
def spoilt_run(tmp_path_factory):
    """Run folder ``half_unet`` of a network whose FP16 overflows."""
    from .small import overflowing, write_run

    return write_run(tmp_path_factory.mktemp('runs') / 'half_unet', change=overflowing)


@pytest.fixture(scope='session')
def package(run):
    """The run, exported in FP32."""
    from models.exporting.checkpoint import open_checkpoint

    return open_checkpoint(run)
