"""``python -m models.evaluation.postprocessing``: what further steps would gain on the labels that the station shows.

The station keeps the largest piece of a region (`service.decode`). The other steps are here to be measured with every
new network, each by itself on top of that; one that gains belongs there. All work on the network's grid, and their
sizes are parts of it.
"""
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import click
import cv2
import numpy as np

from models.conditions import processor
from models.data import open_data
from models.progress import bar
from models.statistics import ROUNDS, PatientBootstrap
from service.backends import Worker
from service.bundle import Bundle, open_bundle
from service.decode import tidy
from service.regions import (
    BACKGROUND,
    FLIPPED,
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    REGIONS,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    region_masks,
)
from service.selection import baseline

from .formatting import figure
from .overlap import iou, mean_over_regions, pair_counts

#: Radius of the closing in picture heights: 3 pixels of 240, the width of a breast's fold.
_CLOSING = 1 / 80.0

#: (breast, nipple, armpit, column direction that leads outwards) of the patient's right and left.
_SIDES = ((RIGHT_BREAST, RIGHT_NIPPLE, RIGHT_ARMPIT, -1), (LEFT_BREAST, LEFT_NIPPLE, LEFT_ARMPIT, 1))

Step = Callable[[np.ndarray], np.ndarray]


def to_surroundings(labels: np.ndarray) -> np.ndarray:
    """All but the largest piece of a region go to what surrounds them most."""
    tidied = labels.copy()
    for (rows, columns), mask in region_masks(labels).values():
        count, pieces = cv2.connectedComponents(mask, connectivity=8)
        largest = np.bincount(pieces[mask > 0]).argmax()
        for piece in set(range(1, count)) - {int(largest)}:
            inside = np.zeros(labels.shape, np.uint8)
            inside[rows, columns] = pieces == piece
            tidied[inside > 0] = _around(labels, inside)
    return tidied


def closing(labels: np.ndarray) -> np.ndarray:
    """Narrow gaps in a region and notches in its outline close where they are background."""
    radius = max(1, round(_CLOSING * labels.shape[0]))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    tidied = labels.copy()
    for region in range(1, len(REGIONS)):
        mask = (labels == region).view(np.uint8)
        mask = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_CONSTANT)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)[radius:-radius, radius:-radius]
        tidied[(mask > 0) & (tidied == BACKGROUND)] = region
    return tidied


def filled_holes(labels: np.ndarray) -> np.ndarray:
    """Background that a region encloses becomes that region; a breast encloses with its nipple."""
    tidied = labels.copy()
    nipples = {breast: nipple for breast, nipple, _, _ in _SIDES}
    for region in range(1, len(REGIONS)):
        mask = (labels == region) | (labels == nipples.get(region, region))
        outlines = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[-2]
        inside = cv2.drawContours(np.zeros_like(labels), outlines, -1, 1, cv2.FILLED)
        tidied[(inside > 0) & (labels == BACKGROUND)] = region
    return tidied


def nipples_in_breasts(labels: np.ndarray) -> np.ndarray:
    """A nipple that lies mostly in anything but its own breast becomes that."""
    tidied = labels.copy()
    for breast, nipple, _, _ in _SIDES:
        inside = (labels == nipple).view(np.uint8)
        around = _around(labels, inside)
        if around != breast:
            tidied[inside > 0] = around
    return tidied


def places(labels: np.ndarray) -> np.ndarray:
    """Regions go to the background that a frontal view cannot have where they are.

    The centre of an armpit lies outwards of its breast's and the armpit begins above the breast's lower end; the neck's
    centre lies above the breasts'; of two nipples or armpits the right one is on the left.
    """
    boxes = {region: box for region, (box, _) in region_masks(labels).items()}
    centres = {region: [(side.start + side.stop) / 2.0 for side in box] for region, box in boxes.items()}
    wrong = set()
    for breast, _, armpit, outwards in _SIDES:
        if breast in centres and armpit in centres and (
                outwards * (centres[armpit][1] - centres[breast][1]) < 0
                or boxes[armpit][0].start > boxes[breast][0].stop):
            wrong.add(armpit)
        if breast in centres and NECK in centres and centres[NECK][0] > centres[breast][0]:
            wrong.add(NECK)
    for right in (RIGHT_NIPPLE, RIGHT_ARMPIT):
        left = int(FLIPPED[right])
        if right in centres and left in centres and centres[right][1] > centres[left][1]:
            wrong |= {right, left}
    return np.where(np.isin(labels, list(wrong)), np.uint8(BACKGROUND), labels)


#: Each with what it does to the labels of a network.
STEPS: Dict[str, Step] = {
    'largest piece (the station)': lambda labels: tidy(labels)[0],
    'none: labels as the network gives them': lambda labels: labels,
    'other pieces to their surroundings': to_surroundings,
    'closing': lambda labels: closing(tidy(labels)[0]),
    'filled holes': lambda labels: filled_holes(tidy(labels)[0]),
    'nipples in their breasts': lambda labels: nipples_in_breasts(tidy(labels)[0]),
    'armpits, neck and sides in their places': lambda labels: places(tidy(labels)[0]),
    'all of them': lambda labels: tidy(places(nipples_in_breasts(filled_holes(closing(to_surroundings(labels))))))[0],
}


def measure(frames: Iterable[Tuple[str, np.ndarray, np.ndarray]], rounds: int = ROUNDS,
            seed: int = 0) -> List[Dict[str, Any]]:
    """What each of `STEPS` changes.

    Args:
        frames: patient, a network's labels and the true ones, both uint8 hxw on the network's grid.
        rounds, seed: of the bootstrap over patients, in pairs.
    Returns:
        For each step ``name``, ``miou``, ``gain`` over the first, ``nipple_gain`` (of the mean IoU of both nipples;
        estimates), ``frames`` and ``pixels`` that differ from the first, ``ms`` (median of a frame).
    """
    patients: List[str] = []
    pairs: Dict[str, List[np.ndarray]] = {name: [] for name in STEPS}
    changes: Dict[str, List[int]] = {name: [] for name in STEPS}
    times: Dict[str, List[float]] = {name: [] for name in STEPS}
    for patient, labels, truth in frames:
        patients.append(patient)
        shown = tidy(labels)[0]
        for name, step in STEPS.items():
            started = time.process_time()
            stepped = step(labels)
            times[name].append(1e3 * (time.process_time() - started))
            pairs[name].append(pair_counts(stepped, truth))
            changes[name].append(int(np.count_nonzero(stepped != shown)))
    bootstrap = PatientBootstrap(patients, rounds, seed)
    rows: List[Dict[str, Any]] = []
    first: List[Any] = []
    for name in STEPS:
        tables = np.array(pairs[name])
        values, drawn = iou(tables.sum(0)), iou(bootstrap.sums(tables))
        means = [(mean_over_regions(values[chosen]), mean_over_regions(drawn[:, chosen]))
                 for chosen in (slice(None), [RIGHT_NIPPLE, LEFT_NIPPLE])]
        first = first or means
        gains = [bootstrap.estimate(float(mean - old), len(patients), draws - old_draws)
                 for (mean, draws), (old, old_draws) in zip(means, first)]
        rows.append({'name': name, 'miou': bootstrap.estimate(float(means[0][0]), len(patients), means[0][1]),
                     'gain': gains[0], 'nipple_gain': gains[1], 'frames': int(np.count_nonzero(changes[name])),
                     'pixels': sum(changes[name]), 'ms': float(np.median(times[name]))})
    return rows


def predicted(bundle: Bundle, collection: Iterable[Any],
              threads: int = 0) -> Iterator[Tuple[str, np.ndarray, np.ndarray]]:
    """Patient, labels of the network and true labels of every labelled sample, on the network's grid."""
    with Worker(baseline(bundle, threads).make) as worker:
        for sample in collection:
            thermogram = sample.thermogram()
            truth = sample.labels(thermogram.pixels.shape)
            prepared = bundle.chain.apply(thermogram)
            answer = worker.infer({bundle.inputs[0].name: prepared.tensor})[bundle.output_name('labels')]
            labels = prepared.fit.cut(answer.reshape(prepared.fit.target)).astype(np.uint8)
            yield sample.patient, labels, cv2.resize(truth, labels.shape[::-1], interpolation=cv2.INTER_NEAREST)


def markdown(rows: List[Dict[str, Any]]) -> str:
    """The rows of `measure` as a Markdown table."""
    lines = ['| step | mIoU | gain | gain of the nipples | frames changed | pixels changed | ms |',
             '| --- | --- | --- | --- | --- | --- | --- |']
    lines += ['| %s | %s | %s | %s | %d | %d | %.2f |' % (
        row['name'], '%.4f' % row['miou']['value'], figure(row['gain'], 4), figure(row['nipple_gain'], 4),
        row['frames'], row['pixels'], row['ms']) for row in rows]
    return '\n'.join(lines)


@click.command()
@click.argument('bundle', type=click.Path(file_okay=False, path_type=Path))
@click.option('--data', required=True, metavar='DIR', help='Labelled thermograms, or phantoms:SEED:COUNT.')
@click.option('--where', metavar='VIEW', help='Phantom sets only: of this view.')
@click.option('--limit', type=click.IntRange(min=1), metavar='N', help='At most N frames.')
@click.option('--threads', default=0, metavar='N', help='Threads of one inference; 0 for every core.')
def main(bundle: Path, data: str, where: Optional[str], limit: Optional[int], threads: int) -> None:
    """Measure steps after a network on the labels that it gives.

    \b
    Example:
      python -m models.evaluation.postprocessing service/bundles/phantom-fpn --data phantoms:9000:200
    """
    opened, collection = open_bundle(str(bundle)), open_data(data).labelled()
    collection = collection.where(view=where) if where else collection
    collection = collection[:limit]
    with bar('Measuring')(collection) as samples:
        rows = measure(predicted(opened, samples, threads))
    identity = opened.manifest.identity
    click.echo('%s %s on %d frames of %s%s; %s; gains over the station, with 95 %% intervals over '
               'patients; ms of processor time, the first step included.'
               % (identity['id'], identity['version'], len(collection), collection.name,
                  ', ' + where if where else '', processor()))
    click.echo()
    click.echo(markdown(rows))


def _around(labels: np.ndarray, inside: np.ndarray) -> int:
    """The region id that borders most on an area, uint8 hxw of 0 and 1."""
    ring = cv2.dilate(inside, np.ones((3, 3), np.uint8)) - inside
    return int(np.bincount(labels[ring > 0], minlength=len(REGIONS)).argmax())


if __name__ == '__main__':
    main()
