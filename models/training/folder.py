"""The folder of one run: what is in it, and whether it may be gone on with."""
import json
import shutil
from pathlib import Path

from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError

from ..recipe_files import recipe_text
from .callbacks import LAST
from .weights import NAME as WEIGHTS

RECIPE, SPLIT, METRICS, ONNX, BUNDLE = 'recipe.toml', 'split.json', 'metrics.json', 'model.onnx', 'bundle'
STATEMENT = 'statement.json'

#: What a restart removes; anything else in the folder is left alone.
_OURS = (RECIPE, SPLIT, METRICS, STATEMENT, WEIGHTS, ONNX, 'checkpoints', 'log', BUNDLE)


class RunFolder:
    """A run folder.

    It holds ``recipe.toml`` (as run), ``split.json`` (who trained and who was held out), ``checkpoints/``
    (``last.ckpt``, ``best.ckpt``), ``log/`` (TensorBoard), ``weights.pt``, ``metrics.json``, ``statement.json``
    (what a bundle says of itself), ``model.onnx`` and ``bundle/``.

    Args:
        path (Path): made where it does not exist.
        recipe (Recipe): of this run.
        split (dict): JSON-able; collection, fold, patients.
        restart (bool): throw away an earlier run.

    Raises:
        InputError: ``run-other-recipe`` or ``run-other-data``: the folder holds another run.
        StorageError: the folder cannot be made or written.
    """

    def __init__(self, path, recipe, split, restart=False):
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if restart:
                self._clear()
        except OSError as error:
            raise storage_error(error, str(path))
        self._check(recipe, split)
        atomic_write(self.path / RECIPE, recipe_text(recipe).encode('utf-8'))
        atomic_write_json(self.path / SPLIT, split)

    @property
    def resumes(self):
        """Whether a killed run is gone on with."""
        return (self.path / 'checkpoints' / LAST).exists() and not self.trained

    @property
    def trained(self):
        """Whether the weights are there already."""
        return (self.path / WEIGHTS).exists()

    def _check(self, recipe, split):
        for name, code, mine in ((RECIPE, 'run-other-recipe', recipe_text(recipe)), (SPLIT, 'run-other-data', split)):
            try:
                found = (self.path / name).read_text(encoding='utf-8')
                found = json.loads(found) if name == SPLIT else found
            except (OSError, ValueError):
                continue
            if found != mine:
                what = 'another recipe' if name == RECIPE else 'other patients'
                raise InputError(code, '%s holds a run of %s (%s there differs); name another folder, or '
                                 'throw that run away with --restart.' % (self.path, what, name))

    def _clear(self):
        for name in _OURS:
            place = self.path / name
            if place.is_dir():
                shutil.rmtree(place)
            elif place.exists():
                place.unlink()
