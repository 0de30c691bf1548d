"""What is exported: the run folder of a training, or a bundle that exists already."""
import copy
import json
from pathlib import Path
from typing import Any, Dict, Optional

from export.onnx_export import refuse_mask_channel
from service.bundle import open_bundle
from service.messages import InputError
from service.regions import REGIONS

from ..deliver import Package, Statement, joined, pack, why_no_bundle
from ..training.run import BUNDLE, METRICS, STATEMENT
from ..training.weights import load_network, load_run_recipe

_MANIFEST = 'manifest.json'


def open_checkpoint(path: Path, regions: Optional[Path] = None) -> Package:
    """The network of a run folder, or of a bundle, ready to be written as a bundle.

    Args:
        path: run folder of a training or its ``weights.pt``; or a bundle folder, of which the model's bytes, the golden
            pair and everything else stay as they are.
        regions: run whose regions a classifier is delivered with.
    Returns:
        With ``network`` for a run, without for a bundle.
    Raises:
        InputError: ``weights-missing``, ``weights-unreadable``, ``mask-channel``, ``statement-missing``,
            ``export-no-bundle``, ``regions-other-input``, ``regions-unused``.
        BundleError: the bundle is not complete, or not for deployment.
    """
    path = Path(path)
    if (path / _MANIFEST).is_file():
        if regions is not None:
            raise InputError('regions-unused', '%s is a bundle, which has its regions already.' % path,
                             'Leave --regions out.')
        return _from_bundle(path)
    return _from_run(path, regions)


def _from_bundle(path: Path) -> Package:
    bundle = open_bundle(str(path))
    document = copy.deepcopy(bundle.manifest.raw)
    files = {document['golden']['file']: bundle.golden}
    files.update((variant.file, bundle.read_model(name)) for name, variant in bundle.variants.items())
    cache = bundle.read_calibration()
    if cache is not None:
        files[document['calibration']['file']] = cache
    del document['files']
    return Package(document, files)


def _from_run(path: Path, regions: Optional[Path]) -> Package:
    network, recipe = load_network(path), load_run_recipe(path)
    refuse_mask_channel(network)
    if regions is not None and 'regions' in recipe.task:
        raise InputError('regions-unused', '%s predicts regions itself.' % path, 'Leave --regions out.')
    region_count = recipe.network.options.get('classes', len(REGIONS))
    reason = why_no_bundle(recipe, region_count, 'regions' in recipe.task or regions is not None)
    if reason is not None:
        raise InputError('export-no-bundle', '%s cannot become a bundle. %s' % (path, reason))
    if regions is not None:
        network = joined(network, recipe, load_network(regions), load_run_recipe(regions))
    folder = path if path.is_dir() else path.parent
    statement = _statement(folder)
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
