"""A target: a kind of board, the software it runs and what both can do."""
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from service.messages import InputError

from .operators import OperatorTable, load_table

FOLDER = Path(__file__).parent

#: Every target by name, from the smallest.
TARGETS = ('jetson-nano-8.0', 'jetson-nano', 'xavier-nx', 'orin-nano-8.6', 'orin-nano', 'desktop')


@dataclass(frozen=True)
class Target:
    """One kind of board.

    Attributes:
        name (str): of `TARGETS`.
        title (str): board, memory and software, for people.
        note (str): what to bear in mind about this profile, or ``''``.
        sm (str or None): compute capability of its GPU; None without one that is used.
        memory_bytes (int or None): what CUDA can see; None where it varies.
        tensorrt (str or None): release of TensorRT; None where ONNX Runtime computes.
        opset (int), ir_version (int): newest that its parser is documented for.
        precisions (tuple of str): native ones of ``'fp32'``, ``'fp16'``, ``'int8'``.
        io_types (tuple of str): types that inputs and outputs of a network may have, such as ``'FP32'``.
        narrowed (dict): types that the parser reads as others, such as ``INT64`` as ``INT32``.
        argmax_elements (int or None): elements from which on an ArgMax may find no implementation.
        peak (dict): ``fp32_gflops``, ``fp16_gflops``, ``dram_gb_s``; None where not known. Peaks of the
            board by its clocks, nothing measured.
        sources (dict): field to where its value comes from.
        table (OperatorTable or None): its operators; None where every standard one runs.
    """

    name: str
    title: str
    note: str
    sm: Optional[str]
    memory_bytes: Optional[int]
    tensorrt: Optional[str]
    opset: int
    ir_version: int
    precisions: tuple
    io_types: tuple
    narrowed: dict
    argmax_elements: Optional[int]
    peak: dict
    sources: dict
    table: Optional[OperatorTable]

    @property
    def runtime(self):
        """What parses the network there (str), such as ``'TensorRT 8.2'``."""
        return 'TensorRT %s' % self.tensorrt if self.tensorrt else 'ONNX Runtime'

    @property
    def operators(self):
        """Operators that the parser imports (frozenset of str), or None where every standard one runs."""
        return None if self.table is None else frozenset(self.table.types)

    def restriction(self, operator, kind, default=None):
        """What the importer of an operator asks, by a key of ``operators/README.md``; `default` where nothing."""
        return default if self.table is None else self.table.restrictions.get(operator, {}).get(kind, default)

    def to_dict(self):
        """The target as JSON, without its operators."""
        fields = ('name', 'title', 'note', 'sm', 'memory_bytes', 'tensorrt', 'opset', 'ir_version', 'precisions',
                  'io_types', 'narrowed', 'argmax_elements', 'peak', 'sources')
        return dict({field: getattr(self, field) for field in fields},
                    operators=None if self.table is None else {'count': len(self.table.types),
                                                               'origin': self.table.origin,
                                                               'note': self.table.note})


@functools.lru_cache(maxsize=None)
def load_target(name):
    """A target by its name.

    Args:
        name (str): of `TARGETS`.

    Raises:
        InputError: ``target-unknown``.
    """
    if name not in TARGETS:
        raise InputError('target-unknown', 'There is no target %s; choose one of %s.' % (name, ', '.join(TARGETS)))
    raw = json.loads((FOLDER / (name + '.json')).read_text(encoding='utf-8'))
    table, memory = raw.pop('operators'), raw.pop('memory_mib')
    return Target(name=name, table=load_table(table) if table else None,
                  memory_bytes=memory * 1024 * 1024 if memory else None,
                  precisions=tuple(raw.pop('precisions')), io_types=tuple(raw.pop('io_types')), **raw)
