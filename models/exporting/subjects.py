"""What the table is made of: trained runs, the shipped bundle, and fresh networks where there is neither."""
import typing
from pathlib import Path

import torch

from service.bundle import open_bundle
from service.chains import Plateau, Turbo, get_chain
from service.regions import REGIONS
from service.settings import SHIPPED_BUNDLE

from ..architectures import ARCHITECTURES, build
from ..data import phantom_collection
from ..deliver import Trained
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, load_run_recipe

#: Phantoms that a fresh network's normalisations take their statistics from, in one batch.
_STATISTICS = 6


class Subject(typing.NamedTuple):
    """A network that is to be exported.

    Attributes:
        name, weights (str): which network, and what its weights are.
        preprocess (dict): chain and constants, as in a manifest.
        network (torch.nn.Module or None): maps NxCxHxW to `Scores`.
        model (bytes or None): its FP32 ONNX file, where it has been exported already.
        trained (bool): whether its regions mean anything.
        regions (tuple): names of its region ids.
    """

    name: str
    weights: str
    preprocess: dict
    network: typing.Optional[torch.nn.Module]
    model: typing.Optional[bytes]
    trained: bool
    regions: typing.Tuple[str, ...] = REGIONS


def chain_of(document):
    """The chain of a manifest."""
    return get_chain(document['preprocess']['chain'], document['preprocess']['constants'])


def subjects(runs=None, only=()):
    """Every network of `models.architectures`, the shipped one first.

    Args:
        runs (Path or None): folder of trained runs: ``NAME/weights.pt`` or ``NAME/fold-0/weights.pt``; the run that
            the shipped bundle was made of is called as the bundle.
        only (sequence of str): architectures; empty for all. The shipped bundle belongs to half_unet.
    Yields:
        Subject: built when it is asked for.
    """
    if not only or 'half_unet' in only:
        yield _shipped(runs)
    for name, entry in ARCHITECTURES.items():
        if entry.kind == 'network' and (not only or name in only):
            run = _run_of(runs, name)
            yield _fresh(entry) if run is None else _trained(name, run)


def _shipped(runs):
    bundle = open_bundle(SHIPPED_BUNDLE)
    name = bundle.manifest['name']
    run = _run_of(runs, name)
    return Subject('half_unet, shipped', 'trained: bundle %s %s' % (name, bundle.manifest['version']),
                   bundle.manifest['preprocess'], run and _trained(name, run).network, bundle.model, True)


def _run_of(runs, name):
    places = [] if runs is None else [Path(runs) / name, Path(runs) / name / 'fold-0']
    return next((place for place in places if (place / WEIGHTS).is_file()), None)


def _trained(name, run):
    recipe = load_run_recipe(run)
    preprocess = {'chain': recipe.input.chain,
                  'constants': get_chain(recipe.input.chain, recipe.chain_constants).constants}
    network = Trained(load_network(run), 'regions' in recipe.task, 'finding' in recipe.task).eval()
    return Subject(name, 'trained: ' + '/'.join(run.parts[-2:]), preprocess, network, None, True)


def _fresh(entry):
    torch.manual_seed(0)
    network = build(entry.name)
    chain = (Plateau if entry.channels == 1 else Turbo)({'height': entry.height, 'width': entry.width})
    _settle(network, chain)
    return Subject(entry.name, 'fresh, seed 0', {'chain': chain.id, 'constants': chain.constants}, network.eval(),
                   None, False)


def _settle(network, chain):
    """Give fresh normalisations the statistics of phantoms: with those they start with, values grow layer by layer.

    Blocks that start as nothing (a last normalisation of weight 0) would be left out of the simplified graph.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of all batches
            if not module.weight.any():
                torch.nn.init.ones_(module.weight)
    phantoms = phantom_collection(0, _STATISTICS, chain.constants['height'], chain.constants['width'])
    with torch.no_grad():
        network.train()(torch.cat([torch.from_numpy(chain.apply(sample.thermogram()).tensor) for sample in phantoms]))
