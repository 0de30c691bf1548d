"""Phantom sets on disk: generated once by all cores, read as memory maps."""
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import numpy as np

from service import simulator
from service.simulator import choose_kind, describe, make_phantom, view_of
from service.views import FRONTAL_VIEWS

from .recipe import Recipe

#: Temperatures are stored as whole thousandths of a degree in uint16: 0..65 °C, in steps far below camera noise.
PER_DEGREE = 1000.0

#: Phantoms that one process makes before it gives them back.
_CHUNK = 16

SETS = ('train', 'val', 'test')


class PhantomSet:
    """Arrays of one set.

    Attributes:
        milli_c: uint16 NxHxW, thousandths of a degree Celsius.
        labels: uint8 NxHxW.
        patterns: str N, what was planted beside a tumour: ``'focal'``,
            ``'diffuse+vascular'``, ``'tumour only'``; ``''`` in healthy phantoms.
        abnormal: float32 N, 0 or 1.
        planted: what was planted in each, as `service.simulator.Phantom` has it.
        views: str N, of `service.views.VIEWS`.
        compared: bool N, whether left and right may be compared: a frontal view with both breasts in the picture.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder = Path(folder)
        self.milli_c = np.load(folder / 'milli_c.npy', mmap_mode='r')
        self.labels = np.load(folder / 'labels.npy', mmap_mode='r')
        self.patterns = np.load(folder / 'patterns.npy')
        self.abnormal = (self.patterns != '').astype(np.float32)
        self.planted = json.loads((folder / 'planted.json').read_text())
        self.views = np.array([planted.get('view') or view_of(0.0, planted['arms']) for planted in self.planted])
        self.compared = np.array([view in FRONTAL_VIEWS and not planted.get('absent_breasts')
                                  and not planted.get('out_of_frame')
                                  for view, planted in zip(self.views, self.planted)])

    def __reduce__(self) -> Tuple[Any, ...]:
        # To another process goes the folder, not a copy of every picture.
        return PhantomSet, (self._folder,)

    def __len__(self) -> int:
        return len(self.abnormal)

    def celsius(self, index: int) -> np.ndarray:
        """Temperatures, float32 HxW."""
        return self.milli_c[index].astype(np.float32) / np.float32(PER_DEGREE)


def prepare_sets(recipe: Recipe, folder: Path, workers: int = 2) -> Dict[str, PhantomSet]:
    """Generate the sets of a recipe under `folder`, or find them there: ``'train'``, ``'val'`` and ``'test'``."""
    sets, first, wanted = {}, recipe.phantoms.first_seed, recipe.phantoms
    for name in SETS:
        count = getattr(wanted, name)
        sets[name] = prepare_set(Path(folder) / name, first, count, recipe.input.height, recipe.input.width, workers,
                                 wanted.kinds or None)
        first += count
    return sets


def prepare_set(place: Path, first: int, count: int, height: int, width: int, workers: int = 2,
                kinds: Optional[Dict[str, float]] = None) -> PhantomSet:
    """Generate the phantoms of the seeds `first` to ``first + count - 1`` in a folder, or find them there.

    They are generated again if the simulator has changed.

    Args:
        kinds: how often every kind of `service.simulator.KINDS` is wanted, in any unit; None for phantoms of a seed
            alone, the kind ``'flat'``.

    Raises:
        ValueError: an unknown kind, a negative share, or nothing wanted.
    """
    if kinds is not None:
        choose_kind(first, kinds)
    wanted = {'first': first, 'count': count, 'height': height, 'width': width, 'layout': 3,
              'kinds': kinds, 'simulator': simulator_hash()}
    note = Path(place) / 'set.json'
    if not (note.exists() and json.loads(note.read_text()) == wanted):
        _make(Path(place), wanted, workers)
        note.write_text(json.dumps(wanted))
    return PhantomSet(place)


def simulator_hash() -> str:
    """SHA-256 over the simulator's source files, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(Path(simulator.__file__).parent.glob('*.py')):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _make(place, wanted, workers):
    place.mkdir(parents=True, exist_ok=True)
    shape = wanted['count'], wanted['height'], wanted['width']
    milli_c = np.lib.format.open_memmap(place / 'milli_c.npy', 'w+', np.uint16, shape)
    labels = np.lib.format.open_memmap(place / 'labels.npy', 'w+', np.uint8, shape)
    patterns, planted = [], []
    jobs = [(wanted['first'] + i, wanted['height'], wanted['width'], wanted['kinds']) for i in range(wanted['count'])]
    for i, phantom in enumerate(_made(jobs, workers)):
        milli_c[i], labels[i] = phantom[:2]
        patterns.append(phantom[2])
        planted.append(phantom[3])
    (place / 'planted.json').write_text(json.dumps(planted))
    np.save(place / 'patterns.npy', np.array(patterns))
    milli_c.flush()
    labels.flush()


def _made(jobs, workers):
    """Phantoms in the order of their jobs; a single chunk is made here, since a process would load PyTorch first."""
    if len(jobs) <= _CHUNK:
        yield from map(_one, jobs)
        return
    # One thread each: the matrices are small, and the processes already use all cores.
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    # Spawned, because a fork of a process with PyTorch's threads may hang.
    context = multiprocessing.get_context('spawn')
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent,
                                                initargs=(os.getpid(),)) as pool:
        yield from pool.map(_one, jobs, chunksize=_CHUNK)


def end_with_parent(parent):
    """End a worker whose training was killed; otherwise it would wait for work forever."""
    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _one(job):
    seed, height, width, kinds = job
    description = None if kinds is None else describe(choose_kind(seed, kinds), seed)
    phantom = make_phantom(seed, height, width, None, description)
    milli = np.clip(np.rint(phantom.celsius * PER_DEGREE), 0, 65535).astype(np.uint16)
    kinds = sorted({item['kind'] for item in phantom.planted['items']} - {'tumour'})
    pattern = '+'.join(kinds) or 'tumour only' if phantom.planted['abnormal'] else ''
    return milli, phantom.labels, pattern, phantom.planted
