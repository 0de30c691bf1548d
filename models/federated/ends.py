"""Where a federation begins and ends: the weights of a run or of a bundle, and a bundle that has been proven.

A bundle holds no batch normalisation: its export has merged it into the convolutions before. `unmerged` takes it apart
again, with means and variances of phantoms, so that training can go on; the network then answers as the bundle does.
"""
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
import onnx
import torch
from torch import nn

from export.check import check_bundle, fits
from export.runners import open_session, run_session
from export.targets import load_target
from service.bundle import BASE, Bundle, open_bundle
from service.chains import get_chain
from service.durable import atomic_write, atomic_write_json
from service.messages import InputError

from ..data import phantom_collection
from ..deliver import Package, Statement
from ..exporting.build import ExportRequest, build_bundle
from ..exporting.checkpoint import open_checkpoint
from ..recipe import Input, Recipe
from ..recipe_files import load_recipe, parse_recipe, recipe_text
from ..training.run import BUNDLE, METRICS, RECIPE, STATEMENT, fresh_network
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, load_run_recipe, save_weights
from .core import KEPT, Plan, change
from .guard import Arrays
from .local import FINDING, arrays_of, build_network, check_recipe, network_with
from .rounds import Federation

#: Phantoms that the means and variances of a bundle's network are measured on; no recipe trains or judges on these.
_FIRST_SEED, _PHANTOMS = 9_800_000, 32

#: Share of the pixels of a phantom that network and bundle have to call the same.
_AGREEMENT = 0.999

_LIMITS = ('Frontal views; side views give no usable regions.',
           'Trained on and judged by the clinics named here; each judged it on held-out patients of its own, by whom '
           'was also decided which rounds were kept.')


class Start(NamedTuple):
    """What the first round begins with.

    Attributes:
        recipe: of a round.
        arrays: weights.
        statistics: names of those that are means and variances of batches.
        source: where they come from, for the bundle's statement.
    """

    recipe: Recipe
    arrays: Arrays
    statistics: Tuple[str, ...]
    source: str


def open_start(start: str, recipe: str = 'federated', changes: Sequence[str] = ()) -> Start:
    """The weights that a federation starts from.

    Args:
        start: folder of a bundle; run folder or ``weights.pt`` of a training; or ``''`` for fresh weights.
        recipe: of a round, name or file; network and input are those of the start.
        changes: of its keys, as `load_recipe` takes them.
    Raises:
        InputError: ``start-missing``, ``start-other-network``, ``federation-recipe``; or as `load_network`.
        BundleError: the bundle is not intact.
    """
    settings = check_recipe(load_recipe(recipe, changes))
    if not start:
        network, source = fresh_network(settings), 'random weights'
    elif (Path(start) / 'manifest.json').is_file():
        bundle = open_bundle(start)
        settings = dataclasses.replace(settings, input=_input_of(bundle))
        network = unmerged(bundle, settings)
        identity = bundle.manifest.identity
        source = 'bundle %s %s (%s)' % (identity['id'], identity['version'], bundle.manifest.sha256[:12])
    elif Path(start).exists():
        network, other = load_network(Path(start)), load_run_recipe(Path(start))
        settings = dataclasses.replace(settings, network=other.network, input=other.input)
        source = 'the weights of another training (recipe %s)' % other.name
    else:
        raise InputError('start-missing', '%s does not exist.' % start,
                         'Name a bundle, or the run folder of a finished training.')
    # Files of this machine are nothing that other clinics have.
    settings = dataclasses.replace(settings, network=dataclasses.replace(settings.network, init='', init_part='',
                                                                         weights=''))
    arrays, statistics = arrays_of(network)
    try:
        network_with(arrays, check_recipe(settings))
    except InputError as error:
        raise InputError('start-other-network', '%s holds a network that its recipe does not build, perhaps a pruned '
                         'one.' % start, 'Name another start.', detail=str(error))
    return Start(settings, arrays, statistics, source)


def plan_of(start: Start, sites: Dict[str, int], rounds: int, quorum: Optional[int] = None, **more: Any) -> Plan:
    """A plan with limits that fit the start: no clinic may move the weights further than they are long.

    Args:
        sites: clinics and the most samples that each counts for.
        quorum: None for all but one, and for two at least.
        more: other settings of `Plan`.
    """
    length = change(start.arrays, {name: np.zeros_like(array) for name, array in start.arrays.items()},
                    start.statistics)
    return Plan(recipe_text(start.recipe), sites, rounds, max(len(sites) - 1, 2) if quorum is None else quorum,
                max_change=length, statistics=start.statistics, **more)


def finish(plan: Plan, federation: Federation, folder: Path, source: str, threads: int = 1,
           target: str = 'jetson-nano') -> Bundle:
    """Make a run folder and a bundle of what a federation has learned, as a training would.

    The folder can be exported, evaluated and started from like any other. Its bundle is only there once every variant
    answers as the network does and as the golden pair says, and one of them fits the target.

    Args:
        folder: receives ``weights.pt``, ``recipe.toml``, ``metrics.json``, ``statement.json`` and ``bundle/``.
        source: of `Start`.
        threads: CPU threads.
        target: board that the bundle is for.
    Raises:
        InputError: ``federation-nothing-learned``: no round was kept; ``federation-unfit``: no variant fits.
        BundleError: ``parity-failed`` or ``fp16-overflow``.
        StorageError: the disk is full or not writable.
    """
    if not federation.kept:
        raise InputError('federation-nothing-learned', 'No round was kept, so there is nothing to deliver.',
                         'Read in rounds.json what became of them.')
    folder, recipe = Path(folder), parse_recipe(plan.recipe, 'the plan of the federation')
    network = network_with(federation.arrays, recipe).eval()
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(network, recipe, folder / WEIGHTS)
    atomic_write(folder / RECIPE, plan.recipe.encode('utf-8'))
    atomic_write_json(folder / METRICS, _metrics(plan, federation))
    atomic_write_json(folder / STATEMENT, _statement(plan, federation, recipe, source)._asdict())
    return _proven(build_bundle(open_checkpoint(folder), ExportRequest(threads=threads)), folder, target)


def _proven(package: Package, folder: Path, target: str) -> Bundle:
    staging = Path(tempfile.mkdtemp(prefix='.bundle-', dir=folder))
    try:
        bundle = package.write(staging / BUNDLE)
        violations = check_bundle(bundle, load_target(target))
        if not any(fits(found) for found in violations.values()):
            raise InputError('federation-unfit', 'No variant of the bundle fits %s: %s'
                             % (target, violations[BASE][0]), 'See thermoscreen check.')
        return package.write(folder / BUNDLE)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _metrics(plan: Plan, federation: Federation) -> Dict[str, Any]:
    kept = [record for record in federation.records if record['outcome'] == KEPT]
    first, last = kept[0]['scores'], kept[-1]['scores']
    return {'set': 'held-out patients of every clinic, judged there',
            'federation': {
                'clinics': {site: {'miou_before': first.get(site), 'miou': last.get(site)}
                            for site in plan.site_names},
                'rounds': plan.rounds, 'kept': federation.kept, 'mu': plan.mu, 'combined_by': plan.combine,
                'seed': plan.seed, 'weights_sha256': federation.records[-1]['weights']}}


def _statement(plan: Plan, federation: Federation, recipe: Recipe, source: str) -> Statement:
    counted: Dict[str, int] = {}
    for record in federation.records:
        if record['outcome'] == KEPT:
            for site, row in record['sites'].items():
                if row['state'] == 'used':
                    counted[site] = max(counted.get(site, 0), row['counted'])
    return Statement(
        '%d thermograms with labels in %d clinics (%s), which none of them left; %d of %d rounds of %s were kept. '
        'Started from %s. Recipe %s, seed %d.'
        % (sum(counted.values()), len(counted), ', '.join(sorted(counted)), federation.kept, plan.rounds,
           'FedProx, mu %g' % plan.mu if plan.mu else 'FedAvg', source, recipe.name, plan.seed), _LIMITS, None)


# -- weights of a bundle


def unmerged(bundle: Bundle, recipe: Recipe) -> nn.Module:
    """The recipe's network with the weights of a bundle, its batch normalisation as training needs it.

    A convolution of the bundle is ``w * x + b``. The layer after it gets the mean m and variance v that ``w * x`` has
    on phantoms, the weight ``sqrt(v + eps)`` and the bias ``b + m``, which together change nothing.

    Args:
        bundle: of one network.
        recipe: its architecture and input.
    Raises:
        InputError: ``start-other-network``: it is not of this architecture, or answers otherwise.
    """
    other = InputError('start-other-network', 'The bundle in %s does not hold the network of recipe %s.'
                       % (bundle.folder, recipe.name), 'Start from the run folder that it was made of.')
    data = bundle.read_model(BASE)
    graph = onnx.load_from_string(data).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    network = build_network(recipe).eval()
    pictures = _pictures(recipe)
    pairs = _normalised(network, pictures[:1])
    named = {name: value for name in network.state_dict() for full, value in stored.items()
             if full == name or full.endswith('.' + name)}
    merged: List[Tuple[np.ndarray, np.ndarray]] = []
    taken: Set[str] = set()
    for node in graph.node:
        if node.op_type == 'Conv' and node.input[1] in stored.keys() - taken and not any(
                node.input[1] == name or node.input[1].endswith('.' + name) for name in network.state_dict()):
            taken.add(node.input[1])
            merged.append((stored[node.input[1]], stored[node.input[2]]))
    # What comes after the pairs is the finding's, which is not trained here.
    if len(merged) < len(pairs) or any(weight.shape != tuple(conv.weight.shape)
                                        for (weight, _), (conv, _) in zip(merged, pairs)):
        raise other
    try:
        network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in named.items()}, strict=False)
    except RuntimeError:
        raise other
    _take_apart(network, pairs, merged, pictures)
    _compare(network, bundle, data, pictures, other)
    return network


def _normalised(network: nn.Module, picture: torch.Tensor) -> List[Tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution with the batch normalisation that reads it, in the order in which they run."""
    pairs: List[Tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    ran: Dict[int, Tuple[nn.Conv2d, torch.Tensor]] = {}

    def note(layer, inputs, output):
        if isinstance(layer, nn.Conv2d):
            ran[id(output)] = layer, output
        elif id(inputs[0]) in ran and layer not in [norm for _, norm in pairs]:
            pairs.append((ran[id(inputs[0])][0], layer))

    hooks = [layer.register_forward_hook(note) for name, layer in network.named_modules()
             if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)) and not name.startswith(FINDING)]
    with torch.no_grad():
        network(picture)
    for hook in hooks:
        hook.remove()
    return pairs


def _take_apart(network, pairs, merged, pictures):
    with torch.no_grad():
        for (conv, norm), (weight, bias) in zip(pairs, merged):
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
            norm.weight.fill_(1)
            norm.bias.copy_(torch.from_numpy(bias.copy()))
        sums: Dict[nn.Module, List[Any]] = {norm: [0, 0.0, 0.0] for _, norm in pairs}

        def measure(layer, inputs):
            values = inputs[0].double()
            entry = sums[layer]
            entry[0] += values.numel() // values.shape[1]
            entry[1] = entry[1] + values.sum((0, 2, 3))
            entry[2] = entry[2] + (values ** 2).sum((0, 2, 3))

        hooks = [norm.register_forward_pre_hook(measure) for _, norm in pairs]
        for batch in pictures.split(8):
            network(batch)
        for hook in hooks:
            hook.remove()
        for _, norm in pairs:
            count, total, squares = sums[norm]
            mean = total / count
            variance = (squares / count - mean ** 2).clamp(min=0)
            norm.bias.add_(mean.float())
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))


def _compare(network, bundle, data, pictures, other):
    session, name = open_session(data), bundle.inputs[0].name
    for picture in pictures[:4]:
        labels = run_session(session, {name: picture[None].numpy()})[bundle.output_name('labels')]
        with torch.no_grad():
            own = network(picture[None]).regions.argmax(1).numpy()
        if labels.shape != own.shape or (labels == own).mean() < _AGREEMENT:
            raise other


def _pictures(recipe: Recipe) -> torch.Tensor:
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    phantoms = phantom_collection(_FIRST_SEED, _PHANTOMS, recipe.input.height, recipe.input.width)
    return torch.from_numpy(np.concatenate([chain.apply(sample.thermogram()).tensor for sample in phantoms]))


def _input_of(bundle: Bundle) -> Input:
    stated: Mapping[str, Any] = bundle.manifest['preprocess']
    constants = dict(stated['constants'])
    return Input(stated['chain'], constants.pop('height'), constants.pop('width'), constants)
