"""The sample thermogram is a phantom that anybody can draw again."""
import json
import os

import numpy as np
import pytest

from service.readers import read_thermogram
from service.samples import SAMPLE, write_samples

SHIPPED = os.path.dirname(SAMPLE)


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp('samples')
    write_samples(str(folder))
    return folder


def test_the_shipped_files_are_those_of_the_recipe(drawn):
    assert sorted(os.listdir(str(drawn))) == sorted(name for name in os.listdir(SHIPPED) if name.startswith('phantom'))


@pytest.mark.parametrize('name', ['phantom.tscap', 'phantom.csv'])
def test_a_sample_is_the_phantom_of_its_seed(drawn, name):
    shipped, again = (read_thermogram(os.path.join(str(folder), name)) for folder in (SHIPPED, drawn))
    assert shipped.is_celsius and shipped.provenance.emissivity == 0.98
    # Other libraries round a few pixels to the next step of the simulated sensor, which is 0.01 °C.
    np.testing.assert_allclose(shipped.pixels, again.pixels, rtol=0, atol=0.0101)


def test_both_samples_are_the_same_thermogram():
    capture, table = (read_thermogram(os.path.join(SHIPPED, name)) for name in ('phantom.tscap', 'phantom.csv'))
    assert np.array_equal(capture.pixels, table.pixels)


def test_the_sidecar_says_what_the_capture_file_says(drawn):
    with open(os.path.join(SHIPPED, 'phantom.csv.json'), encoding='utf-8') as stream:
        assert json.load(stream) == json.loads((drawn / 'phantom.csv.json').read_text())
