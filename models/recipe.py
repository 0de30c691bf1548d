"""A training recipe: everything that decides what a network becomes, in one committed file."""
import dataclasses
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / 'recipes'


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        name (str): recipe name, becomes part of the bundle's provenance.
        seed (int): of weights, batches and augmentation.
        architecture (str): key of `models.architectures.ARCHITECTURES`.
        chain (str): preprocess chain id of the service; its defaults are the constants.
        height, width (int): network input, pixels.
        train_phantoms, val_phantoms, test_phantoms (int): phantoms, each another seed.
        first_seed (int): seed of the first phantom; the sets follow each other.
        passes (int): training samples seen in total.
        batch (int): samples per step.
        learning_rate, weight_decay, warm_up (float): AdamW with a one-cycle schedule; `warm_up` is the
            rising share of it.
        ema (float): decay of the averaged weights, per step.
        nipple_weight (float): cross-entropy weight of the two nipples (0.7 % of the picture each).
        finding_weight (float): weight of the finding's loss beside the regions'.
        specificity (float): at which the finding's threshold is set, on validation phantoms.
    """

    name: str
    seed: int
    architecture: str
    chain: str
    height: int
    width: int
    train_phantoms: int
    val_phantoms: int
    test_phantoms: int
    first_seed: int
    passes: int
    batch: int
    learning_rate: float
    weight_decay: float
    warm_up: float
    ema: float
    nipple_weight: float
    finding_weight: float
    specificity: float

    @property
    def steps(self):
        """Optimiser steps."""
        return max(self.passes // self.batch, 1)

    @property
    def chain_constants(self):
        """Constants that go into the bundle's manifest."""
        return {'width': self.width, 'height': self.height}


def load_recipe(path):
    """Read a recipe file.

    Args:
        path (str or Path): a TOML file, or the name of one in `models/recipes`.

    Raises:
        ValueError: a missing or unknown key.
        FileNotFoundError: no such file.
    """
    path = Path(path)
    if path.suffix != '.toml':
        path = FOLDER / ('%s.toml' % path)
    values = tomllib.loads(path.read_text(encoding='utf-8'))
    wanted = {field.name for field in dataclasses.fields(Recipe)} - {'name'}
    if set(values) != wanted:
        raise ValueError('%s: missing %s, unknown %s' % (
            path, sorted(wanted - set(values)) or 'nothing', sorted(set(values) - wanted) or 'nothing'))
    return Recipe(name=path.stem, **values)
