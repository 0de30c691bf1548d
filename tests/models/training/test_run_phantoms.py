"""A recipe small enough for a test goes all the way to a bundle that runs."""
import json

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.recipe_files import load_recipe  # noqa: E402
from models.training.phantom_run import PhantomRun  # noqa: E402
from models.training.run import train  # noqa: E402
from models.training.weights import load_network  # noqa: E402
from service.backends import OnnxRuntimeBackend  # noqa: E402
from service.bundle import open_bundle, prove  # noqa: E402


@pytest.fixture(scope='module')
def recipe():
    return load_recipe('phantom-unet', ['phantoms.train=6', 'phantoms.val=8', 'phantoms.test=8',
                                        'training.samples=8', 'training.batch=4'])


@pytest.fixture(scope='module')
def folder(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp('training')
    train(recipe, folder, threads=1, workers=0)
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


def test_the_run_folder_holds_what_it_should(recipe, folder):
    assert {path.name for path in folder.iterdir()} == {
        'bundle', 'log', 'metrics.json', 'model.onnx', 'phantoms', 'recipe.toml', 'split.json', 'weights.pt'}
    assert load_recipe(folder / 'recipe.toml') == recipe
    assert json.loads((folder / 'metrics.json').read_text())['finding']['n'] == 8
    assert not load_network(folder).training


def test_a_finished_run_is_not_trained_again(recipe, folder):
    written = (folder / 'weights.pt').stat().st_mtime_ns
    train(recipe, folder, threads=1, workers=0)
    assert (folder / 'weights.pt').stat().st_mtime_ns == written


def test_sets_share_no_phantom_and_are_made_once(recipe, folder):
    run = PhantomRun(recipe, folder / 'phantoms', 1)
    made = (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns
    assert len(run.train) == 6 and len(run.val) == 8
    assert (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns == made
    assert not np.array_equal(run.train.milli_c[0], run.val.milli_c[0])
