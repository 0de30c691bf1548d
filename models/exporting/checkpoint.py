"""What is exported: the run folder of a training, or a bundle that exists already."""
import copy
import dataclasses
import json
from pathlib import Path
from typing import Any, Dict, Optional

import torch

from export.onnx_export import refuse_mask_channel
from service.bundle import JOINT, Bundle, open_bundle
from service.messages import InputError
from service.regions import REGIONS

from ..deliver import Package, Statement, joined, pack, paired, why_no_bundle
from ..recipe import Recipe
from ..training.run import BUNDLE, METRICS, STATEMENT
from ..training.weights import load_network, load_run_recipe

_MANIFEST = 'manifest.json'


def open_checkpoint(path: Path, regions: Optional[Path] = None, order: str = JOINT) -> Package:
    """The network of a run folder, or of a bundle, ready to be written as a bundle.

    Args:
        path: run folder of a training or its ``weights.pt``; or a bundle folder, of which the model's bytes, the golden
            pair and everything else stay as they are.
        regions: run whose regions a classifier is delivered with.
        order: one of `service.bundle.ORDERS`. The joint one makes one network of both, which therefore need the same
            input.
    Returns:
        With ``network`` for a run, without for a bundle; with ``classifier`` for one of two networks.
    Raises:
        InputError: ``weights-missing``, ``weights-unreadable``, ``mask-channel``, ``statement-missing``,
            ``export-no-bundle``, ``regions-other-input``, ``regions-unused``, ``order-unused``.
        BundleError: the bundle is not complete, or not for deployment.
    """
    path = Path(path)
    if order != JOINT and regions is None:
        raise InputError('order-unused', 'An order is that of a classifier and a segmenter, and one run is named.',
                         'Name the run of the segmenter with --regions, or leave --order out.')
    if (path / _MANIFEST).is_file():
        if regions is not None:
            raise InputError('regions-unused', '%s is a bundle, which has its regions already.' % path,
                             'Leave --regions out.')
        return _from_bundle(path)
    return _from_run(path, regions, order)


def _from_bundle(path: Path) -> Package:
    bundle = open_bundle(str(path))
    package = _of_network(bundle)
    if bundle.classifier is None:
        return package
    del package.document['classifier']
    classifier = _of_network(bundle.classifier)
    classifier.document['order'] = bundle.manifest.order
    return dataclasses.replace(package, classifier=classifier)


def _of_network(bundle: Bundle) -> Package:
    document = copy.deepcopy(bundle.manifest.raw)
    files = {document['golden']['file']: bundle.golden}
    files.update((variant.file, bundle.read_model(name)) for name, variant in bundle.variants.items())
    cache = bundle.read_calibration()
    if cache is not None:
        files[document['calibration']['file']] = cache
    del document['files']
    return Package(document, files)


def _from_run(path: Path, regions: Optional[Path], order: str) -> Package:
    network, recipe = load_network(path), load_run_recipe(path)
    refuse_mask_channel(network)
    if regions is not None and 'regions' in recipe.task:
        raise InputError('regions-unused', '%s predicts regions itself.' % path, 'Leave --regions out.')
    region_count = recipe.network.options.get('classes', len(REGIONS))
    reason = why_no_bundle(recipe, region_count, 'regions' in recipe.task or regions is not None, order)
    if reason is not None:
        raise InputError('export-no-bundle', '%s cannot become a bundle. %s' % (path, reason))
    if regions is None or order == JOINT:
        if regions is not None:
            network = joined(network, recipe, load_network(regions), load_run_recipe(regions))
        return _packed(network, recipe, path)
    segmenter, other = load_network(regions), load_run_recipe(regions)
    refuse_mask_channel(segmenter)
    if 'regions' not in other.task:
        raise InputError('export-no-bundle', '%s finds no regions.' % regions,
                         'Name the run of a segmenter with --regions.')
    reason = why_no_bundle(dataclasses.replace(other, task='regions'),
                           other.network.options.get('classes', len(REGIONS)), True)
    if reason is not None:
        raise InputError('export-no-bundle', '%s cannot become a bundle. %s' % (regions, reason))
    # A finding of its own is dropped: the classifier gives it.
    return paired(_packed(segmenter, dataclasses.replace(other, task='regions'), regions),
                  _packed(network, recipe, path), order)


def _packed(network: torch.nn.Module, recipe: Recipe, path: Path) -> Package:
    """The network of a run with what the run states of it, as far as it is of the recipe's task."""
    folder = path if path.is_dir() else path.parent
    statement = _statement(folder)
    if 'finding' not in recipe.task:
        statement = statement._replace(finding=None)
    return pack(network, recipe, _metrics(folder), statement)


def _statement(folder: Path) -> Statement:
    """What the training stated of its network; older runs have it in the manifest of their bundle."""
    document = _json(folder / STATEMENT)
    if document is None:
        document = _json(folder / BUNDLE / _MANIFEST)
    try:
        return Statement(document['training_data'], tuple(document['limits']), document.get('finding'))
    except (TypeError, KeyError) as error:
        raise InputError('statement-missing', '%s does not say what its network learned from (%s).'
                         % (folder, STATEMENT),
                         'Give its train command again, which keeps the weights and writes that file.',
                         detail=repr(error))


def _metrics(folder: Path) -> Dict[str, Any]:
    metrics = _json(folder / METRICS)
    return (_json(folder / BUNDLE / _MANIFEST) or {}).get('metrics', {}) if metrics is None else metrics


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
