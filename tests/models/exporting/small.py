"""A run folder without training: the shipped architecture at a small size, with its initial weights."""
import json

from models.recipe_files import load_recipe
from models.training.run import fresh_network
from models.training.weights import save_weights

HEIGHT, WIDTH = 48, 64

STATEMENT = {'training_data': 'Nothing.', 'limits': ['Finds nothing.'],
             'finding': {'name': 'pattern', 'classes': ['as expected', 'pattern differs'], 'threshold': 0.5,
                         'threshold_basis': 'None.', 'meaning': 'Nothing.'}}


def write_run(folder, *changes, name='phantom-unet', change=lambda network: None, statement=STATEMENT):
    """Write weights.pt, metrics.json and, where there is one, statement.json into a folder (Path); returns it.

    Args:
        changes (str): of the recipe.
        change (callable): may spoil the network.
    """
    recipe = load_recipe(name, ['input.height=%d' % HEIGHT, 'input.width=%d' % WIDTH, 'seed=2', *changes])
    network = fresh_network(recipe).eval()
    change(network)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, recipe, folder / 'weights.pt')
    (folder / 'metrics.json').write_text(json.dumps({'miou': 0.01}))
    if statement is not None:
        (folder / 'statement.json').write_text(json.dumps(statement))
    return folder


def overflowing(network):
    """Activations of some hundred thousands between layers, the same scores after them: finite in FP32 alone."""
    network.halve[1].weight.data *= 1e6
    network.halve[1].bias.data *= 1e6
    network.unet.encoder.model.conv1.weight.data *= 1e-6
