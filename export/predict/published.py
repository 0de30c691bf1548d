"""Times that others measured on a Jetson Nano, and the networks they measured, as tables of kernels."""
import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Tuple

from .kernel import Kernel

FOLDER = Path(__file__).parent / 'data'
FIGURES, LAYERS = FOLDER / 'figures.json', FOLDER / 'layers.json'

#: Prefixes of the names of graphs of one design.
_FAMILIES = ('efficientdet-lite', 'efficientdet-d', 'ssd_mobilenet', 'resnet', 'vgg', 'densenet', 'squeezenet',
             'yolov8n-cls', 'yolov')


@dataclass(frozen=True)
class Source:
    """Where figures come from.

    Attributes:
        name: key of the source.
        role: ``'fit'`` or ``'left out'``.
        where: who published it.
        conditions: how it was measured.
        measures: what the time is of: ``'gpu'``, the GPU alone; ``'caller'``, a call that waits for the result;
            ``'program'``, a call with work of its program in it, or not stated.
    """

    name: str
    role: str
    where: str
    conditions: str
    measures: str


@dataclass(frozen=True)
class Figure:
    """One published time.

    Attributes:
        source: who published it.
        graph: key of `tables`.
        precision: ``'fp32'`` or ``'fp16'``.
        ms: milliseconds of one inference.
        more: what else was published with it, such as ``build_s`` and ``enqueue_ms``.
    """

    source: Source
    graph: str
    precision: str
    ms: float
    more: Dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def family(self) -> str:
        """Networks of one design: they have one vote in a fit, and are left out together."""
        return next((family for family in _FAMILIES if self.graph.startswith(family)), self.graph.split('-')[0])


@functools.lru_cache(maxsize=None)
def figures() -> Tuple[Figure, ...]:
    """Every figure that is used."""
    document = _document()
    sources = {name: Source(name, **fields) for name, fields in document['sources'].items()}
    return tuple(Figure(sources[row['source']], row['graph'], row['precision'], row['ms'], {
        key: value for key, value in row.items() if key not in ('source', 'graph', 'precision', 'ms')})
        for row in document['figures'])


def not_used() -> List[Dict[str, str]]:
    """Published figures that are not used: ``what``, ``source`` and ``why``."""
    rows: List[Dict[str, str]] = _document()['not_used']
    return rows


@functools.lru_cache(maxsize=None)
def tables() -> Dict[str, Dict[str, Any]]:
    """Table of every graph: ``'kernels'`` holds a tuple of Kernel, the other keys are those of the file."""
    raw = json.loads(LAYERS.read_text(encoding='utf-8'))
    return {name: dict({key: value for key, value in table.items() if key != 'rows'},
                       kernels=tuple(Kernel(*row) for row in table['rows'])) for name, table in raw.items()}


def _document():
    return json.loads(FIGURES.read_text(encoding='utf-8'))
