"""A recipe small enough for a test goes all the way to a bundle that runs."""
import dataclasses

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.phantoms import prepare_sets  # noqa: E402
from models.recipe import load_recipe  # noqa: E402
from models.train import train  # noqa: E402
from service.backends import OnnxRuntimeBackend  # noqa: E402
from service.bundle import open_bundle, prove  # noqa: E402


@pytest.fixture(scope='module')
def recipe():
    return dataclasses.replace(load_recipe('first'), train_phantoms=6, val_phantoms=8, test_phantoms=8,
                               passes=8, batch=4)


@pytest.fixture(scope='module')
def folder(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp('training')
    train(recipe, folder, threads=1)
    return folder


def test_the_bundle_gives_its_golden_answer(folder):
    bundle = open_bundle(str(folder / 'bundle'))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs, threads=1) as backend:
        measured = prove(bundle, backend.infer)
    assert measured['labels_agreement'] == 1


def test_the_bundle_says_what_the_finding_is(folder):
    manifest = open_bundle(str(folder / 'bundle')).manifest
    assert 'not a probability of disease' in manifest['finding']['meaning']
    assert manifest['metrics']['finding']['n'] == 8
    assert manifest['metrics']['iou'].keys() >= {'right_breast', 'neck'}


def test_sets_share_no_phantom_and_are_made_once(recipe, folder):
    sets = prepare_sets(recipe, folder / 'phantoms')
    made = (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns
    again = prepare_sets(recipe, folder / 'phantoms')
    assert (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns == made
    assert len(again['train']) == 6 and len(again['test']) == 8
    assert not np.array_equal(sets['train'].milli_c[0], sets['val'].milli_c[0])
