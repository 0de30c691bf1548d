"""Label maps, frames that were sent, and files that came back."""
import json

import cv2
import numpy as np

from models.data import Collection, Sample
from models.labelling.record import Frame, Sent, Wanted
from service.record import encode_png
from service.regions import LEFT_BREAST, REGIONS
from service.thermogram import Thermogram
from tests.fakes import frames

HEIGHT, WIDTH = 48, 64


def torso(height=HEIGHT, width=WIDTH):
    """A label map whose mirror image is another one, with islands of a pixel and a hole."""
    labels = frames.labels(height, width)
    lower = np.roll(labels, height // 12, axis=0) == LEFT_BREAST
    labels[lower & (labels == 0)] = LEFT_BREAST
    labels[2, 3] = labels[-1, -1] = 6
    rows, columns = np.nonzero(labels == 1)
    labels[rows[len(rows) // 2], columns[len(columns) // 2]] = 0
    return labels


def random_map(seed, height, width, absent=(), full=False):
    """Any regions anywhere: blots with holes and islands, of which `absent` are left out, or one region everywhere."""
    rng = np.random.default_rng(seed)
    if full:
        return np.full((height, width), rng.integers(1, len(REGIONS)), np.uint8)
    labels = np.zeros((height, width), np.uint8)
    for region in rng.permutation(len(REGIONS) - 1) + 1:
        coarse = rng.random((rng.integers(2, 9), rng.integers(2, 9))).astype(np.float32)
        labels[cv2.resize(coarse, (width, height)) > rng.uniform(0.5, 0.9)] = region
    count = max(1, labels.size // 300)
    labels[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.integers(0, len(REGIONS), count)
    labels[np.isin(labels, absent)] = 0
    return labels


def frame_of(labels, name='f-0123456789ab.png', view=''):
    height, width = labels.shape
    return Frame(name, 'key', 'patient', '', view, width, height, (24.0, 38.0), 'data', '', 'sent')


def sent(labels, name='f-0123456789ab.png'):
    return Sent(frame_of(labels, name), encode_png(np.zeros(labels.shape, np.uint8)), labels)


class Record:
    """A record of frames that nobody wrote to a disk."""

    def __init__(self, labels, name='f-0123456789ab.png', view=''):
        self.frames, self._labels = {name: frame_of(labels, name, view)}, labels

    def labels(self, frame):
        return self._labels


def collection(count=3, labelled=True):
    """Thermograms of as many patients, with the labels of `torso`."""
    samples = [Sample('k%d' % number, 'p%d' % number, {'view': 'frontal'}, number % 2, _Read(number),
                      (lambda height, width: torso(height, width)) if labelled else None) for number in range(count)]
    return Collection('made', samples, ('normal', 'sick'), REGIONS)


def wanted(count=3, labelled=True):
    return Wanted(collection(count, labelled))


class _Read:
    def __init__(self, number):
        self._number = number

    def __call__(self):
        return Thermogram.from_celsius(frames.torso(HEIGHT, WIDTH) + 0.2 * self._number, 'made')


def finished(tasks, change=lambda number, results: results):
    """The export of Label Studio after somebody submitted every task of an import, with a change."""
    return [dict(id=number, data=task['data'], predictions=task.get('predictions', []), annotations=[{
        'id': number, 'completed_by': 7, 'was_cancelled': False, 'updated_at': '2026-11-30T08:00:00Z',
        'result': change(number, json.loads(json.dumps(task['predictions'][0]['result'])))}])
        for number, task in enumerate(tasks)]
