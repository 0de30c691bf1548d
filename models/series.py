"""Dynamic series as one picture: frames tiled to a square, and what a 2-D network sees in it that the curves do not.

``python -m models.series --out build/series`` plants a patch that warms again slowly into simulated coolings, and
compares who finds it: the time constants that the exam shows, time constants of smaller places, and 2-D networks over
the tiled series and over time as channels. Nothing is known in print of how large or how slow such a patch is in a
breast; its figures are our own, and so is what follows from them.
"""
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import click
import cv2
import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from calibration.thresholds import wilson
from service.body import find_body
from service.messages import InputError, ThermoscreenError
from service.reading import SLOW, Timed, fit_series, map_rewarming, scale_of
from service.reading.grid import make_grid
from service.regions import PAIRS, REGIONS
from service.simulator import make_phantom
from service.simulator.noise import smooth_noise, stream
from service.thermogram import Thermogram

from .conditions import library_versions
from .evaluation.formatting import region_name
from .evaluation.plots import INK, STYLE
from .reports import to_json, whole_folder
from .statistics import FoldwiseAuc, PatientBootstrap, estimate, percentile_interval, roc

#: The protocol of the exam (docs/exams.md): a picture from before the cooling, then these, 15 s apart.
FRAMES, STEP_S = 20, 15.0
#: Rows and columns of a picture: a Lepton 2 module's.
HEIGHT, WIDTH = 60, 80
#: A grid of more than so many columns a row, or rows a column, loses accuracy in [Sobirov2023], 0.78 to 0.76 of Dice.
_ELONGATED = 2.0

#: First seeds of the phantoms; no recipe trains or judges on these.
_TRAIN_SEED, _TEST_SEED = 9_100_000, 9_500_000


def grid_of(count: int, rows: Optional[int] = None) -> Tuple[int, int]:
    """Rows and columns for so many frames: as square as can be, or with so many rows.

    Raises:
        InputError: ``series-frames``: fewer than one frame or row.
    """
    if count < 1 or (rows is not None and rows < 1):
        raise InputError('series-frames', 'A series has one frame or more, and a grid one row or more.', '')
    columns = math.ceil(count / rows) if rows else math.ceil(math.sqrt(count))
    found = rows or math.ceil(count / columns), columns
    if max(found) > _ELONGATED * min(found) and count > 2:
        warnings.warn('A grid of %d by %d is elongated: a network sees less in it than in a square one.' % found,
                      stacklevel=2)
    return found


def super_image(frames: np.ndarray, rows: Optional[int] = None) -> np.ndarray:
    """Frames side by side, row by row: one picture of rows*H by columns*W from DxHxW; cells without a frame are 0."""
    count, height, width = frames.shape
    grid = grid_of(count, rows)
    cells = np.zeros((grid[0] * grid[1], height, width), frames.dtype)
    cells[:count] = frames
    return cells.reshape(*grid, height, width).swapaxes(1, 2).reshape(grid[0] * height, grid[1] * width)


def frames_of(picture: np.ndarray, count: int, rows: Optional[int] = None) -> np.ndarray:
    """The frames of a super image, DxHxW: what `super_image` was given.

    Raises:
        InputError: ``series-picture``: its size is not that of a grid of so many frames.
    """
    grid = grid_of(count, rows)
    if picture.shape[0] % grid[0] or picture.shape[1] % grid[1]:
        raise InputError('series-picture', 'A picture of %d x %d pixels is no grid of %d by %d frames.'
                         % (picture.shape[1], picture.shape[0], grid[1], grid[0]), '')
    cells = picture.reshape(grid[0], picture.shape[0] // grid[0], grid[1], picture.shape[1] // grid[1])
    return cells.swapaxes(1, 2).reshape(-1, cells.shape[1], cells.shape[3])[:count]


class Series(NamedTuple):
    """A simulated cooling.

    Attributes:
        before_c: float32 HxW, before the cooling.
        frames_c: float32 DxHxW, after it.
        labels: uint8 HxW, ids as in `service.regions`.
        patch: what was planted: ``slower`` (time constant in multiples of its surroundings), ``radius`` (in the
            breast's own), ``region``; empty in half of them.
    """

    before_c: np.ndarray
    frames_c: np.ndarray
    labels: np.ndarray
    patch: Dict[str, Any]


def make_series(seed: int, slow: bool, moved_px: float = 0.3) -> Series:
    """One patient's cooling and recovery, ``T - cooling exp(-t / tau)`` in every pixel; `slow` plants a patch.

    With a patch or without, everything else is the same; every picture moves by `moved_px` (standard deviation). That
    sides differ in cooling and in time constant is ordinary: a fan is never quite in the middle. The steady state does
    not show the patch.
    """
    phantom = make_phantom(seed, HEIGHT, WIDTH, abnormal=False)
    rng = stream(seed, 'recovery')
    right = np.clip((WIDTH / 2 - np.arange(WIDTH)) / (WIDTH / 4), -1, 1)
    tau_s = (rng.lognormal(math.log(150), 0.25) * np.exp(rng.normal(0, 0.04) * right)
             * np.exp(0.08 * smooth_noise(rng, HEIGHT, WIDTH, 0.25)))
    cooling_c = (rng.uniform(2, 4) * np.exp(rng.normal(0, 0.08) * right)
                 * np.exp(0.15 * smooth_noise(rng, HEIGHT, WIDTH, 0.4)))
    patch: Dict[str, Any] = {}
    place, slower, radius = rng.uniform(size=3), rng.uniform(1.4, 2.2), rng.uniform(0.15, 0.4)
    if slow:
        region = ('right_breast', 'left_breast')[int(place[0] * 2)]
        inside = phantom.labels == REGIONS.index(region)
        rows, columns = np.nonzero(inside)
        which = int(place[1] * len(rows))
        distance = np.hypot(*(np.indices(inside.shape) - np.array([rows[which], columns[which]])[:, None, None]))
        tau_s = tau_s * slower ** np.exp(-0.5 * (distance / (radius * math.sqrt(inside.sum() / math.pi))) ** 2)
        patch = {'region': region, 'slower': float(slower), 'radius': float(radius)}
    times_s = STEP_S * np.arange(FRAMES)
    body = phantom.labels > 0
    clean = phantom.celsius - np.where(body, cooling_c * np.exp(-times_s[:, None, None] / tau_s), 0)
    frames = [_moved(frame, rng.normal(0, moved_px, 2)) for frame in clean]
    noise = rng.normal(0, 0.05, (FRAMES, HEIGHT, WIDTH)) + rng.normal(0, 0.03, (FRAMES, 1, 1))
    return Series(phantom.celsius, (np.stack(frames) + noise).astype(np.float32), phantom.labels, patch)


def _moved(frame: np.ndarray, shift: np.ndarray) -> np.ndarray:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    return cv2.warpAffine(frame.astype(np.float32), matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)


def _breasts(labels: np.ndarray) -> Dict[int, np.ndarray]:
    """The masks of right and left breast, nipples included."""
    return {side: (labels == breast) | (labels == nipple) for side, (breast, nipple) in enumerate(zip(*PAIRS[:2]))}


def left_to_recover(series: Series) -> np.ndarray:
    """What is left of the cooling, 1 at first and 0 in the end: float32 DxHxW, 0 outside the breasts."""
    inside = np.isin(series.labels, [label for pair in PAIRS[:2] for label in pair])
    missing = series.before_c - series.frames_c
    return np.where(inside, missing / missing[0][inside].mean(), 0).astype(np.float32)


# Who looks for the patch, each with one number a series: more means rather there.

def by_regions(series: Series) -> float:
    """The exam's own table: difference of the breasts' time constants in multiples of its interval; 0 where refused."""
    masks = {REGIONS[label]: series.labels == label for label in PAIRS[0]}
    _, (pair,) = fit_series((STEP_S * np.arange(FRAMES)).tolist(),
                            {name: series.frames_c[:, mask].mean(axis=1).tolist() for name, mask in masks.items()},
                            {name: float(series.before_c[mask].mean()) for name, mask in masks.items()})
    return abs(pair.tau_s) / pair.within_s if pair.tau_s is not None and pair.within_s else 0.0


def by_map(series: Series) -> float:
    """The slowest place of either breast against the rest of it, as the exam tells it; 0 where it tells nothing."""
    threshold = find_body(Thermogram.from_celsius(series.before_c, 'simulated')).threshold
    scale = scale_of(series.labels)
    found = map_rewarming(make_grid(series.before_c, series.labels, threshold, scale.mm_per_px if scale else math.nan),
                      [Timed(STEP_S * number, frame) for number, frame in enumerate(series.frames_c)])
    return found.spots[0].value if found.spots else 0.0


def _head(channels: int) -> List[nn.Module]:
    return [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(channels, 1), nn.Flatten(0)]


def _block(before: int, after: int, stride: int) -> List[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def tiled_network(rows: int, columns: int) -> nn.Sequential:
    """Over the super image, 1 x 240 x 400 for 4 x 5 frames of 60 x 80.

    After two strides a tile is a quarter as high and wide. The third convolution is dilated by that, so that it sees
    the same place of every tile and nothing else: over time as channels it would be one of 1 x 1.
    """
    return nn.Sequential(*_block(1, 8, 2), *_block(8, 16, 2),
                         nn.Conv2d(16, 32, (rows, columns), dilation=(HEIGHT // 4, WIDTH // 4), bias=False),
                         nn.BatchNorm2d(32), nn.ReLU(), *_block(32, 32, 1), *_head(32))


def channel_network(frames: int) -> nn.Sequential:
    """Over time as channels, D x 60 x 80."""
    return nn.Sequential(*_block(frames, 32, 1), *_block(32, 32, 2), *_block(32, 32, 2), *_head(32))


#: Network, and what it is given of `left_to_recover`.
NETWORKS: Dict[str, Tuple[Callable[[], nn.Module], Callable[[np.ndarray], np.ndarray]]] = {
    'super image': (lambda: tiled_network(*grid_of(FRAMES)), lambda left: super_image(left)[None]),
    'time as channels': (lambda: channel_network(FRAMES), lambda left: left),
    'first and last picture': (lambda: channel_network(2), lambda left: left[[0, -1]]),
}
_MAP = 'map of time constants'
CURVES: Dict[str, Callable[[Series], float]] = {
    'time constants of the breasts': by_regions,
    _MAP: by_map,
}


def train(network: nn.Module, inputs: torch.Tensor, slow: torch.Tensor, epochs: int, seed: int) -> None:
    """Adam, one cycle to 3e-3, mirrored at chance; batches of 32."""
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    steps = epochs * math.ceil(len(inputs) / 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs), generator=order).split(32):
            loss = nn.functional.binary_cross_entropy_with_logits(network(inputs[batch]), slow[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def scores(network: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """Logits, float64 N."""
    network.eval()
    with torch.no_grad():
        return np.concatenate([network(part).numpy() for part in inputs.split(64)]).astype(np.float64)


def _many(first: int, count: int, moved_px: float = 0.3) -> Iterator[Series]:
    """Half of them with a patch, each a patient of its own."""
    return (make_series(first + number, number % 2 == 1, moved_px) for number in range(count))


def compare(count: int, epochs: int, seed: int, moved_px: float, say: Callable[[str], None] = print
            ) -> Dict[str, Any]:
    """Train every network, let everyone judge the same new patients, and compare.

    Args:
        count: series to train on; a third as many new ones are judged.
        epochs: of training; 0 leaves the networks out.
        seed: of weights and order.
        moved_px: as of `make_series`, of those that are judged; the networks learn from 0.3.
    Returns:
        As JSON: ``judges``, one with ``auc`` (an estimate), ``better`` (its AUC less the breasts' time constants', with
        the interval of the paired bootstrap) and, for a network, ``weights`` and ``seconds`` of training;
        ``above_limit``, the share of patients ``with`` and ``without`` a patch whose slowest place is above `SLOW`.
    """
    test = list(_many(_TEST_SEED, max(count // 3, 20), moved_px))
    truth = np.array([bool(series.patch) for series in test])
    judged: Dict[str, Tuple[np.ndarray, Dict[str, int]]] = {
        name: (np.array([judge(series) for series in test]), {}) for name, judge in CURVES.items()}
    left = [left_to_recover(series) for series in _many(_TRAIN_SEED, count if epochs else 0)]
    slow = torch.arange(count).remainder(2).float()
    for name, (build, give) in NETWORKS.items() if epochs else ():
        began_s = time.monotonic()
        torch.manual_seed(seed)
        network = build()
        given = torch.from_numpy(np.stack([give(one) for one in left]))
        train(network, given, slow, epochs, seed)
        found = scores(network, torch.from_numpy(np.stack([give(left_to_recover(series)) for series in test])))
        judged[name] = found, {'weights': sum(part.numel() for part in network.parameters()),
                               'seconds': round(time.monotonic() - began_s)}
        say('%s: trained' % name)
    bootstrap = PatientBootstrap(list(map(str, range(len(test)))))
    drawn = {name: FoldwiseAuc(found[None], truth, np.zeros((1, len(test)), int)).drawn(2000, 0)
             for name, (found, _) in judged.items()}
    first = next(iter(CURVES))
    judges = {name: dict(more, auc=roc(truth, found, bootstrap)['auc'],
                         better=percentile_interval(drawn[name] - drawn[first]) if name != first else None)
              for name, (found, more) in judged.items()}
    slowest = judged[_MAP][0]
    above = {'with': (slowest[truth] > SLOW).tolist(), 'without': (slowest[~truth] > SLOW).tolist()}
    limit = {name: estimate(sum(found) / len(found), len(found), wilson(sum(found), len(found)), 'Wilson')
             for name, found in above.items()}
    return {'judges': judges, 'above_limit': limit, 'trained_on': count, 'judged': len(test), 'epochs': epochs,
            'seed': seed, 'moved_px': moved_px, 'first_seeds': [_TRAIN_SEED, _TEST_SEED],
            'versions': library_versions(torch)}


def table(report: Dict[str, Any]) -> str:
    """The comparison as a Markdown table."""
    lines = ['| who looks | AUC (95 %) | more than the first (95 %) | weights |', '| --- | --- | --- | --- |']
    for name, judge in report['judges'].items():
        better = judge['better'] and '%+.3f to %+.3f' % tuple(judge['better'])
        lines.append('| %s | %.3f (%.3f to %.3f) | %s | %s |'
                     % (name, judge['auc']['value'], *judge['auc']['ci95'], better or '', judge.get('weights', '')))
    for name, share in report['above_limit'].items():
        lines.append('Above %.2f, %s a patch: %.3f (%.3f to %.3f) of %d.'
                     % (SLOW, name, share['value'], *share['ci95'], share['n']))
    return '\n'.join(lines)


def draw(report: Dict[str, Any], path: Path) -> None:
    """One tiled series with a patch, and everyone's AUC, as PNG."""
    series = make_series(_TEST_SEED + 1, slow=True)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 5.6), layout='constrained')
        tiled, areas = figure.subplots(2, 1, height_ratios=[2.4, 1])
        shown = tiled.imshow(super_image(left_to_recover(series)), cmap='cividis', vmin=0, vmax=1.3)
        tiled.set_axis_off()
        tiled.set_title('Share of the cooling that is left, every 15 s; the %s has a patch %.1f times as slow'
                        % (region_name(series.patch['region']).lower(), series.patch['slower']), fontsize=9)
        figure.colorbar(shown, ax=tiled, shrink=0.8)
        for place, judge in enumerate(report['judges'].values()):
            areas.plot(judge['auc']['ci95'], [place, place], color=INK, linewidth=2)
            areas.plot(judge['auc']['value'], place, 'o', color=INK)
        areas.set_yticks(range(len(report['judges'])), list(report['judges']))
        areas.set_xlim(0.5, 1)
        areas.invert_yaxis()
        areas.set_xlabel('AUC of %d simulated patients, half of them with a patch; bar: 95 %%' % report['judged'])
        figure.savefig(str(path), dpi=150)


@click.command()
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), metavar='DIR',
              help='Receives series.json and series.png.')
@click.option('--count', default=2400, show_default=True, type=click.IntRange(min=20), help='Series to train on.')
@click.option('--epochs', default=8, show_default=True, type=click.IntRange(min=0),
              help='Epochs of training; 0 leaves the networks out.')
@click.option('--seed', default=0, show_default=True, help='Of weights and order.')
@click.option('--moved-px', default=0.3, show_default=True, type=click.FloatRange(0, 5),
              help='Movement of the pictures that are judged, standard deviation.')
@click.option('--force', is_flag=True, help='Replace --out whatever it holds.')
def main(out: Path, count: int, epochs: int, seed: int, moved_px: float, force: bool) -> None:
    """Who sees a slowly warming patch in a simulated cooling: time constants, or a network over the tiled series."""
    torch.set_num_threads(1)
    with whole_folder(out, 'series.json', force) as folder:
        report = compare(count, epochs, seed, moved_px, click.echo)
        (folder / 'series.json').write_text(to_json(report))
        draw(report, folder / 'series.png')
    click.echo(table(report))


if __name__ == '__main__':
    try:
        main()
    except ThermoscreenError as error:
        sys.exit('models.series: %s' % error)
