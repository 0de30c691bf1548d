"""What similar exams cost: finding them among many, and reading the features of a store whose exams are encrypted.

The store is filled as that of `benchmarks.exams` is, with random features; what is measured is `Gallery` as the page of
an exam uses it, in milliseconds of the clock and of the processor, which say the same where nothing else runs. The exit
code is 1 if finding five of them takes more than 50 ms of the clock.

    python -m benchmarks.gallery [--exams 10000] [--rounds 50]
"""
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from typing import Any, Dict, List, Tuple

import click
import numpy as np

from service.gallery import Gallery, features_of

from .conditions import conditions
from .exams import Filled

#: Most milliseconds that finding may take.
BAR_MS = 50.0

#: Features of the shipped network.
_LENGTH = 128


def _picture(number: int) -> Tuple[Dict[str, Any], Dict[str, bytes]]:
    values = np.random.RandomState(number).uniform(size=_LENGTH)
    document = {'schema': 1, 'features': [round(float(value), 6) for value in values / np.linalg.norm(values)]}
    return ({'outcome': 'result', 'view': 'frontal', 'unit': 'celsius', 'bundle': {'hash': 'a' * 64}},
            {'0001.features.json': json.dumps(document).encode('ascii')})


def _now() -> np.ndarray:
    """Seconds by the clock, and of this process on a processor."""
    return np.array([time.perf_counter(), time.process_time()])


def _median(pairs: List[np.ndarray]) -> Tuple[float, float]:
    clock, processor = np.median(pairs, axis=0)
    return float(clock), float(processor)


@click.command()
@click.option('--exams', 'count', default=10000, help='Exams of the store.')
@click.option('--rounds', default=50, help='How often similar exams are found.')
@click.option('--folder', type=click.Path(), default=None, help='Where the store is made. Default: a temporary one.')
def main(count: int, rounds: int, folder: str) -> None:
    """Print how long similar exams take, and how much memory."""
    work = tempfile.mkdtemp(prefix='thermoscreen-gallery-', dir=folder)
    try:
        store = Filled(os.path.join(work, 'store'), count, _picture)
        gallery = Gallery(store.exams)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, _now()
        known = gallery.read()
        read_s = _now() - began
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0
        took: Dict[str, List[np.ndarray]] = {'all of it': [], 'finding alone': [], 'looking for new exams': []}
        for number in range(rounds + 1):
            exam = store.exams.get(store.ids[number * 7 % count])
            times = [_now()]
            gallery.read()
            times.append(_now())
            found = gallery.similar(exam)
            times.append(_now())
            own = features_of(store.exams, exam)
            times.append(_now())
            nearest = gallery.nearest(own, 1)[0]
            times.append(_now())
            assert (nearest.exam_id, found.compared) == (exam.id, count - 1) and nearest.distance < 1e-6
            if number:  # the first makes the matrix
                for name, begin, end in (('all of it', 0, 2), ('finding alone', 3, 4), ('looking for new exams', 0, 1)):
                    took[name].append(1000 * (times[end] - times[begin]))
        print('%s; load %.1f' % (conditions(1), os.getloadavg()[0]))
        print('%d exams read in %.1f s (processor %.1f), %.0f MB more at the peak' % (known.read, *read_s, grown_mb))
        print('each of %d was nearest to itself, with a distance below 1e-6' % (rounds + 1))
        for name, milliseconds in took.items():
            clock, processor = _median(milliseconds)
            print('%-22s median %.1f ms, longest %.1f ms; processor: median %.1f ms; n = %d'
                  % (name, clock, max(pair[0] for pair in milliseconds), processor, rounds))
        store.exams.close()
        sys.exit(1 if _median(took['all of it'])[0] > BAR_MS else 0)
    finally:
        shutil.rmtree(work)


if __name__ == '__main__':
    main()
