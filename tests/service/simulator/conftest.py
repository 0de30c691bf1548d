"""Phantoms that several tests look at, made once: small, so that all of them take seconds."""
import numpy as np
import pytest

from service.simulator import make_phantom

#: Size of the shared phantoms: a quarter of an SC620.
HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope='session')
def healthy():
    """150 healthy phantoms."""
    return [make_phantom(seed, HEIGHT, WIDTH, abnormal=False) for seed in range(150)]


@pytest.fixture(scope='session')
def mixed():
    """200 phantoms as their seeds have them."""
    return [make_phantom(seed, HEIGHT, WIDTH) for seed in range(1000, 1200)]


@pytest.fixture(scope='session')
def region_mean():
    """Function: mean temperature of some regions without the camera's offset, °C; NaN where absent."""
    def mean(phantom, *ids):
        inside = np.isin(phantom.labels, ids)
        return phantom.celsius[inside].mean() - phantom.planted['offset_c'] if inside.any() else np.nan
    return mean
