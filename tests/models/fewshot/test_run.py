"""Few-shot training: own labels keep sides, every patient is judged unseen, a run resumes."""
import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from click.testing import CliRunner  # noqa: E402

from models.architectures import Scores, build  # noqa: E402
from models.data import phantom_collection  # noqa: E402
from models.fewshot import run as module  # noqa: E402
from models.fewshot.cli import few_shot_command  # noqa: E402
from models.fewshot.run import few_shot, mirrored_labels, pseudo_labelled, relabelled, started_from  # noqa: E402
from models.phantoms import prepare_set  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402
from models.training.weights import load_network, load_weights, save_weights  # noqa: E402
from service.messages import InputError  # noqa: E402

# Few-shot training on a handful of phantoms that stand in for patients.
MIXTURE = module.Mixture(rounds=1)


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    """A network and an input other than those of the recipe few-shot."""
    folder = tmp_path_factory.mktemp('start')
    recipe = load_recipe('unet-lite', ['input.height=48', 'input.width=64', 'phantoms.kinds={none=1}'])
    torch.manual_seed(0)
    save_weights(build('unet_lite'), recipe, folder / 'weights.pt')
    return folder


@pytest.fixture(scope='module')
def recipe(start):
    return started_from(start, load_recipe('few-shot', ['training.samples=2', 'training.epochs=0', 'training.batch=2',
                                                        'training.precision=fp32']))


@pytest.fixture(scope='module')
def patients():
    """Four with labels, two without."""
    collection = phantom_collection(60, 6, 120, 160)
    samples = tuple(sample if number < 4 else dataclasses.replace(sample, read_labels=None)
                    for number, sample in enumerate(collection))
    return dataclasses.replace(collection, samples=samples)


@pytest.fixture(scope='module')
def simulated(tmp_path_factory):
    return prepare_set(tmp_path_factory.mktemp('phantoms'), 70, 2, 48, 64, 1)


@pytest.fixture(scope='module')
def done(recipe, patients, simulated, start, tmp_path_factory):
    out = tmp_path_factory.mktemp('few-shot')
    return out, few_shot(recipe, patients, simulated, start, out, folds=2, mixture=MIXTURE)


def test_network_input_and_phantoms_are_those_of_the_start(done, recipe):
    assert recipe.phantoms.kinds == {'none': 1}
    assert load_weights(done[0])['architecture'] == 'unet_lite'
    manifest = json.loads((done[0] / 'bundle' / 'manifest.json').read_text())
    assert manifest['input']['shape'] == [1, 1, 48, 64]
    assert 'a network that saw simulated ones only' in manifest['training_data']


def test_every_labelled_patient_is_judged_once(done, patients):
    out, figures = done
    assert figures['all']['n'] == figures['all']['patients'] == 4
    assert json.loads((out / 'figures.json').read_text())['all']['n'] == 4


def test_no_bundle_of_a_fold_saw_whom_it_labelled(done, patients):
    out, _ = done
    seen = [set(json.loads((out / 'folds' / name / 'bundle' / 'manifest.json').read_text())
                ['metrics']['training_patients']) for name in ('fold-0', 'fold-1')]
    labelled = set(patients.labelled().patients)
    assert all(len(labelled - part) == 2 for part in seen)
    assert (labelled - seen[0]) | (labelled - seen[1]) == labelled


def test_the_bundle_says_whom_it_saw(done, patients):
    manifest = json.loads((done[0] / 'bundle' / 'manifest.json').read_text())
    assert set(manifest['metrics']['training_patients']) == set(patients.patients)
    assert '4 patients with labels, 2 without' in manifest['training_data'] and 'finding' not in manifest


def test_it_learned_from_the_unlabelled_before_the_labelled(done, start):
    adapted, fresh = load_network(done[0] / 'adapted').state_dict(), load_network(start).state_dict()
    assert not all(torch.equal(adapted[name], fresh[name]) for name in fresh)


def test_finished_parts_are_kept(done, recipe, patients, simulated, start, monkeypatch):
    monkeypatch.setattr(module, 'fit', lambda *args, **more: pytest.fail('trained again'))
    out, figures = done
    again = few_shot(recipe, patients, simulated, start, out, folds=2, mixture=MIXTURE)
    assert np.isclose(again['all']['miou']['value'], figures['all']['miou']['value'], equal_nan=True)


def test_a_patient_with_and_without_labels_is_a_leak(recipe, patients, simulated, start, tmp_path):
    samples = tuple(dataclasses.replace(sample, patient='same') if number in (0, 5) else sample
                    for number, sample in enumerate(patients))
    with pytest.raises(InputError) as caught:
        few_shot(recipe, dataclasses.replace(patients, samples=samples), simulated, start, tmp_path, folds=2)
    assert caught.value.code == 'patient-leak'


def test_too_few_patients_are_refused_before_anything_is_trained(recipe, patients, simulated, start, tmp_path):
    with pytest.raises(InputError) as caught:
        few_shot(recipe, patients, simulated, start, tmp_path, folds=5)
    assert caught.value.code == 'too-few-patients' and not list(tmp_path.iterdir())


def test_a_missing_start_is_refused_before_phantoms_are_made(tmp_path):
    result = CliRunner().invoke(few_shot_command, ['--data', 'phantoms:1:4', '--init', str(tmp_path / 'nonesuch'),
                                                   '--out', str(tmp_path / 'out')])
    assert isinstance(result.exception, InputError) and result.exception.code == 'weights-missing'
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name, options', [('resnet18', {}), ('unet_lite', {'classes': 2})])
def test_a_start_without_the_seven_regions_is_refused(tmp_path, name, options):
    save_weights(build(name, **options), load_recipe(name.replace('_', '-')), tmp_path / 'weights.pt', options)
    with pytest.raises(InputError) as caught:
        started_from(tmp_path, load_recipe('few-shot'))
    assert caught.value.code == 'few-shot-start'


def test_a_change_of_the_network_is_refused(tmp_path):
    result = CliRunner().invoke(few_shot_command, ['--data', 'phantoms:1:4', '--init', str(tmp_path), '--out',
                                                   str(tmp_path / 'out'), '--set', 'network.architecture=unet_lite'])
    assert isinstance(result.exception, InputError) and 'changes nothing' in result.exception.message.sentence


# Own labels: sides stay the patient's, and nobody's class is looked at.
class LeftIsWarm(torch.nn.Module):
    """Calls bright pixels left of the middle right breast and those right of it left breast."""

    def forward(self, x):
        regions = torch.zeros(len(x), 8, *x.shape[2:])
        half = x.shape[3] // 2
        regions[:, 0] = 1 - x[:, 0]
        regions[:, 1, :, :half] = x[:, 0, :, :half]
        regions[:, 2, :, half:] = x[:, 0, :, half:]
        return Scores(regions, None)


class OnlySeesOneSide(LeftIsWarm):
    """Finds the left breast only, as it lies in the right half of the picture."""

    def forward(self, x):
        regions = super().forward(x).regions
        regions[:, 1] = -1
        return Scores(regions, None)


def test_a_mirror_image_swaps_sides():
    picture = np.zeros((1, 1, 8, 16), np.float32)
    picture[..., 2:6, 1:5] = 1
    picture[..., 2:4, 11:15] = 1
    labels = mirrored_labels(LeftIsWarm(), picture)
    assert (labels[2:6, 1:5] == 1).all() and (labels[2:4, 11:15] == 2).all()
    assert (labels == 1).sum() == 16 and (labels == 2).sum() == 8


def test_a_region_recognised_only_in_the_mirror_counts():
    picture = np.zeros((1, 1, 8, 16), np.float32)
    picture[..., 2:6, 1:5] = 3  # a right breast, which this network knows from mirror images only
    assert (mirrored_labels(OnlySeesOneSide(), picture)[2:6, 1:5] == 1).all()


def test_own_labels_fit_the_thermogram_and_replace_earlier_ones():
    recipe = load_recipe('few-shot')
    samples = phantom_collection(40, 2, 120, 160)
    found = pseudo_labelled(LeftIsWarm(), recipe, samples)
    for sample in found:
        labels = sample.labels()
        assert labels.shape == (120, 160) and set(np.unique(labels)) <= {0, 1, 2}
        assert sample.klass is None
    assert found.keys == samples.keys


def test_labels_without_a_class():
    samples = phantom_collection(40, 3, 120, 160)
    kept = relabelled(samples)
    assert len(kept) == 3 and all(sample.klass is None for sample in kept)
    assert np.array_equal(kept[0].labels(), samples[0].labels())
