"""A target: a kind of board with its software, its limits and the operators that its parser imports."""
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, FrozenSet, Optional, Tuple

from service.messages import InputError

FOLDER = Path(__file__).parent

#: Every target by name, from the smallest.
TARGETS = ('jetson-nano-8.0', 'jetson-nano', 'xavier-nx', 'orin-nano-8.6', 'orin-nano', 'desktop')


@dataclass(frozen=True)
class OperatorTable:
    """Operators that a release of TensorRT imports; ``operators/README.md`` explains the fields of the file.

    Attributes:
        tensorrt: release, such as ``'8.2'``.
        origin: source of the table, one line.
        note: where the table differs from its source; may be empty.
        types: operator to the tensor types that it accepts, such as ``'FP32'``.
        restrictions: operator to what its importer requires beyond types.
    """

    tensorrt: str
    origin: str
    note: str
    types: Dict[str, Tuple[str, ...]]
    restrictions: Dict[str, Dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """One kind of board.

    Attributes:
        name: one of `TARGETS`.
        title: board, memory and software, for people.
        note: what to bear in mind about this profile; may be empty.
        sm: compute capability of the GPU; None where no GPU is used.
        memory_bytes: what CUDA can see; None where it varies.
        tensorrt: release of TensorRT; None where ONNX Runtime runs the network.
        opset, ir_version: the newest that the parser is documented for.
        precisions: native ones of ``'fp32'``, ``'fp16'`` and ``'int8'``.
        io_types: types that inputs and outputs of a network may have, such as ``'FP32'``.
        narrowed: types that the parser reads as others, such as ``INT64`` as ``INT32``.
        argmax_elements: number of elements from which the builder may find no implementation of ArgMax.
        peak: ``fp32_gflops``, ``fp16_gflops`` and ``dram_gb_s`` computed from the board's clocks, not measured; None
            where unknown.
        sources: field to the source of its value.
        table: operators of the parser; None where every standard one runs.
    """

    name: str
    title: str
    note: str
    sm: Optional[str]
    memory_bytes: Optional[int]
    tensorrt: Optional[str]
    opset: int
    ir_version: int
    precisions: Tuple[str, ...]
    io_types: Tuple[str, ...]
    narrowed: Dict[str, str]
    argmax_elements: Optional[int]
    peak: Dict[str, Optional[float]]
    sources: Dict[str, str]
    table: Optional[OperatorTable]

    @property
    def runtime(self) -> str:
        """What parses the network there, such as ``'TensorRT 8.2'``."""
        return 'TensorRT %s' % self.tensorrt if self.tensorrt else 'ONNX Runtime'

    @property
    def operators(self) -> Optional[FrozenSet[str]]:
        """Operators that the parser imports; None where every standard one runs."""
        return None if self.table is None else frozenset(self.table.types)

    def restriction(self, operator: str, kind: str, default: Any = None) -> Any:
        """What the importer of an operator requires, by a key of ``operators/README.md``."""
        return default if self.table is None else self.table.restrictions.get(operator, {}).get(kind, default)

    def to_dict(self) -> Dict[str, Any]:
        """The target as JSON, without its operators."""
        fields = ('name', 'title', 'note', 'sm', 'memory_bytes', 'tensorrt', 'opset', 'ir_version', 'precisions',
                  'io_types', 'narrowed', 'argmax_elements', 'peak', 'sources')
        return dict({field: getattr(self, field) for field in fields},
                    operators=None if self.table is None else {'count': len(self.table.types),
                                                               'origin': self.table.origin,
                                                               'note': self.table.note})


@functools.lru_cache(maxsize=None)
def load_target(name: str) -> Target:
    """A target by its name.

    Raises:
        InputError: ``target-unknown``.
    """
    if name not in TARGETS:
        raise InputError('target-unknown', 'There is no target %s.' % name, 'Choose one of %s.' % ', '.join(TARGETS))
    raw = json.loads((FOLDER / (name + '.json')).read_text(encoding='utf-8'))
    table, memory = raw.pop('operators'), raw.pop('memory_mib')
    return Target(name=name, table=load_table(table) if table else None,
                  memory_bytes=memory * 1024 * 1024 if memory else None,
                  precisions=tuple(raw.pop('precisions')), io_types=tuple(raw.pop('io_types')), **raw)


def load_table(release: str) -> OperatorTable:
    """The operators of a release, named as its file in ``operators/``."""
    raw = json.loads((FOLDER / 'operators' / (release + '.json')).read_text(encoding='utf-8'))
    origin = '%s at %s, which TensorRT %s is built with' % (raw['source'], raw['commit'][:7], raw['table_of'])
    return OperatorTable(raw['tensorrt'], origin, raw['note'],
                         {operator: tuple(types.split()) for operator, types in raw['operators'].items()},
                         raw['restrictions'])
