"""``python -m models.exporting.table``: every network exported, checked against a board and compared, as Markdown."""
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import click
import onnxruntime
import torch

from calibration.parity import Parity
from export.check import check_model, fits
from export.onnx_export import make_onnx
from export.runners import Runner, compare_runners, fp16_runner, onnx_runner, torch_runner, with_logits
from export.targets import load_target
from export.variants import make_variants
from service.bundle import open_bundle
from service.chains import Chain, Plateau, Turbo, get_chain
from service.durable import atomic_write
from service.messages import BundleError, ThermoscreenError
from service.regions import REGIONS
from service.settings import SHIPPED_BUNDLE

from ..architectures import ARCHITECTURES, build
from ..conditions import library_versions
from ..data import phantom_collection
from ..deliver import Trained
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, load_run_recipe
from .build import make_int8
from .parity import chain_of, parity_frames

#: Phantoms that a fresh network's normalisations take their statistics from, in one batch.
_STATISTICS = 6


class Conditions(NamedTuple):
    """How networks are compared.

    Attributes:
        frames: phantoms to compare on, and at most as many real frames; twice as many to measure ranges on.
        data: real thermograms.
        method: of `export.quantisation.METHODS`.
        threads: of each session.
    """

    frames: int
    data: Optional[str]
    method: str
    threads: int


class Exported(NamedTuple):
    """A network that is to be exported.

    Attributes:
        name, weights: which network, and what its weights are.
        preprocess: chain and constants, as in a manifest.
        network: maps NxCxHxW to `Scores`; None where only the file is at hand.
        model: its FP32 ONNX file, where it has been exported already.
        trained: whether its regions mean anything.
        regions: names of its region ids.
    """

    name: str
    weights: str
    preprocess: Dict[str, Any]
    network: Optional[torch.nn.Module]
    model: Optional[bytes]
    trained: bool
    regions: Tuple[str, ...] = REGIONS


class Row(NamedTuple):
    """What is known of one network.

    Attributes:
        name, weights, input: which network, what its weights are, its input.
        bytes: ``fp32``, ``fp16``, ``int8`` to the size of the file.
        torch: ONNX FP32 in ONNX Runtime against PyTorch; None where only a bundle is at hand.
        fp16, int8: against FP32, over all frames; None where FP16 overflows.
        overflow: the first node that overflows in FP16, empty where none does.
        checks: ``fp32``, ``fp16``, ``int8`` to what `export.check` finds.
        trained: whether labels mean anything.
    """

    name: str
    weights: str
    input: str
    bytes: Dict[str, int]
    torch: Optional[Parity]
    fp16: Optional[Parity]
    int8: Parity
    overflow: str
    checks: Dict[str, List[Any]]
    trained: bool


def networks(runs: Optional[Path] = None, only: Sequence[str] = ()) -> Iterator[Exported]:
    """Every network of `models.architectures`, the shipped one first; each is built when it is asked for.

    Args:
        runs: folder of trained runs: ``NAME/weights.pt`` or ``NAME/fold-0/weights.pt``; the run that the shipped bundle
            was made of is named like the bundle.
        only: architectures; empty for all. The shipped bundle belongs to half_unet.
    """
    if not only or 'half_unet' in only:
        yield _shipped(runs)
    for name, entry in ARCHITECTURES.items():
        if entry.kind == 'network' and (not only or name in only):
            run = _run_of(runs, name)
            yield _fresh(entry) if run is None else _trained(name, run)


def make_row(exported: Exported, conditions: Conditions, target: str) -> Row:
    """Export a network and compare its precisions.

    Args:
        exported: which network.
        conditions: frames and method.
        target: name of the target that is checked against.
    """
    torch.manual_seed(0)
    document = {'preprocess': exported.preprocess, 'regions': {'names': exported.regions}}
    chain = chain_of(document)
    constants = chain.constants
    model = exported.model
    if model is None:
        model = make_onnx(exported.network, constants['height'], constants['width'],
                          chain.channels).SerializeToString()
    variants = make_variants(model)
    files = {'fp32': model, 'fp16': variants['fp16'],
             'int8': make_int8(document, model, conditions.method, None, 2 * conditions.frames).model}
    frames = [frame for some in parity_frames(document, conditions.frames, conditions.data).values() for frame in some]
    base = _remembering(onnx_runner('fp32', 'fp32', model, conditions.threads))
    against_torch = None
    if exported.network is not None:
        logits = variants.get('fp32-logits')
        whole = with_logits(base, onnx_runner('logits', 'fp32', logits, conditions.threads) if logits else None)
        against_torch = compare_runners(torch_runner(exported.network), [whole], frames)['fp32']
    half, overflow = None, ''
    try:
        half = compare_runners(base, [fp16_runner('fp16', files['fp16'], conditions.threads)], frames)['fp16']
    except BundleError as error:
        overflow = error.detail
    quantised = compare_runners(base, [onnx_runner('int8', 'int8', files['int8'], conditions.threads)], frames)['int8']
    board = load_target(target)
    return Row(exported.name, exported.weights, '%dx%dx%d' % (constants['width'], constants['height'], chain.channels),
               {name: len(data) for name, data in files.items()}, against_torch, half, quantised, overflow,
               {name: check_model(data, board) for name, data in files.items()}, exported.trained)


def markdown(rows: Sequence[Row], target: str, note: str) -> str:
    """The rows as a Markdown table, with what the check found below.

    Args:
        rows: in the order of the table.
        target: what was checked against.
        note: conditions of the figures.
    """
    lines = ['| network | weights | input | FP32 against PyTorch: max error | FP16 agreement | INT8 agreement '
             '| mIoU change FP16, INT8 | MB FP32, FP16, INT8 | %s |' % target,
             '| --- | --- | --- | --- | --- | --- | --- | --- | --- |']
    for row in rows:
        sizes = ', '.join('%.1f' % (row.bytes[name] / 1e6) for name in ('fp32', 'fp16', 'int8'))
        lines.append('| %s | %s | %s | %s | %s | %s | %s | %s | %s |' % (
            row.name, row.weights, row.input, _errors(row.torch), _agreement(row.fp16) if row.fp16 else 'overflows',
            _agreement(row.int8), _changes(row), sizes, _verdict(row.checks)))
    notes = list(_notes(rows))
    return '\n'.join(lines + [''] + notes + ([''] if notes else []) + [note])


def _errors(parity: Optional[Parity]) -> str:
    if parity is None:
        return 'not at hand'
    parts = (('logits', parity.logits_error), ('confidence', parity.max_abs_error), ('finding', parity.finding_error),
             ('view', parity.view_error))
    return ', '.join('%s %.1e' % (name, error) for name, error in parts if error is not None)


def _agreement(parity: Parity) -> str:
    return '%.2f %%' % (100 * parity.label_agreement)


def _changes(row: Row) -> str:
    if not row.trained or row.int8.miou_change is None:
        return 'not trained' if not row.trained else 'no regions'
    changes = (None if parity is None else parity.miou_change for parity in (row.fp16, row.int8))
    return ', '.join('-' if change is None else '%+.4f' % change for change in changes)


def _verdict(checks: Dict[str, List[Any]]) -> str:
    fitting = [name.upper() for name, violations in checks.items() if fits(violations)]
    return ', '.join(fitting) + ' fit' if fitting else 'none fits'


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    """What the check found, each once, with the files and networks it was found in; and where FP16 overflows."""
    places: Dict[Tuple[str, ...], Tuple[Dict[str, None], Dict[str, None]]] = {}
    for row in rows:
        for precision, violations in row.checks.items():
            for violation in violations:
                key = violation.severity, violation.rule, violation.operator, violation.reason
                precisions, networks = places.setdefault(key, ({}, {}))
                precisions[precision.upper()] = networks[row.name] = None
    yield from ('- %s: FP16 overflows first at %s' % (row.name, row.overflow) for row in rows if row.overflow)
    for (severity, rule, operator, reason), (precisions, networks) in places.items():
        where = 'all networks' if len(networks) == len(rows) else '; '.join(networks)
        yield '- %s %s at %s, %s (%s): %s' % (severity, rule, operator, ', '.join(precisions), where, reason)


def _remembering(runner: Runner) -> Runner:
    """A runner that computes each frame once; the frames are few and live as long as it does."""
    answers: Dict[int, Any] = {}

    def answer(tensor: Any) -> Any:
        if id(tensor) not in answers:
            answers[id(tensor)] = runner.answer(tensor)
        return answers[id(tensor)]

    return runner._replace(answer=answer)


def _shipped(runs: Optional[Path]) -> Exported:
    bundle = open_bundle(SHIPPED_BUNDLE)
    name = bundle.manifest['name']
    run = _run_of(runs, name)
    return Exported('half_unet, shipped', 'trained: bundle %s %s' % (name, bundle.manifest['version']),
                   bundle.manifest['preprocess'], run and _trained(name, run).network, bundle.model, True)


def _run_of(runs: Optional[Path], name: str) -> Optional[Path]:
    places = [] if runs is None else [Path(runs) / name, Path(runs) / name / 'fold-0']
    return next((place for place in places if (place / WEIGHTS).is_file()), None)


def _trained(name: str, run: Path) -> Exported:
    recipe = load_run_recipe(run)
    preprocess = {'chain': recipe.input.chain,
                  'constants': get_chain(recipe.input.chain, recipe.chain_constants).constants}
    network = Trained(load_network(run), 'regions' in recipe.task, 'finding' in recipe.task).eval()
    return Exported(name, 'trained: ' + '/'.join(run.parts[-2:]), preprocess, network, None, True)


def _fresh(entry: Any) -> Exported:
    torch.manual_seed(0)
    network = build(entry.name)
    chain = (Plateau if entry.channels == 1 else Turbo)({'height': entry.height, 'width': entry.width})
    _settle(network, chain)
    return Exported(entry.name, 'fresh, seed 0', {'chain': chain.id, 'constants': chain.constants}, network.eval(),
                   None, False)


def _settle(network: torch.nn.Module, chain: Chain) -> None:
    """Give fresh normalisations the statistics of phantoms; with the initial ones, values grow layer by layer.

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


@click.command()
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives table.md.')
@click.option('--runs', type=click.Path(exists=True, file_okay=False, path_type=Path), metavar='DIR',
              help='Trained runs: NAME/weights.pt or NAME/fold-0/weights.pt, as thermoscreen compare leaves them; '
              'phantom-fpn/weights.pt for the shipped bundle.')
@click.option('--data', metavar='DIR', help='Real thermograms beside the phantoms.')
@click.option('--only', multiple=True, type=click.Choice(sorted(ARCHITECTURES)), metavar='NAME',
              help='These architectures only; repeatable.')
@click.option('--frames', default=4, show_default=True, type=click.IntRange(min=1), help='Frames of each kind.')
@click.option('--method', default='minmax', show_default=True, type=click.Choice(['entropy', 'minmax', 'percentile']),
              help='How INT8 ranges are found.')
@click.option('--target', default='jetson-nano', show_default=True, help='Board that is checked against.')
@click.option('--threads', default=os.cpu_count(), type=click.IntRange(min=1), help='CPU threads [default: all].')
def main(out: Path, runs: Optional[Path], data: Optional[str], only: Tuple[str, ...], frames: int, method: str,
         target: str, threads: int) -> None:
    """Export every segmenter and classifier, check it against a board, compare FP32, FP16 and INT8.

    \b
    Example:
      python -m models.exporting.table --out build/table --runs build/compare --data dmr
    """
    torch.set_num_threads(threads)
    conditions = Conditions(frames, data, method, threads)
    rows = []
    for exported in networks(runs, only):
        click.echo('%s (%s)' % (exported.name, exported.weights), err=True)
        rows.append(make_row(exported, conditions, target))
    note = ('%d phantoms%s; FP16 emulated (every tensor rounded), INT8 as Q/DQ in ONNX Runtime, ranges by %s over %d '
            'other phantoms. Fresh networks: weights of seed 0, normalisation statistics of phantoms; their scores '
            'lie close together, so agreement says little. betti has no ONNX file: it is scikit-learn. %s.'
            % (frames, ' and at most as many frames of %s' % Path(data).name if data else '', method, 2 * frames,
               library_versions(onnxruntime, torch)))
    text = markdown(rows, target, note)
    out.mkdir(parents=True, exist_ok=True)
    atomic_write(out / 'table.md', (text + '\n').encode('utf-8'))
    click.echo(text)


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        raise SystemExit(str(error))
