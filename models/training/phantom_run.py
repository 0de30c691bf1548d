"""The phantom sets of a recipe: made once, kept for later runs."""
import types

from service.regions import REGIONS

from ..phantoms import prepare_sets
from .judge_phantoms import judge_phantoms
from .statement import state_phantoms


class PhantomRun:
    """Simulated thermograms as what a run trains on and is judged on.

    Args:
        recipe (Recipe): its ``[phantoms]``.
        folder (Path): where the sets are, or will be.
        workers (int): processes that make them.
    """

    regions = REGIONS

    def __init__(self, recipe, folder, workers):
        order = types.SimpleNamespace(
            first_seed=recipe.phantoms.first_seed, height=recipe.input.height, width=recipe.input.width,
            train_phantoms=recipe.phantoms.train, val_phantoms=recipe.phantoms.val,
            test_phantoms=recipe.phantoms.test)
        self._make = lambda: prepare_sets(order, folder, workers)
        self._sets = None
        self.split = {'collection': 'phantoms', **vars(recipe.phantoms)}

    @property
    def train(self):
        """Training set."""
        return self._ready()['train']

    @property
    def val(self):
        """Validation set."""
        return self._ready()['val']

    def judge(self, network, recipe):
        """Figures on the test set: JSON-able dict."""
        return judge_phantoms(network, recipe, self._ready())

    def statement(self, recipe, metrics):
        """What a bundle of this run has to say."""
        return state_phantoms(recipe, metrics)

    def _ready(self):
        if self._sets is None:
            self._sets = self._make()
        return self._sets
