"""How much the pipeline adds to the network: `Pipeline.analyse` against the bare `session.run`.

Both run in one process, in turns, on a simulated 640x480 frame, and through the same session: two sessions would each
keep threads spinning and slow the other down. The ratio is that of the medians, with an interval by bootstrap over
rounds.

    python -m benchmarks.overhead [--rounds 30] [--threads 0] [--bundle DIR]
"""
import time
from typing import Any, Callable, Dict, List

import click
import numpy as np

from service.backends import OnnxRuntimeBackend, Worker
from service.bundle import open_bundle
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from service.thermogram import Thermogram

from .conditions import conditions

_PER_ROUND = 10
_WARM_UP = 10


@click.command()
@click.option('--rounds', default=30, help='Rounds of %d runs each way.' % _PER_ROUND)
@click.option('--threads', default=0, help='Threads of one inference; 0 for all cores.')
@click.option('--bundle', default=SHIPPED_BUNDLE, help='Bundle folder.')
def main(rounds: int, threads: int, bundle: str) -> None:
    """Print the ratio and what every stage costs."""
    opened = open_bundle(bundle)
    thermogram = Thermogram.from_celsius(make_phantom(1, 480, 640).celsius, source='phantom')
    tensor = opened.chain.apply(thermogram).tensor
    backend = OnnxRuntimeBackend(opened.model, opened.inputs, opened.outputs, threads)
    with Pipeline(opened, Worker(lambda: backend)) as pipeline:
        session = backend._session  # the bare run is what the backend's edges are measured against
        ways = {'bare': lambda: session.run(None, {opened.inputs[0].name: tensor}),
                'pipeline': lambda: pipeline.analyse(thermogram)}
        for run in ways.values():
            _times_ms(run, _WARM_UP)
        rounds_ms: Dict[str, List[List[float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, run in ways.items():
                rounds_ms[name].append(_times_ms(run, _PER_ROUND))
        stages = [pipeline.analyse(thermogram).timings_ms for _ in range(20)]

    samples = {name: np.array(values) for name, values in rounds_ms.items()}
    low, high = _interval(samples)
    print(conditions(threads))
    print('bundle %s %s, frame 640x480, n = %d each way, in turns of %d'
          % (opened.manifest['name'], opened.manifest['version'], rounds * _PER_ROUND, _PER_ROUND))
    for name, values in samples.items():
        print('%-10s median %.2f ms, p90 %.2f ms' % (name, np.median(values), np.percentile(values, 90)))
    print('ratio      %.3f (95 %% interval %.3f to %.3f; aim <= 1.15)' % (_ratio(samples), low, high))
    print('stages     ' + ', '.join('%s %.2f' % (stage, np.median([entry[stage] for entry in stages]))
                                    for stage in stages[0]) + ' ms (medians, n = 20)')


def _times_ms(run: Callable[[], Any], count: int) -> List[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def _ratio(samples: Dict[str, np.ndarray]) -> float:
    return float(np.median(samples['pipeline']) / np.median(samples['bare']))


def _interval(samples: Dict[str, np.ndarray], draws: int = 2000) -> np.ndarray:
    random = np.random.RandomState(0)
    rounds = len(samples['bare'])
    ratios = []
    for _ in range(draws):
        chosen = random.randint(0, rounds, rounds)
        ratios.append(_ratio({name: values[chosen] for name, values in samples.items()}))
    return np.percentile(ratios, (2.5, 97.5))


if __name__ == '__main__':
    main()
