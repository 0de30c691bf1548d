"""``python -m models.compare.candidates``: which network to ship, of several that a Jetson Nano could run in time.

All are trained on the same phantoms in the same way, and judged on frontal ones that none of them saw: accuracy against
the predicted milliseconds of the network alone.
"""
import dataclasses
import io
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import click
import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from export.predict import preflight
from export.predict.kernel import total_macs, total_weights
from export.predict.latency import SPREAD, fit_document
from export.targets import load_target
from service.chains import Fit, get_chain
from service.decode import tidy
from service.durable import atomic_write, atomic_write_json
from service.messages import InputError, ThermoscreenError
from service.regions import LEFT_NIPPLE, RIGHT_NIPPLE
from service.thermogram import CELSIUS, Provenance, Thermogram
from service.views import FRONTAL_VIEWS

from ..cli import FOLDER
from ..deliver import onnx_bytes
from ..evaluation.formatting import figure as with_interval
from ..evaluation.landmarks import FAR_PX, NEAR_PX, ROWS, centre_error, nipple_figures
from ..evaluation.overlap import iou, mean_over_regions, pair_counts
from ..evaluation.plots import FAINT, INK, STYLE
from ..phantoms import PhantomSet, prepare_set, prepare_sets, simulator_hash
from ..progress import log_progress
from ..recipe import Network, Recipe
from ..recipe_files import load_recipe
from ..statistics import PatientBootstrap
from ..training.fit import fit
from ..training.run import RunFolder, conditions, fresh_network
from ..training.weights import NAME as WEIGHTS
from ..training.weights import load_network, save_weights

log = logging.getLogger(__name__)

#: Recipe whose data, loss, optimiser, schedule and augmentation all of them get.
_COMMON = 'phantom-fpn'

_TARGET, _PRECISION = 'jetson-nano', 'fp16'

#: Figures of a finished candidate, in its run folder.
_ROW = 'row.json'


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network at an input size.

    Attributes:
        network: what it is and starts from.
        width, height: input, pixels. Frames keep their aspect and the chain pads the rest.
    """

    network: Network
    width: int
    height: int


def _fpn(*blocks: int, **options: Any) -> Network:
    return Network('quarter_fpn', dict(options, blocks=list(blocks)))


_LITE0 = Network('efficientnet_lite0', weights='imagenet')

#: Candidates by name: the architecture, then its input or the residual blocks of its levels.
CANDIDATES: Dict[str, Candidate] = {
    'half_unet-320x240': Candidate(Network('half_unet'), 320, 240),
    'half_unet-256x192': Candidate(Network('half_unet'), 256, 192),
    'half_unet-160x128': Candidate(Network('half_unet'), 160, 128),
    'quarter_fpn-0-3-3': Candidate(_fpn(0, 3, 3), 320, 240),
    'quarter_fpn-1-2-3': Candidate(_fpn(1, 2, 3), 320, 240),
    'quarter_fpn-0-2-4': Candidate(_fpn(0, 2, 4), 320, 240),
    # Its fourth level halves the rows five times.
    'quarter_fpn-1-2-2-1': Candidate(_fpn(1, 2, 2, 1, channels=[32, 64, 96, 128]), 320, 256),
    'efficientnet_lite0-160x128': Candidate(_LITE0, 160, 128),
    'efficientnet_lite0-256x192': Candidate(_LITE0, 256, 192),
    'deeplabv3plus_mobilenetv2-160x128': Candidate(Network('deeplabv3plus_mobilenetv2'), 160, 128),
}


def compare_candidates(common: Recipe, phantoms: Path, out: Path, only: Sequence[str] = (), threads: int = 2,
                       workers: int = 1) -> Iterator[Dict[str, Any]]:
    """Train and judge candidates one after another; what is finished is kept, what was interrupted resumes.

    Args:
        common: recipe of all of them but for the network and its input, whose own input is the frame's size.
        phantoms: folder of its phantom sets, which are made where they are missing. Candidates with a smaller input
            train on the same phantoms drawn at their size.
        out: a run folder for each candidate.
        only: names of `CANDIDATES`; empty for all.
        threads: CPU threads of the network, and processes that make phantoms.
        workers: processes that prepare samples.

    Yields:
        For each ``name``, ``input`` (text), ``start``, ``samples``; ``gmac``, ``weights``, ``nano`` (predicted
        milliseconds: ``p90``, its ``typical`` ends, and ``outside``, how it differs from networks of the fit, as
        sentences); ``miou``, ``near``, ``far`` (estimates).

    Raises:
        InputError: ``candidate-unknown``; ``run-other-recipe`` or ``run-other-data``: `out` holds candidates of another
            budget or of other phantoms; or as `fit`.
    """
    unknown = sorted(set(only) - set(CANDIDATES))
    if unknown:
        raise InputError('candidate-unknown', 'There is no candidate %s.' % unknown[0],
                         'Choose from %s.' % ', '.join(CANDIDATES))
    torch.set_num_threads(threads)
    sets = prepare_sets(common, phantoms, threads)
    split = {'collection': 'phantoms', 'simulator': simulator_hash(), **vars(common.phantoms)}
    for name in only or CANDIDATES:
        recipe = candidate_recipe(common, name)
        folder = RunFolder(Path(out) / name, recipe, split)
        if not (folder.path / _ROW).exists():
            if not folder.trained:
                log.info('%s: training on %d samples', name, recipe.training.samples)
                train = _drawn_for(recipe, common, phantoms, sets, threads)
                network = fit(fresh_network(recipe), recipe, train, out=folder.path, workers=workers)
                save_weights(network, recipe, folder.path / WEIGHTS)
            log.info('%s: judging', name)
            network = load_network(folder.path)
            atomic_write_json(folder.path / _ROW, dict(
                {'name': name, 'input': '%dx%d' % (recipe.input.width, recipe.input.height),
                 'start': recipe.network.weights or 'random', 'samples': recipe.training.samples},
                **predict_cost(network, recipe), **judge(network, recipe, sets['test'])))
        yield json.loads((folder.path / _ROW).read_text(encoding='utf-8'))


def candidate_recipe(common: Recipe, name: str) -> Recipe:
    """The common recipe with the network and the input of a candidate, for regions and views without a finding."""
    candidate = CANDIDATES[name]
    return dataclasses.replace(
        common, name=name, task='regions', network=candidate.network,
        input=dataclasses.replace(common.input, width=candidate.width, height=candidate.height),
        finding=dataclasses.replace(common.finding, steps=0))


def _drawn_for(recipe: Recipe, common: Recipe, folder: Path, sets: Mapping[str, PhantomSet],
               workers: int) -> PhantomSet:
    """The training phantoms at the size that a frame has inside an input."""
    frame = common.input.height, common.input.width
    height, width = Fit.of(frame, (recipe.input.height, recipe.input.width)).inner[2:]
    if (height, width) == frame:
        return sets['train']
    wanted = common.phantoms
    return prepare_set(Path(folder) / ('train-%dx%d' % (width, height)), wanted.first_seed, wanted.train, height, width,
                       workers, wanted.kinds or None)


def predict_cost(network: torch.nn.Module, recipe: Recipe) -> Dict[str, Any]:
    """``gmac``, ``weights`` and ``nano`` of the exported network, as `compare_candidates` yields them."""
    prediction = preflight(onnx_bytes(network, recipe), load_target(_TARGET), _PRECISION)
    if prediction.fused is None or prediction.latency is None:
        raise ValueError('nothing can be predicted: %s' % prediction.reason)
    latency, kernels = prediction.latency, prediction.fused.kernels
    return {'gmac': round(total_macs(kernels) / 1e9, 4), 'weights': total_weights(kernels),
            'nano': {'p90': round(latency.network_p90_ms, 2),
                     'typical': [round(SPREAD * end, 2) for end in latency.network_ms.typical],
                     'outside': [departure.sentence for departure in latency.outside]}}


def judge(network: torch.nn.Module, recipe: Recipe, phantoms: PhantomSet) -> Dict[str, Any]:
    """Accuracy on the frontal views of a phantom set, at the phantoms' own size and as the station shows it.

    Args:
        network: in evaluation mode.
        recipe: chain and input.
        phantoms: not trained on.

    Returns:
        Estimates: ``miou`` over the pixels of all frames together, background included; shares of the nipples whose
        centre is predicted ``near``, and ``far`` or not at all.
    """
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    frames = np.flatnonzero(np.isin(phantoms.views, FRONTAL_VIEWS))
    pairs, errors, owners = [], [], []
    for frame in map(int, frames):
        prepared = chain.apply(Thermogram(phantoms.celsius(frame), CELSIUS, Provenance(source='phantom')))
        with torch.no_grad():
            labels = network(torch.from_numpy(prepared.tensor)).regions.argmax(1)[0].numpy().astype(np.uint8)
        labels = prepared.fit.enlarge(tidy(prepared.fit.cut(labels))[0])
        truth = np.array(phantoms.labels[frame])
        pairs.append(pair_counts(labels, truth))
        for nipple in (RIGHT_NIPPLE, LEFT_NIPPLE):
            error = centre_error(labels == nipple, truth == nipple)
            if error is not None:
                errors.append(error)
                owners.append(frame)
    tables = np.array(pairs)
    everyone, nipples = PatientBootstrap(frames, seed=recipe.seed), nipple_figures(errors, owners, seed=recipe.seed)
    return {'miou': everyone.estimate(float(mean_over_regions(iou(tables.sum(0)))), len(frames),
                                      mean_over_regions(iou(everyone.sums(tables)))),
            'near': nipples['near'], 'far': nipples['far']}


# -- the report


def markdown(rows: Sequence[Mapping[str, Any]], where: str) -> str:
    """A Markdown table of candidates, the fastest first, and the conditions it was made under.

    Args:
        rows: as `compare_candidates` yields them.
        where: what trained them, in words.
    """
    lines = ['| network | input | start | GMAC | weights, M | Jetson Nano, predicted, ms (typical error) | mIoU '
             '(95 % interval) | nipples within 12 px | over 25 px |', '| --- ' * 9 + '|']
    for row in _fastest_first(rows):
        nano = row['nano']
        lines.append('| %s | %s | %s | %.2f | %.2f | %.1f (%.1f to %.1f)%s | %s | %s | %s |' % (
            row['name'], row['input'], row['start'], row['gmac'], row['weights'] / 1e6, nano['p90'], *nano['typical'],
            '*' * bool(nano['outside']), with_interval(row['miou']), with_interval(row['near'], 1, True),
            with_interval(row['far'], 1, True)))
    if any(row['nano']['outside'] for row in rows):
        lines += ['', '\\* It differs from the networks that the prediction was fitted to (rows.json says where), so '
                  'that its error may be larger.']
    return '\n'.join(lines + ['', _conditions(rows, where)])


def _conditions(rows: Sequence[Mapping[str, Any]], where: str) -> str:
    error = fit_document()['left_out']
    return ('All on %d samples of the same phantoms, with the loss, optimiser, schedule and augmentation of recipe %s; '
            'no finding head, neither trained nor counted; %s. Judged on %d frontal phantoms that none was trained on '
            '(%d nipples), at their own size; pixels of nipples are those of a picture of %d rows; 95 %% intervals '
            'over phantoms. Milliseconds: predicted 90th percentile of the network alone, %s, MAXN, batch 1; on %d '
            'figures left out of the fit the error was %.1f %% (median), %.1f %% (worst).'
            % (rows[0]['samples'], _COMMON, where, rows[0]['miou']['n'], rows[0]['near']['n'], ROWS,
               _PRECISION.upper(), error['n'], error['median_percent'], error['worst_percent']))


def draw_plot(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Accuracy against predicted milliseconds as PNG, with 95 % intervals.

    A line joins the candidates that no faster one beats.
    """
    families = list(dict.fromkeys(_family(row) for row in rows))
    with matplotlib.rc_context(STYLE):
        plot = Figure(figsize=(11, 3.9), layout='constrained')
        axes = plot.subplots(1, 3, sharex=True)
        for place, (key, title, scale, better) in enumerate((
                ('miou', 'mIoU', 1, 1), ('near', 'nipples within %d px, %%' % NEAR_PX, 100, 1),
                ('far', 'nipples over %d px off, %%' % FAR_PX, 100, -1))):
            _panel(axes[place], rows, families, key, scale, better)
            axes[place].set_title(title, fontsize=9)
        error = fit_document()['left_out']['median_percent']
        plot.supxlabel('network alone on a Jetson Nano, FP16, MAXN: predicted 90th percentile, ms (median error of '
                       'predictions %.0f %%); bars: 95 %% over phantoms' % error, fontsize=9)
        plot.legend(*axes[0].get_legend_handles_labels(), fontsize=8, frameon=False, loc='outside right upper')
        stream = io.BytesIO()
        plot.savefig(stream, format='png', dpi=160, metadata={'Software': None})
    return stream.getvalue()


#: A colour for each architecture, which differ in brightness too, and a shape for each of its candidates.
_COLOURS, _SHAPES = (INK, '#2f7fc1', '#c25a00', '#7b8791'), 'os^D'


def _panel(axes: Axes, rows: Sequence[Mapping[str, Any]], families: Sequence[str], key: str, scale: float,
           better: int) -> None:
    shown = [row for row in rows if row[key]['value'] is not None]
    best: List[Tuple[float, float]] = []
    for row in _fastest_first(shown):
        point = row['nano']['p90'], scale * row[key]['value']
        if not best or better * (point[1] - best[-1][1]) > 0:
            best.append(point)
    axes.plot(*zip(*best), color=FAINT, linewidth=1.2, zorder=0)
    for row in shown:
        family, x = _family(row), row['nano']['p90']
        colour = _COLOURS[families.index(family) % len(_COLOURS)]
        alike = [other['name'] for other in rows if _family(other) == family]
        axes.plot([x] * len(row[key]['ci95'] or ()), [scale * end for end in row[key]['ci95'] or ()], color=colour,
                  linewidth=1)
        axes.plot(x, scale * row[key]['value'], _SHAPES[alike.index(row['name']) % len(_SHAPES)], color=colour,
                  markersize=6, linestyle='none', label=row['name'])
    axes.set_xlim(left=0)


def _family(row: Mapping[str, Any]) -> str:
    """Architecture of a row."""
    return str(row['name']).partition('-')[0]


def _fastest_first(rows: Sequence[Mapping[str, Any]]) -> List[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (row['nano']['p90'], row['name']))


@click.command()
@click.option('--phantoms', required=True, type=FOLDER, metavar='DIR',
              help='Phantom sets of recipe %s, as thermoscreen train makes them; missing ones are made.' % _COMMON)
@click.option('--out', required=True, type=FOLDER, metavar='DIR',
              help='Receives table.md, rows.json, pareto.png and the runs.')
@click.option('--samples', default=4000, show_default=True, type=click.IntRange(min=1),
              help='Training samples of each candidate.')
@click.option('--only', multiple=True, metavar='NAME', help='These candidates only; repeatable.')
@click.option('--set', 'changes', multiple=True, metavar='KEY=VALUE',
              help='Change a key of the recipe %s for all of them.' % _COMMON)
@click.option('--threads', default=os.cpu_count(), show_default='all', type=click.IntRange(min=1), metavar='N',
              help='CPU threads.')
@click.option('--workers', default=1, show_default=True, type=click.IntRange(min=0), metavar='N',
              help='Processes that prepare samples.')
def main(phantoms: Path, out: Path, samples: int, only: Tuple[str, ...], changes: Tuple[str, ...], threads: int,
         workers: int) -> None:
    """Train candidates under one budget on phantoms, and plot accuracy against predicted time on a Jetson Nano.

    Table, figures and plot are written after every candidate. Finished ones in --out are kept, so an interrupted run
    goes on when the same command is given again.

    \b
    Example:
      python -m models.compare.candidates --phantoms build/phantom-fpn/phantoms --out build/candidates
    """
    log_progress()
    common = load_recipe(_COMMON, changes + ('training.epochs=0', 'training.samples=%d' % samples))
    rows: List[Dict[str, Any]] = []
    for row in compare_candidates(common, phantoms, out, only, threads, workers):
        rows.append(row)
        atomic_write_json(out / 'rows.json', rows)
        atomic_write(out / 'table.md', (markdown(rows, conditions(threads)) + '\n').encode('utf-8'))
        atomic_write(out / 'pareto.png', draw_plot(rows))
    click.echo(markdown(rows, conditions(threads)))


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.compare.candidates: %s' % error)
