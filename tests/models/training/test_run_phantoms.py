"""The recipe that ships, small enough for a test, goes all the way to a bundle that runs."""
import json

import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.phantoms import PhantomSet  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402
from models.training import PhantomSource, load_network, train  # noqa: E402
from service.backends import OnnxRuntimeBackend  # noqa: E402
from service.bundle import open_bundle, prove  # noqa: E402
from service.messages import InputError  # noqa: E402


@pytest.fixture(scope='module')
def recipe():
    return load_recipe('phantom-fpn', [
        'phantoms.train=6', 'phantoms.val=8', 'phantoms.test=8', 'training.samples=8', 'training.batch=4',
        'input.height=96', 'input.width=128', 'finding.steps=2', 'finding.patterns=2'])


def _run(recipe, folder, **options):
    return train(recipe, PhantomSource(recipe, folder / 'phantoms', 1), folder, threads=1, workers=0, **options)


@pytest.fixture(scope='module')
def folder(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp('training')
    _run(recipe, folder)
    return folder


def test_the_bundle_gives_its_golden_answer(folder):
    bundle = open_bundle(str(folder / 'bundle'))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs, threads=1) as backend:
        measured = prove(bundle, backend.infer)
    assert measured['labels_agreement'] == 1


def test_the_bundle_says_what_it_learnt_from_and_what_the_finding_is(recipe, folder):
    manifest = open_bundle(str(folder / 'bundle')).manifest
    assert manifest['training_data'].startswith('6 simulated thermograms') and 'no real' in manifest['training_data']
    assert 'not a probability of disease' in manifest['finding']['meaning']
    assert '8 simulated thermograms' in manifest['finding']['threshold_basis']
    assert manifest['metrics']['finding']['n'] == sum(PhantomSet(folder / 'phantoms' / 'test').compared) < 8
    assert sum(sum(row.values()) for row in manifest['metrics']['views'].values()) == 8
    assert manifest['metrics']['iou'].keys() >= {'right_breast', 'neck'}
    assert (manifest['name'], manifest['version']) == ('phantom-fpn', recipe.version)


def test_the_run_folder_holds_what_it_should(recipe, folder):
    assert {path.name for path in folder.iterdir()} == {
        'bundle', 'log', 'metrics.json', 'model.onnx', 'phantoms', 'recipe.toml', 'split.json', 'statement.json',
        'weights.pt'}
    assert load_recipe(folder / 'recipe.toml') == recipe
    assert json.loads((folder / 'metrics.json').read_text())['finding']['n'] < 8
    assert not load_network(folder).training


def test_a_finished_run_is_not_trained_again_before_it_is_thrown_away(recipe, folder):
    written = (folder / 'weights.pt').stat().st_mtime_ns
    _run(recipe, folder)
    assert (folder / 'weights.pt').stat().st_mtime_ns == written
    _run(recipe, folder, restart=True)
    assert (folder / 'weights.pt').stat().st_mtime_ns > written


def test_another_recipe_is_refused_there(folder):
    other = load_recipe(folder / 'recipe.toml', ['seed=7'])
    with pytest.raises(InputError, match='another recipe.*recipe.toml.*--restart'):
        _run(other, folder)


def test_sets_share_no_phantom_and_are_made_once(recipe, folder):
    run = PhantomSource(recipe, folder / 'phantoms', 1)
    made = (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns
    assert len(run.train) == 6 and len(run.val) == 8
    assert (folder / 'phantoms' / 'train' / 'milli_c.npy').stat().st_mtime_ns == made
    assert not np.array_equal(run.train.milli_c[0], run.val.milli_c[0])
