"""A clinic trains and judges with PyTorch; what it answers depends on nothing but the question."""
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.federated.core import aggregate, change, digest  # noqa: E402
from models.federated.guard import GuardError  # noqa: E402
from models.federated.local import Clinic, arrays_of, build_network, check_recipe, network_with, open_clinic  # noqa: E402
from models.recipe_files import load_recipe, recipe_text  # noqa: E402
from models.training import fit  # noqa: E402
from models.training.stream import as_examples  # noqa: E402
from service.messages import InputError  # noqa: E402

from ..training.small import small_collection  # noqa: E402

RECIPE = load_recipe('federated-small', ['training.samples=8', 'training.batch=4', 'input.height=48'])
START, STATISTICS = arrays_of(build_network(RECIPE))


@pytest.fixture(scope='module')
def samples():
    return as_examples(small_collection(4), RECIPE)


@pytest.fixture
def clinic(samples):
    return Clinic('north', RECIPE, samples, samples)


def test_no_counter_and_no_finding_is_averaged_and_statistics_are_told_apart():
    names = {name: tensor.dtype for name, tensor in build_network(RECIPE).state_dict().items()}
    left_out = set(names) - set(START)
    assert left_out and all(name.endswith('num_batches_tracked') or name.startswith('finding.') for name in left_out)
    assert all(array.dtype == np.float32 for array in START.values())
    assert STATISTICS and all(name.endswith(('running_mean', 'running_var')) for name in STATISTICS)


def test_mu_0_trains_as_federated_averaging_does_byte_for_byte(clinic, samples):
    arrays = clinic.train(1, START, 0.0).arrays
    plain = network_with(START, RECIPE)
    fit(plain, dataclasses.replace(RECIPE, seed=clinic._round_seed(1)), samples, workers=0)
    assert digest(arrays) == digest(arrays_of(plain)[0])


def test_more_pull_means_less_drift_and_statistics_are_not_held(clinic):
    moved = [clinic.train(1, START, mu).arrays for mu in (0.0, 1.0, 1e4)]
    distances = [change(arrays, START, STATISTICS) for arrays in moved]
    assert distances[0] > distances[1] > distances[2] > 0
    assert any((moved[2][name] != START[name]).any() for name in STATISTICS)


def test_the_same_question_gets_the_same_bytes_and_another_round_others(clinic):
    clinic.train(7, START, 0.1)
    first, again, later = (clinic.train(number, START, 0.1).arrays for number in (2, 2, 3))
    assert digest(first) == digest(again) != digest(later)
    assert digest(START) == digest(arrays_of(build_network(RECIPE))[0])


def test_a_mean_of_clinics_is_a_network_that_every_clinic_can_judge(clinic, samples):
    other = Clinic('east', RECIPE, samples, samples)
    mean = aggregate({'north': clinic.train(1, START), 'east': other.train(1, START)})
    answer = clinic.score(1, mean)
    assert not answer.arrays and 0 < answer.scalars['score'] < 1 and answer.scalars['count'] == 4


def test_weights_with_nan_stay_in_the_clinic(samples):
    wild = dataclasses.replace(RECIPE, optimizer=dataclasses.replace(RECIPE.optimizer, learning_rate=1e30, clip=0.0))
    with pytest.raises(GuardError, match='leaving-array'):
        Clinic('north', wild, samples, samples).train(1, START)


def test_other_weights_other_tasks_and_data_without_labels_are_refused(clinic, tmp_path):
    name = next(iter(START))
    for wrong in ({}, dict(START, extra=START[name]), dict(START, **{name: START[name].astype(np.float64)})):
        with pytest.raises(InputError, match='weights-other'):
            clinic.train(1, wrong)
    with pytest.raises(InputError, match='federation-recipe'):
        check_recipe(load_recipe('phantom-fpn'))
    with pytest.raises(InputError, match='too-few-patients'):
        open_clinic(recipe_text(RECIPE), 'phantoms:1:1', 'north')
