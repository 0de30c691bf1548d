"""Draw a sheet of phantoms by description, with the outlines of their regions.

Run from the top folder: ``python -m tests.service.simulator.sheet docs/phantoms.png``.
"""
import sys

import cv2
import numpy as np

from service.simulator import THINGS, Description, describe, make_phantom

_HEIGHT, _WIDTH, _COLUMNS = 105, 140, 7

#: BGR of the outline of every region id.
_COLOURS = np.array([(0, 0, 0), (80, 80, 255), (255, 150, 60), (0, 200, 255), (255, 255, 0), (60, 220, 60),
                     (230, 90, 230), (200, 200, 200)], np.uint8)

_LEAST_C, _MOST_C = 22.0, 36.5


def _items():
    """Seed, description and caption of every picture."""
    for angle in (90, 60, 30, 0, -30, -60, -90):
        yield 23, Description(rotation_deg=float(angle), arms='arms raised'), '%d degrees' % angle
    for seed in (32, 33):
        for kind in ('right-lateral', 'right-oblique', 'frontal', 'left-oblique', 'left-lateral', 'rotated', 'leaning'):
            yield seed, describe(kind, seed), kind
    for kind, seed in (('arms down', 22), ('absent breast', 21), ('reconstructed breast', 23), ('small breasts', 21),
                       ('very large breasts', 25), ('belly folds', 21), ('dressing', 20)):
        yield seed, describe(kind, seed), kind
    for kind, seed in (('breast out of frame', 20), ('defocus', 21), ('motion', 20), ('second camera', 21)):
        yield seed, describe(kind, seed), kind
    for seed, thing in enumerate(THINGS):
        yield seed + 2, Description(thing=thing), thing
    yield 27, describe('left-oblique', 27), '80x60'
    for kind in ('left-lateral', 'absent breast', 'frontal'):
        yield 41, describe(kind, 41), kind


def _picture(seed, description, caption):
    height, width = (60, 80) if caption == '80x60' else (_HEIGHT, _WIDTH)
    phantom = make_phantom(seed, height, width, None, description)
    grey = np.clip((phantom.celsius - _LEAST_C) / (_MOST_C - _LEAST_C), 0, 1) * 255
    picture = cv2.cvtColor(grey.astype(np.uint8), cv2.COLOR_GRAY2BGR)
    labels = phantom.labels
    edge = np.zeros(labels.shape, bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    picture[edge] = _COLOURS[labels[edge]]
    picture = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_NEAREST)
    cv2.putText(picture, caption, (3, _HEIGHT - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 255, 255), 1, cv2.LINE_AA)
    return picture


def write(path):
    """Write the sheet as a PNG, with 32 steps of grey to keep it small."""
    pictures = [_picture(*item) for item in _items()]
    rows = [np.hstack(pictures[i:i + _COLUMNS]) for i in range(0, len(pictures), _COLUMNS)]
    sheet = np.vstack(rows) // 8 * 8
    if not cv2.imwrite(path, sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        sys.exit('%s cannot be written.' % path)


if __name__ == '__main__':
    write(sys.argv[1])
