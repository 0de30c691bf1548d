"""Trained weights in a file, with what is needed to build the network again."""
import io
import pickle
from pathlib import Path

import torch

from service.durable import atomic_write
from service.messages import InputError

from ..architectures import build
from ..recipe_files import parse_recipe, recipe_hash, recipe_text

NAME = 'weights.pt'


def save_weights(network, recipe, path, options=None):
    """Write ``weights.pt``: ``architecture``, ``options``, ``state_dict``, ``recipe`` (TOML), ``recipe_sha256``.

    Args:
        network (torch.nn.Module): trained.
        recipe (Recipe): how.
        path (Path): file to write.
        options (dict or None): what the network was built with; None for the recipe's own options.

    Raises:
        StorageError: it cannot be written; nothing half-written remains.
    """
    buffer = io.BytesIO()
    torch.save({'architecture': recipe.network.architecture,
                'options': recipe.network.options if options is None else options,
                'state_dict': network.state_dict(), 'recipe': recipe_text(recipe),
                'recipe_sha256': recipe_hash(recipe)}, buffer)
    atomic_write(path, buffer.getbuffer())


def load_weights(path):
    """Read ``weights.pt`` of a run folder or by its own path: the dict of `save_weights`, tensors on the CPU.

    Raises:
        InputError: ``weights-missing`` or ``weights-unreadable``.
    """
    path = Path(path)
    if path.is_dir():
        path = path / NAME
    try:
        found = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise InputError('weights-missing', '%s does not exist; name the folder of a finished training.' % path)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError('weights-unreadable', '%s holds no weights of a training; name a weights.pt that '
                         'thermoscreen train wrote.' % path, detail=str(error))
    if not isinstance(found, dict) or not {'architecture', 'options', 'state_dict', 'recipe'} <= set(found):
        raise InputError('weights-unreadable', '%s holds no weights of a training; name a weights.pt that '
                         'thermoscreen train wrote.' % path)
    return found


def load_network(path):
    """The trained network of a run folder or ``weights.pt``, in evaluation mode.

    Raises:
        InputError: as `load_weights`.
    """
    found = load_weights(path)
    network = build(found['architecture'], **found['options'])
    network.load_state_dict(found['state_dict'])
    return network.eval()


def load_run_recipe(path):
    """The recipe of a run folder or ``weights.pt``.

    Raises:
        InputError: as `load_weights`.
    """
    return parse_recipe(load_weights(path)['recipe'], str(path))


def start_from(network, recipe):
    """Give a fresh network the weights that the recipe's ``network.init`` names, all or ``init_part`` of them.

    Raises:
        InputError: ``weights-other-architecture``, or as `load_weights`.
    """
    settings = recipe.network
    found = load_weights(settings.init)
    if found['architecture'] != settings.architecture:
        raise InputError('weights-other-architecture', '%s was trained as %s and this recipe builds %s; start from '
                         'a run of the same architecture.'
                         % (settings.init, found['architecture'], settings.architecture))
    state, target = found['state_dict'], network
    if settings.init_part:
        prefix = settings.init_part + '.'
        state = {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
        target = network.get_submodule(settings.init_part)
    try:
        target.load_state_dict(state)
    except RuntimeError as error:
        raise InputError('weights-other-architecture', '%s was trained with options %s and this recipe builds %s '
                         'with %s; their weights differ in shape, so use the same options.'
                         % (settings.init, _shown(found['options']), settings.architecture,
                            _shown(settings.options)), detail=str(error))


def _shown(options):
    return ', '.join('%s=%s' % item for item in sorted(options.items())) or 'none'
