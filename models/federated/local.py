"""A clinic's part of a round: training on its own patients from the weights that it was sent, and judging weights.

Pictures and labels stay here. What a clinic answers is an `Update`: weights, how many samples, a score.
"""
import dataclasses
import hashlib
from typing import Callable, Dict, Optional, Tuple

import numpy as np
import torch

from service.messages import InputError

from ..architectures import build
from ..data import check_leak, open_data, patient_split
from ..evaluation.overlap import iou, mean_over_regions
from ..recipe import Recipe
from ..recipe_files import parse_recipe
from ..training.fit import fit
from ..training.metrics import predict
from ..training.run import network_options
from ..training.stream import Examples, as_examples
from .core import Answers, Update
from .guard import Arrays, check_leaving, shapes_of

#: Layers' own counters of batches, whole numbers of which a mean makes others; nothing reads them.
_COUNTER = 'num_batches_tracked'

#: A part that no federation trains: what counts as a finding was planted in phantoms and never in patients.
FINDING = 'finding.'


class Clinic:
    """One clinic: its patients, and the network of the federation.

    Everything that it answers follows from its arguments: the same question gets the same bytes, whatever came before.

    Args:
        name: as in the plan.
        recipe: of the training in a round; task ``'regions'``.
        train: its samples to learn from.
        held: samples of other patients of its own, on which weights are judged.
        seed: of everything random, together with name and round.
    Attributes:
        shapes: of the arrays that may leave, for `models.federated.guard.check_leaving`.
    """

    def __init__(self, name: str, recipe: Recipe, train: Examples, held: Examples, seed: int = 2021) -> None:
        self.name, self._recipe, self._seed = name, recipe, seed
        self._train, self._held = train, held
        self.shapes = shapes_of(arrays_of(build_network(recipe))[0])

    def train(self, number: int, arrays: Arrays, mu: float = 0.0) -> Update:
        """Train from these weights, in round `number`.

        Args:
            mu: of the proximal term; 0 is FedAvg's local training, byte for byte.
        Raises:
            InputError: ``weights-other``, or what is wrong with a sample.
            GuardError: the outcome must not leave the clinic, such as weights with a NaN.
        """
        recipe = dataclasses.replace(self._recipe, seed=self._round_seed(number))
        network = network_with(arrays, recipe)
        fit(network, recipe, self._train, workers=0, proximal=mu or None)
        return self._leaving(Update(arrays_of(network)[0], {'count': len(self._train)}))

    def score(self, number: int, arrays: Arrays) -> Update:
        """Judge weights: the mIoU over all pixels of the held-out patients."""
        confusion = predict(network_with(arrays, self._recipe), self._held, self._recipe, workers=0).confusion
        assert confusion is not None, 'the task has regions'
        value = float(mean_over_regions(iou(confusion.sum(0))))
        return self._leaving(Update({}, {'count': len(self._held), 'score': value if np.isfinite(value) else 0.0}))

    def _leaving(self, update: Update) -> Update:
        check_leaving(self.shapes, update.arrays, update.scalars)
        return update

    def _round_seed(self, number: int) -> int:
        text = '%d %s %d' % (self._seed, self.name, number)
        return int.from_bytes(hashlib.sha256(text.encode('utf-8')).digest()[:4], 'big') // 2


def open_clinic(recipe: str, data: str, site: str, seed: int = 2021, threads: int = 1) -> Clinic:
    """A clinic with the labelled patients of a folder; some of them are held out to judge weights by (`data.share`).

    Args:
        recipe: of the plan, TOML text.
        data: folder of thermograms, or ``phantoms:SEED:COUNT``.
        site: its name in the plan.
        seed: of the plan.
        threads: CPU threads.
    Raises:
        InputError: ``clinic-without-labels``, ``too-few-patients``, or what is wrong with recipe or data.
    """
    torch.set_num_threads(threads)
    settings = check_recipe(parse_recipe(recipe, 'the plan of the federation'))
    collection = open_data(data)
    labelled = collection.where(**settings.data.where).labelled()
    if not len(labelled):
        raise InputError('clinic-without-labels', '%s has no thermograms with labels.' % data,
                         'Name a folder in which some patients have labels.')
    train, held = patient_split(labelled, settings.data.share, settings.data.seed)
    check_leak(train, held)
    return Clinic(site, settings, as_examples(train, settings), as_examples(held, settings), seed)


def check_recipe(recipe: Recipe) -> Recipe:
    """Refuse a recipe that a federation cannot train by.

    Raises:
        InputError: ``federation-recipe``.
    """
    if recipe.task != 'regions' or recipe.input.mask or recipe.training.patience:
        raise InputError('federation-recipe', 'A federation trains the regions (task = "regions"), without a mask and '
                         'for a fixed number of samples, and recipe %s does not.' % recipe.name,
                         'Name another recipe, such as federated.')
    return recipe


# -- networks and arrays


def build_network(recipe: Recipe) -> torch.nn.Module:
    """The recipe's network without its weights: random ones, the same for a seed."""
    torch.manual_seed(recipe.seed)
    network: torch.nn.Module = build(recipe.network.architecture, **network_options(recipe))
    return network


def arrays_of(network: torch.nn.Module) -> Tuple[Arrays, Tuple[str, ...]]:
    """What a federation averages of a network, as arrays of their own: weights, and means and variances of batches.

    Returns:
        Arrays by name; and the names of those that are statistics.
    """
    weights = {name for name, _ in network.named_parameters()}
    state = {name: tensor for name, tensor in network.state_dict().items()
             if not name.endswith(_COUNTER) and not name.startswith(FINDING)}
    arrays = {name: np.array(tensor.detach().cpu().numpy(), order='C') for name, tensor in state.items()}
    return arrays, tuple(sorted(set(arrays) - weights))


def network_with(arrays: Arrays, recipe: Recipe) -> torch.nn.Module:
    """The recipe's network with these weights.

    Raises:
        InputError: ``weights-other``: they are those of another network.
    """
    network = build_network(recipe)
    expected = shapes_of(arrays_of(network)[0])
    if shapes_of(arrays) != expected:
        raise InputError('weights-other', 'The weights that came are not those of %s.' % recipe.network.architecture,
                         'Give every clinic the recipe of the plan.')
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()}, strict=False)
    return network


# -- clinics of one process


#: The weights that a clinic was sent and its answer, to the answer that arrives.
Lie = Callable[[Arrays, Update], Update]


class Together:
    """Clinics in this process, for a simulation: each is asked in turn, and what one raises is its own.

    Args:
        clinics: by name.
        mu: of the proximal term.
        between: by name, what becomes of a clinic's weights on the way: one that lies.
    """

    def __init__(self, clinics: Dict[str, Clinic], mu: float = 0.0,
                 between: Optional[Dict[str, Lie]] = None) -> None:
        self._clinics, self._mu, self._between = clinics, mu, between or {}

    def train(self, number: int, arrays: Arrays) -> Answers:
        """Have every clinic train."""
        answers = self._ask(lambda clinic: clinic.train(number, arrays, self._mu))
        for name, lie in self._between.items():
            if name in answers.updates:
                answers.updates[name] = lie(arrays, answers.updates[name])
        return answers

    def score(self, number: int, arrays: Arrays) -> Answers:
        """Have every clinic judge."""
        return self._ask(lambda clinic: clinic.score(number, arrays))

    def _ask(self, question):
        answers = Answers({}, {})
        for name, clinic in self._clinics.items():
            try:
                answers.updates[name] = question(clinic)
            except InputError as error:
                answers.absent[name] = 'guard' if error.code.startswith('leaving-') else 'failed'
        return answers
