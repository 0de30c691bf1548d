"""Nothing at all: what the protocol gives for numbers drawn from a hat."""
import hashlib

import numpy as np

from ..inputs.base import Input


def measure(frame):
    """Three normal numbers that depend on the patient's name and nothing else."""
    digest = hashlib.sha256(frame.sample.patient.encode('utf-8')).digest()
    return {'random_%d' % i: value for i, value in
            enumerate(np.random.default_rng(int.from_bytes(digest[:8], 'big')).normal(size=3))}


CHANCE = Input('random numbers', 'three random numbers a patient: the protocol itself', measure)
