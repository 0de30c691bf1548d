"""The sample thermogram of the README is a phantom that anybody can draw again."""
import numpy as np

from service.readers import read_thermogram
from service.simulator import make_phantom

SEED = 2


def test_sample_is_the_phantom_of_its_seed(root):
    sample = read_thermogram(str(root / 'docs' / 'samples' / 'phantom.csv'))
    assert sample.is_celsius
    phantom = make_phantom(SEED, 120, 160)
    # Other libraries round a few pixels to the next step of the simulated sensor, which is 0.01 °C.
    np.testing.assert_allclose(sample.pixels, phantom.celsius, rtol=0, atol=0.0101)
