"""Collections and outcomes made in the test."""
import dataclasses

import numpy as np

from models.data import Collection, Sample
from models.evaluation.outcomes import Outcome, Overlap
from service.messages import InputError, Message
from service.regions import REGIONS
from service.simulator import make_phantom
from service.thermogram import Thermogram
from tests.fakes import frames

CLASSES = ('Healthy', 'Sick')

#: What the manifest of `tests.fakes.pipelines.StubBundle` lacks of a real one.
STATED = {'model': {'precision': 'fp32'}, 'training_data': 'None: a stub.', 'metrics': {},
          'finding': {'name': 'abnormal left-right heat pattern', 'threshold': 0.5, 'meaning': 'A stub for tests.',
                      'threshold_basis': 'Set by hand.'}}


def torso_collection(count, **changes):
    """Frames of `tests.fakes.frames`, one a patient, of alternating class."""
    def read():
        return Thermogram.from_celsius(frames.torso(), source='torso')

    samples = [Sample('t%02d' % number, 'p%02d' % number, {'dialect': 'space', 'number': number}, number % 2, read,
                      lambda height, width: frames.labels(height, width)) for number in range(count)]
    return Collection(**dict({'name': 'torsos', 'samples': samples, 'classes': CLASSES, 'regions': REGIONS}, **changes))


def phantom_collection(seeds, height=120, width=160):
    """Phantoms with their labels, one a patient; the class alternates."""
    def sample(place, seed):
        def read():
            return Thermogram.from_celsius(make_phantom(seed, height, width).celsius, source='phantom')
        return Sample('%04d' % seed, '%04d' % seed, {'dialect': ('space', 'semicolon')[place % 2]}, place % 2, read,
                      lambda height, width: make_phantom(seed, height, width).labels)

    return Collection('phantoms', [sample(*pair) for pair in enumerate(seeds)], CLASSES, REGIONS)


def unreadable(sample):
    """The same sample with a file that cannot be read."""
    def read():
        raise InputError('file-truncated', 'It ends too early.', 'Copy it again.')
    return dataclasses.replace(sample, read=read)


def outcome(key, found=None, truth=None, patient=None, refused=False, **values):
    """An outcome from two label images."""
    overlap = None
    if truth is not None:
        overlap = Overlap.refused(truth) if refused else Overlap.of(found, truth)
    refusals = (Message('in-frame', 'The patient is cut off.'),) if refused else ()
    return Outcome(**dict({'key': key, 'patient': patient or key, 'facts': {}, 'klass': None, 'refusals': refusals,
                           'probability': None, 'overlap': overlap}, **values))


def random_labels(seed, height=60, width=80):
    """Blocks of region ids, uint8."""
    return np.random.default_rng(seed).integers(0, len(REGIONS), (height // 10, width // 10)).astype(
        np.uint8).repeat(10, 0).repeat(10, 1)
