"""Predictions against published figures: the error of a model, row by row and in a few numbers."""
import functools
from dataclasses import dataclass

import numpy as np

from .kernel import layers
from .published import tables
from .roofline import Work, times


@dataclass(frozen=True)
class Model:
    """Everything that a latency needs.

    Attributes:
        coefficients (Coefficients), form (Form): of the GPU.
        enqueue_us (float): what the processor needs to hand one layer to the GPU.
    """

    coefficients: object
    form: object
    enqueue_us: float

    def gpu_ms(self, graph, precision):
        """GPU time of a published network, milliseconds."""
        return times(work_of(graph), self.coefficients, self.form, precision).total

    def latency_ms(self, graph, precision):
        """GPU time, or the processor's where handing the layers over takes longer."""
        return max(self.gpu_ms(graph, precision), float(self.enqueue_us) * 1e-3 * layers(tables()[graph]['kernels']))


@functools.lru_cache(maxsize=None)
def work_of(graph):
    """The kernels of a published network as arrays."""
    return Work(tables()[graph]['kernels'])


def judge(model, figures):
    """Rows of predictions.

    Args:
        model (Model): what predicts.
        figures (sequence of Figure): published.

    Returns:
        list of dict: ``source``, ``graph``, ``precision``, ``published_ms``, ``predicted_ms``, ``error_percent``
        (of the published figure; positive where the prediction is too slow).
    """
    rows = []
    for figure in figures:
        # Sources that are fitted state GPU time; the others what a caller waits for.
        predicted = (model.gpu_ms if figure.source.role == 'fit' else model.latency_ms)(figure.graph, figure.precision)
        rows.append({'source': figure.source.name, 'graph': figure.graph, 'precision': figure.precision,
                     'published_ms': round(figure.ms, 3), 'predicted_ms': round(predicted, 3),
                     'error_percent': round(100 * (predicted / figure.ms - 1), 2)})
    return rows


def summarise(rows):
    """Rows in a few numbers.

    Returns:
        dict: ``n``; ``median_percent`` and ``worst_percent`` of the absolute errors; ``slower`` and ``faster``: the
        largest and the smallest ratio of a published time to its prediction, so that a prediction times each is the
        range in which every one of these figures lies.
    """
    errors = np.abs([row['error_percent'] for row in rows])
    ratios = [row['published_ms'] / row['predicted_ms'] for row in rows]
    return {'n': len(rows), 'median_percent': round(float(np.median(errors)), 1),
            'worst_percent': round(float(errors.max()), 1), 'faster': round(float(min(ratios)), 3),
            'slower': round(float(max(ratios)), 3)}


def by_source(rows):
    """Source name to summary, in the order of the rows."""
    names = dict.fromkeys(row['source'] for row in rows)
    return {name: summarise([row for row in rows if row['source'] == name]) for name in names}
