"""How often the explanation map points at a pattern that was planted, with whole inferences of the shipped network.

Every body is a frontal phantom that nothing was trained on, with a pattern of one place (a tumour's heat, a focal
spot, veins) and, for some, again without it. "In the pattern" is planted heat of half its peak or more. The control has
the same falls at other places of the breasts, drawn at random: the map of a network that relied on no place.

    python -m benchmarks.explanation [--n 100] [--without 50] [--seed 5000200] [--threads 1]
"""
from typing import List, NamedTuple

import click
import cv2
import numpy as np

from calibration.thresholds import wilson
from service.explanation import explanation_map, strongest
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.simulator.anatomy import Canvas, Posture, Silhouette
from service.simulator.lesions import planted_heat
from service.thermogram import Thermogram

from .conditions import conditions

#: Of the network's input, so that a pixel of the frame is one of it.
HEIGHT, WIDTH = 240, 320
#: One standard deviation of the disc that hides a place.
NEAR_PX = 8


class Pointed(NamedTuple):
    """Where one map points: pixels from its strongest place to the pattern, and whether that is in the right breast."""

    distance_px: float
    is_side: bool


class Body(NamedTuple):
    """What one body gave; `shuffled` is the control."""

    planted: Pointed
    shuffled: Pointed
    above: bool
    in_pattern: float
    near_pattern: float
    inferences: int


def pointed(explained: np.ndarray, labels: np.ndarray, distance: np.ndarray, side: str) -> Pointed:
    """Where a map points.

    Args:
        explained: as of `explanation_map`.
        labels: region ids.
        distance: of each pixel to the pattern, in pixels.
        side: of the pattern, ``'right'`` or ``'left'``.
    """
    column, row, _ = strongest(explained)
    return Pointed(float(distance[row, column]), ('right' if labels[row, column] in (1, 3) else 'left') == side)


def shares(title: str, found: List[Pointed]) -> None:
    """Print one row: in the pattern, near it, in its breast, each with its 95 % interval (Wilson)."""
    cells = []
    for hits in (sum(one.distance_px == 0 for one in found), sum(one.distance_px <= NEAR_PX for one in found),
                 sum(one.is_side for one in found)):
        low, high = wilson(hits, len(found))
        cells.append('%d = %.0f %% (%.0f to %.0f)' % (hits, 100 * hits / len(found), 100 * low, 100 * high))
    click.echo('| %s | %d | %s |' % (title, len(found), ' | '.join(cells)))


@click.command()
@click.option('--n', default=100, help='Bodies with a pattern.')
@click.option('--without', default=50, help='How many of them again without it.')
@click.option('--seed', default=5000200, help='Of the first body.')
@click.option('--threads', default=1, help='Of one inference.')
def main(n: int, without: int, seed: int, threads: int) -> None:
    """Print how often the explanation map points at a planted pattern."""
    bodies, bare, left_out = [], [], 0  # type: List[Body], List[Pointed], int
    generator = np.random.RandomState(7)
    with Pipeline.from_folder(SHIPPED_BUNDLE, threads=threads) as pipeline:
        click.echo(conditions(threads))
        while len(bodies) < n:
            posture = Posture(seed)
            canvas = Canvas(posture, HEIGHT, WIDTH)
            heat, items = planted_heat(posture, canvas, Silhouette(posture, canvas, seed), seed)
            if any(item['kind'] == 'diffuse' for item in items):
                seed += 1
                continue
            away = cv2.distanceTransform((heat < 0.5 * heat.max()).astype(np.uint8), cv2.DIST_L2, 5)
            for abnormal in (True, False) if len(bare) < without else (True,):
                thermogram = Thermogram.from_celsius(make_phantom(seed, HEIGHT, WIDTH, abnormal).celsius, 'made')
                result = pipeline.analyse(thermogram)
                if result.finding is None or result.labels is None:
                    left_out += 1
                    break
                hidden, prepared = pipeline.hide(thermogram, result.labels, lambda done, total: None)
                told = pointed(explanation_map(hidden, prepared, result.labels), result.labels, away, items[0]['side'])
                if not abnormal:
                    bare.append(told)
                    continue
                falls = generator.permutation([place.fall for place in hidden])
                elsewhere = [place._replace(fall=fall) for place, fall in zip(hidden, falls)]
                breasts = np.isin(result.labels, (1, 2, 3, 4))
                bodies.append(Body(
                    told, pointed(explanation_map(elsewhere, prepared, result.labels), result.labels, away,
                                  items[0]['side']),
                    result.finding.above, float((away[breasts] == 0).mean()),
                    float((away[breasts] <= NEAR_PX).mean()), len(hidden) + 1))
            click.echo('%d of %d, seed %d' % (len(bodies), n, seed), err=True)
            seed += 1
    click.echo('\n| strongest place of the map | n | in the pattern | within %d px | in its breast |\n'
               '| --- | --- | --- | --- | --- |' % NEAR_PX)
    shares('pattern planted', [body.planted for body in bodies])
    for title, above in (('of these, finding reaches its threshold', True), ('of these, it does not', False)):
        chosen = [body.planted for body in bodies if body.above == above]
        if chosen:
            shares(title, chosen)
    shares('the same bodies without the pattern', bare)
    shares('falls at other places', [body.shuffled for body in bodies])
    click.echo('\nShare of the breasts in the pattern %.0f %%, within %d px %.0f %% (medians). Inferences a map: %d '
               '(%d to %d). Left out without a result: %d. Last seed: %d.' % (
                   100 * np.median([body.in_pattern for body in bodies]), NEAR_PX,
                   100 * np.median([body.near_pattern for body in bodies]),
                   np.median([body.inferences for body in bodies]), min(body.inferences for body in bodies),
                   max(body.inferences for body in bodies), left_out, seed - 1))


if __name__ == '__main__':
    main()
