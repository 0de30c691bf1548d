"""A simulated site: signed exams of patients who came twice, with a known change of their left breasts in between.

What `thermoscreen validate` finds between visits can be held against what was planted.

    python -m benchmarks.site --out SITE [--patients 12] [--seed 8800000] [--change-c 0.15]
    thermoscreen validate --data SITE --out REPORT
"""
import datetime
from typing import List

import click
import numpy as np

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams import Exams, Patient, Picture
from service.overlay import draw_overlay
from service.pipeline import Pipeline
from service.radiometry import Raw
from service.reading import read_signs
from service.record import encode_png
from service.regions import LEFT_BREAST, LEFT_NIPPLE
from service.sealing import PlainSealer
from service.settings import SHIPPED_BUNDLE
from service.simulator import Description, make_phantom
from service.simulator.anatomy import ARMS_DOWN
from service.thermogram import Thermogram
from service.views import FRONTAL

#: Of the camera, and of how far patients turn and lean otherwise than the first time: standard deviations.
_HEIGHT, _WIDTH, _NOISE_C = 240, 320, 0.05
_TURN_DEG, _LEAN_DEG = 2.0, 1.0

_FIRST_DAY, _DISTANCE_M = datetime.datetime(2026, 11, 2, 9, tzinfo=datetime.timezone.utc), 1.0
_CAMERA = {'kind': 'sim', 'name': 'simulated camera'}


def make_site(folder: str, pipeline: Pipeline, patients: int, seed: int, change_c: float, visits: int = 2
              ) -> List[float]:
    """Fill the folder of a store with signed exams.

    Args:
        folder: new.
        pipeline: started; it judges the pictures as the station would.
        patients: each the phantom of one seed from `seed` on, in two visits a week apart.
        seed: also of everything that differs between visits.
        change_c: standard deviation of what is added to the left breast in each visit, °C: the within-subject standard
            deviation of the difference that was planted.
        visits: of each patient.

    Returns:
        What was added, in the order of patients and visits.
    """
    rng, planted = np.random.default_rng(seed), []
    now = [_FIRST_DAY.timestamp()]
    clock = Clock(utc_s=lambda: now[0], synchronised=lambda: True)
    exams = Exams(folder, PlainSealer(), None, clock, room=lambda folder: None)
    try:
        for number in range(patients):
            for visit in range(visits):
                now[0] = (_FIRST_DAY + datetime.timedelta(days=number + 7 * visit)).timestamp()
                turn, lean = rng.normal(0, (_TURN_DEG, _LEAN_DEG))
                planted.append(float(rng.normal(0, change_c)))
                phantom = make_phantom(seed + number, _HEIGHT, _WIDTH, False, Description(
                    rotation_deg=float(turn), lean_deg=float(lean), arms=ARMS_DOWN))
                celsius = phantom.celsius + rng.normal(0, _NOISE_C, phantom.celsius.shape)
                celsius += planted[-1] * np.isin(phantom.labels, (LEFT_BREAST, LEFT_NIPPLE))
                _take(exams, pipeline, 'S-%03d' % (number + 1), Thermogram.from_celsius(celsius, 'simulated camera'))
    finally:
        exams.close()
    return planted


def _take(exams: Exams, pipeline: Pipeline, patient: str, thermogram: Thermogram) -> None:
    """One signed exam of one frontal picture."""
    result = pipeline.analyse(thermogram)
    exam_id = exams.create(Patient(patient), 'op', {'distance_m': _DISTANCE_M, 'room_c': 21.0}).id
    exams.start(exam_id, 'op')
    exams.add_capture(exam_id, 'op', FRONTAL, Picture(
        pack_capture([Raw.of(thermogram)]), result.to_dict(), encode_png(draw_overlay(result)),
        b'' if result.labels is None else encode_png(result.labels), _CAMERA,
        read_signs(result, _DISTANCE_M).to_dict()))
    exams.review(exam_id, 'op')
    exams.sign(exam_id, 'chief')


@click.command()
@click.option('--out', required=True, type=click.Path(), help='New folder, which becomes a store of exams.')
@click.option('--patients', default=12, show_default=True, type=click.IntRange(min=1))
@click.option('--seed', default=8800000, show_default=True, type=click.IntRange(min=0))
@click.option('--change-c', default=0.15, show_default=True, help='Planted within-subject standard deviation, °C.')
def main(out: str, patients: int, seed: int, change_c: float) -> None:
    """Make a site and say what was planted in it."""
    with Pipeline.from_folder(SHIPPED_BUNDLE, 1) as pipeline:
        planted = np.array(make_site(out, pipeline, patients, seed, change_c)).reshape(patients, -1)
    print('%d patients, %d visits, seed %d: planted within-subject SD %.3f °C (aimed at %.3f)' % (
        patients, planted.size, seed, np.sqrt(planted.var(1, ddof=1).mean()), change_c))


if __name__ == '__main__':
    main()
