"""The Nano's release on a Nano, which most of these tests are about."""
import pytest


@pytest.fixture
def double(tensorrt_double):
    return tensorrt_double('8.2.1', sm=53)


@pytest.fixture
def driver(double):
    """The pycuda double's `pycuda.driver`."""
    return double.driver
