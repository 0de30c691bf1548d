"""Which ONNX operators a release of TensorRT imports, for which types and with which restrictions."""
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name('operators')


@dataclass(frozen=True)
class OperatorTable:
    """The operators of one release; ``operators/README.md`` explains the fields of its file.

    Attributes:
        tensorrt (str): release, such as ``'8.2'``.
        origin (str): where the table comes from, one line.
        note (str): where it is not what its source says, or ``''``.
        types (dict): operator to the tensor types it takes (tuple of str such as ``'FP32'``).
        restrictions (dict): operator to a dict of what its importer asks beyond types.
    """

    tensorrt: str
    origin: str
    note: str
    types: dict
    restrictions: dict


def load_table(release):
    """The operators of a release.

    Args:
        release (str): stem of a file in ``export/targets/operators``.

    Returns:
        OperatorTable: with the file's contents.
    """
    raw = json.loads((FOLDER / (release + '.json')).read_text(encoding='utf-8'))
    origin = '%s at %s, which TensorRT %s is built with' % (raw['source'], raw['commit'][:7], raw['table_of'])
    return OperatorTable(raw['tensorrt'], origin, raw['note'],
                         {operator: tuple(types.split()) for operator, types in raw['operators'].items()},
                         raw['restrictions'])
