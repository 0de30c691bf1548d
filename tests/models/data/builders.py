"""Folders of thermograms made by hand, in every layout."""
import json

import cv2
import numpy as np

from models.data import Collection, Sample
from tests.fakes import frames

HEIGHT, WIDTH = 48, 64


def celsius(seed=0):
    """float64 48x64, another patient for every seed."""
    return frames.torso(HEIGHT, WIDTH) + 0.1 * (seed % 7)


def write_png(path, array):
    """A PNG of uint8 or uint16; makes the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode('.png', np.asarray(array))[1].tobytes())
    return path


def write_text(path, text):
    """A text file; makes the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_matrix(path, seed=0, delimiter=' '):
    """A text matrix in one of the dialects of DMR-IR."""
    return write_text(path, ''.join(delimiter.join('%.2f' % value for value in row) + '\r\r\n'
                                    for row in celsius(seed)))


def dmr_pack(folder, rows=('1,Healthy,space,yes', '20,Healthy,space,', '318,Sick,semicolon,')):
    """A pack of the patients in `rows`, with matrices, and labels where a row says yes."""
    write_text(folder / 'patients.csv', 'patient,diagnosis,dialect,regions\n' + '\n'.join(rows) + '\n')
    for row in rows:
        number = row.split(',')[0]
        if number.isdigit():
            name = '%04d.png' % int(number)
            write_png(folder / 'matrices' / name, np.rint(100 * celsius(int(number))).astype(np.uint16))
            if row.endswith('yes'):
                write_png(folder / 'regions' / name, frames.labels(HEIGHT, WIDTH))
    return folder


def plain_folder(folder, rows=('a_1.npy,p1,sick', 'a_2.npy,p1,sick', 'b.npy,p2,healthy'), labels=('b',)):
    """A plain folder of the files in `rows`."""
    write_text(folder / 'patients.csv', 'file,patient,class\n' + '\n'.join(rows) + '\n')
    (folder / 'images').mkdir()
    for seed, row in enumerate(rows):
        np.save(folder / 'images' / row.split(',')[0], celsius(seed).astype(np.float32))
    for name in labels:
        write_png(folder / 'labels' / (name + '.png'), frames.labels(HEIGHT, WIDTH))
    return folder


def phantom_set(folder, views=('frontal', 'left-lateral')):
    """A finished set of `models.phantoms`, its first seed 500; every second phantom is abnormal."""
    count = len(views)
    folder.mkdir(exist_ok=True)
    np.save(folder / 'milli_c.npy', np.stack([1000 * celsius(seed) for seed in range(count)]).round().astype(np.uint16))
    np.save(folder / 'labels.npy', np.stack([frames.labels(HEIGHT, WIDTH)] * count))
    np.save(folder / 'patterns.npy', np.array(['', 'focal'] * count)[:count])
    write_text(folder / 'planted.json', json.dumps([{'view': view} for view in views]))
    write_text(folder / 'set.json', json.dumps({'first': 500}))
    return folder


def samples_of(owners, classes=None):
    """A collection of one sample for every entry of `owners` (patients); `classes` are indices or None."""
    classes = [None] * len(owners) if classes is None else classes
    samples = [Sample('s%d' % i, str(owner), {'frame': i}, klass, read=None)
               for i, (owner, klass) in enumerate(zip(owners, classes))]
    return Collection('made', samples, ('Healthy', 'Sick', 'Other'), ('background', 'lesion'))
