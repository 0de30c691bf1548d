"""The process that tries a bundle: a network that takes all the memory or ends its process must not end the station.

It gets one JSON object on its standard input, the request, and writes one line of JSON, the answer, as its last.
"""
import contextlib
import json
import signal
import sys
import time
from typing import Any, Dict, List

import numpy as np

from ..bundle import open_bundle
from ..messages import BundleError, ThermoscreenError
from ..pipeline import Pipeline
from ..result import Result
from ..selection import Runtime, noteworthy
from ..simulator import make_phantom
from ..thermogram import Thermogram

#: Simulated patients that every bundle is tried with, and how often each is measured.
SEEDS, ROUNDS = (11, 12, 13), 5

#: Runs that are discarded: the first ones fill caches and raise clocks.
_WARM_UP_RUNS = 2

#: Added to the score by which the kernel chooses what to kill when memory runs out (proc(5)).
_OOM_SCORE = 500


def main() -> None:
    """Answer the request of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too
    with contextlib.suppress(OSError), open('/proc/self/oom_score_adj', 'w', encoding='ascii') as stream:
        stream.write(str(_OOM_SCORE))
    print('\n' + json.dumps(answer(json.load(sys.stdin))), flush=True)


def answer(request: Dict[str, Any]) -> Dict[str, Any]:
    """Start a bundle as the service would, run its golden pair, and analyse the simulated patients.

    Args:
        request: ``folder`` of a bundle that was verified; ``runtime``, the fields of `Runtime`.
    Returns:
        ``backend`` and ``name`` (what runs it, in words and as its short name), ``median_ms`` (of a whole analysis),
        ``peak_bytes`` (of this process; 0 where it cannot be told), ``results`` of ``frames``, ``passed_over``
        (sentences); or ``refusal``, a `Message` as JSON with ``detail``.
    """
    try:
        return _tried(request)
    except ThermoscreenError as error:
        return {'refusal': error.to_dict()}


def _tried(request: Dict[str, Any]) -> Dict[str, Any]:
    thermograms = [Thermogram.from_celsius(make_phantom(seed, 240, 320).celsius, source='phantom') for seed in SEEDS]
    bundle = open_bundle(request['folder'])
    with Pipeline(bundle, runtime=Runtime(**request['runtime'])) as pipeline:
        for _ in range(_WARM_UP_RUNS):
            pipeline.analyse(thermograms[0])
        times_ms: List[float] = []
        results: List[Result] = []
        for thermogram in thermograms * ROUNDS:
            began = time.perf_counter()
            results.append(pipeline.analyse(thermogram))
            times_ms.append((time.perf_counter() - began) * 1e3)
        for result in results[:len(SEEDS)]:
            _check_numbers(result)
        backend = pipeline.backend
        words = [backend['name'], backend['version'], backend.get('provider', '').replace('ExecutionProvider', ''),
                 backend['precision']]
        return {'backend': ' '.join(filter(None, words)), 'name': backend['name'],
                'median_ms': float(np.median(times_ms)), 'peak_bytes': _peak_bytes(),
                'results': sum(result.outcome == 'result' for result in results[:len(SEEDS)]), 'frames': len(SEEDS),
                'passed_over': [message.sentence for message in noteworthy(pipeline.passed_over)]}


def _check_numbers(result: Result) -> None:
    """Refuse numbers that are none.

    Raises:
        BundleError: ``self-test-numbers``.
    """
    try:
        json.dumps(result.to_dict(), allow_nan=False)
    except ValueError as error:
        raise BundleError('self-test-numbers', 'The model gives values that are not finite for a simulated patient.',
                          'Tell who delivered it.', repr(error))


def _peak_bytes() -> int:
    """The most memory that this process ever had; that of its parent does not count, as it would for getrusage."""
    try:
        with open('/proc/self/status', encoding='ascii') as stream:
            return 1024 * int(next(line.split()[1] for line in stream if line.startswith('VmHWM:')))
    except (OSError, StopIteration, ValueError):
        return 0
