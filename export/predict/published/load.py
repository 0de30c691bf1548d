"""Reads the published figures and the tables of the networks behind them."""
import functools
import json
from dataclasses import dataclass, field
from pathlib import Path

from ..kernel import from_row

FOLDER = Path(__file__).parent
FIGURES, LAYERS = FOLDER / 'figures.json', FOLDER / 'layers.json'


@dataclass(frozen=True)
class Source:
    """Where figures come from.

    Attributes:
        name, role (str): role is ``'fit'`` or ``'left out'``.
        where, conditions (str): who published it; how it was measured.
    """

    name: str
    role: str
    where: str
    conditions: str


@dataclass(frozen=True)
class Figure:
    """One published time.

    Attributes:
        source (Source): who published it.
        graph (str): key of `tables`.
        precision (str): ``'fp32'`` or ``'fp16'``.
        ms (float): milliseconds of one inference.
        more (dict): what else was published with it, such as ``build_s`` and ``enqueue_ms``.
    """

    source: Source
    graph: str
    precision: str
    ms: float
    more: dict = field(default_factory=dict, compare=False)

    @property
    def family(self):
        """Networks of one design are one family (str): they count as one, and are left out together."""
        return next((family for family in _FAMILIES if self.graph.startswith(family)), self.graph.split('-')[0])


#: Beginnings of graphs' names that are of one design.
_FAMILIES = ('efficientdet-lite', 'efficientdet-d', 'ssd_mobilenet', 'resnet', 'vgg', 'densenet', 'squeezenet')


@functools.lru_cache(maxsize=None)
def figures():
    """Every figure that is used (tuple of Figure)."""
    document = _document()
    sources = {name: Source(name, **fields) for name, fields in document['sources'].items()}
    return tuple(Figure(sources[row['source']], row['graph'], row['precision'], row['ms'], {
        key: value for key, value in row.items() if key not in ('source', 'graph', 'precision', 'ms')})
        for row in document['figures'])


def not_used():
    """Published figures that are not used (list of dict): ``what``, ``source`` and ``why``."""
    return _document()['not_used']


@functools.lru_cache(maxsize=None)
def tables():
    """Name of a graph to its table (dict); ``'kernels'`` holds a tuple of Kernel, the rest is as it was written."""
    raw = json.loads(LAYERS.read_text(encoding='utf-8'))
    return {name: dict({key: value for key, value in table.items() if key != 'rows'},
                       kernels=tuple(from_row(row) for row in table['rows'])) for name, table in raw.items()}


def _document():
    return json.loads(FIGURES.read_text(encoding='utf-8'))
