"""Small collections of schematic torsos in which only chosen properties carry the diagnosis."""
import functools

import numpy as np

from models.audit.marker import find_marker
from models.audit.samples import AuditedSample
from models.data import Collection, Sample
from service.body import find_body
from service.regions import REGIONS
from service.thermogram import Thermogram
from tests.fakes import frames

HEIGHT, WIDTH = 120, 160
#: Left top corner and side of the planted plate, in pixels.
PLATE = (76, 92, 12)


def celsius(seed=0, room_c=22.0, skin_c=0.0, asymmetry_c=0.0, plate=None, noise_c=0.05):
    """A torso in degrees Celsius, float64 HxW; `skin_c` moves the skin alone, `plate` is its temperature."""
    rng = np.random.default_rng(seed)
    labels = frames.labels(HEIGHT, WIDTH)
    picture = frames.torso(HEIGHT, WIDTH, 0)
    skin = picture > 25
    picture[skin] += skin_c
    picture[~skin] = room_c
    picture[np.isin(labels, (2, 4, 6))] += asymmetry_c
    if plate is not None:
        x, y, side = PLATE
        picture[y:y + side, x:x + side] = plate
    return picture + rng.normal(0, noise_c, picture.shape)


def sample(key, patient=None, klass=0, facts=None, **picture):
    """A sample of `celsius`."""
    return Sample(key, patient or key, dict({'number': 1}, **facts or {}), klass,
                  functools.partial(_read, key, tuple(sorted(picture.items()))))


def audited(labels=True, facts=None, patient='p1', **picture):
    """An `AuditedSample` of `celsius` with the true labels."""
    thermogram = Thermogram.from_celsius(celsius(**picture), 'made here')
    body = find_body(thermogram)
    return AuditedSample(sample('one', patient, facts=facts), thermogram, body, find_marker(thermogram, body),
                         frames.labels(HEIGHT, WIDTH) if labels else None)


def world(count=24, seed=1, background=False, pattern=False, facts=None, per_patient=1):
    """As many healthy as sick patients, which differ only in what is asked for.

    Room, body heat and noise are drawn for everybody alike, and numbers are dealt out at random.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(count)
    samples = []
    for place in range(count):
        sick = place % 2
        picture = {'room_c': 21 + rng.normal(0, 0.5) + 3.0 * sick * background, 'skin_c': rng.normal(0, 0.5),
                   'asymmetry_c': (1.2 * sick * pattern - 0.6) + rng.normal(0, 0.15),
                   'noise_c': 0.05 + 0.01 * rng.random()}
        for picture_number in range(per_patient):
            key = 'p%02d-%d' % (place, picture_number)
            stated = dict({'number': int(numbers[place])}, **facts(place) if facts else {})
            samples.append(sample(key, 'p%02d' % place, sick, stated, seed=100 * place + picture_number, **picture))
    return Collection('made', samples, ('Healthy', 'Sick'), REGIONS)


def _read(key, picture):
    return Thermogram.from_celsius(celsius(**dict(picture)), key)
