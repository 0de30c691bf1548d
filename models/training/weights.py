"""Trained weights in a file, with what is needed to build the network again."""
import io
import pickle
from pathlib import Path
from typing import Any, Dict, Optional

import torch

from service.durable import atomic_write
from service.messages import InputError

from ..architectures import build
from ..architectures.narrow import narrow_to
from ..recipe import Recipe
from ..recipe_files import parse_recipe, recipe_hash, recipe_text

NAME = 'weights.pt'


def save_weights(network: torch.nn.Module, recipe: Recipe, path: Path,
                 options: Optional[Dict[str, Any]] = None) -> None:
    """Write ``weights.pt``: ``architecture``, ``options``, ``state_dict``, ``recipe`` (TOML), ``recipe_sha256``.

    Args:
        network: trained.
        recipe: how.
        path: file to write.
        options: of the network as it was built; None for those of the recipe.

    Raises:
        StorageError: it cannot be written; no partial file remains.
    """
    buffer = io.BytesIO()
    torch.save({'architecture': recipe.network.architecture,
                'options': recipe.network.options if options is None else options,
                'state_dict': network.state_dict(), 'recipe': recipe_text(recipe),
                'recipe_sha256': recipe_hash(recipe)}, buffer)
    atomic_write(path, buffer.getvalue())


def load_weights(path: Path) -> Dict[str, Any]:
    """Read ``weights.pt`` of a run folder or by its own path: the entries of `save_weights`, tensors on the CPU.

    Raises:
        InputError: ``weights-missing`` or ``weights-unreadable``.
    """
    path = Path(path)
    if path.is_dir():
        path = path / NAME
    try:
        weights = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise InputError('weights-missing', '%s does not exist.' % path, 'Name the folder of a finished training.')
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError('weights-unreadable', '%s contains no weights of a training.' % path,
                         'Name a weights.pt that thermoscreen train wrote.', detail=str(error))
    if not isinstance(weights, dict) or not {'architecture', 'options', 'state_dict', 'recipe'} <= set(weights):
        raise InputError('weights-unreadable', '%s contains no weights of a training.' % path,
                         'Name a weights.pt that thermoscreen train wrote.')
    return weights


def load_network(path: Path) -> torch.nn.Module:
    """The trained network of a run folder or ``weights.pt``, in evaluation mode; a pruned one as narrow as it is.

    Raises:
        InputError: ``weights-other-architecture``: its architecture has changed since; or as `load_weights`.
    """
    weights = load_weights(path)
    network: torch.nn.Module = build(weights['architecture'], **weights['options'])
    narrow_to(network, weights['state_dict'])
    try:
        network.load_state_dict(weights['state_dict'])
    except RuntimeError as error:
        raise InputError('weights-other-architecture', '%s was trained as another %s than this version builds.'
                         % (path, weights['architecture']), 'Train it again.', detail=str(error))
    return network.eval()


def load_run_recipe(path: Path) -> Recipe:
    """The recipe of a run folder or ``weights.pt``.

    Raises:
        InputError: as `load_weights`.
    """
    return parse_recipe(load_weights(path)['recipe'], str(path))


def start_from(network: torch.nn.Module, recipe: Recipe) -> None:
    """Give a fresh network the weights that the recipe's ``network.init`` names, all or ``init_part`` of them.

    Weights of a pruned network make it as narrow.

    Raises:
        InputError: ``weights-other-architecture``, or as `load_weights`.
    """
    settings = recipe.network
    weights = load_weights(Path(settings.init))
    if weights['architecture'] != settings.architecture:
        raise InputError('weights-other-architecture', '%s was trained as %s and this recipe builds %s.'
                         % (settings.init, weights['architecture'], settings.architecture),
                         'Start from a run of the same architecture.')
    state, target = weights['state_dict'], network
    if settings.init_part:
        prefix = settings.init_part + '.'
        state = {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
        target = network.get_submodule(settings.init_part)
    elif _shapes(state) != _shapes(network.state_dict()) == _shapes(
            build(weights['architecture'], **weights['options']).state_dict()):
        narrow_to(network, state)
    try:
        target.load_state_dict(state)
    except RuntimeError as error:
        raise InputError('weights-other-architecture', '%s was trained with options %s and this recipe builds %s '
                         'with %s; their weights differ in shape, so use the same options.'
                         % (settings.init, _shown(weights['options']), settings.architecture,
                            _shown(settings.options)), detail=str(error))


def _shapes(state):
    return {name: tensor.shape for name, tensor in state.items()}


def _shown(options):
    return ', '.join('%s=%s' % item for item in sorted(options.items())) or 'none'
