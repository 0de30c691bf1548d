"""What an engine was built from and for. It runs where all of that is the same, and nowhere else."""
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..backends.cuda import first_gpu
from ..backends.tensorrt_api import import_tensorrt
from ..machine import board_facts
from ..messages import BackendError

#: Fields that identify the machine; an engine for another one is foreign, not merely old.
MACHINE_FIELDS = ('sm', 'board')

#: Names of the fields in messages.
TITLES = {'onnx_sha256': 'model file', 'tensorrt': 'TensorRT', 'sm': 'compute capability', 'board': 'board',
          'precision': 'precision', 'flags': 'build options', 'power_mode': 'power mode'}


@dataclass(frozen=True)
class EngineKey:
    """What decides whether an engine may run.

    TensorRT's plans are tied to the release and the GPU that built them, which TensorRT checks only when a plan is
    loaded ("not compatible with this version", "incompatible device").

    Attributes:
        onnx_sha256: hash of the ONNX file that was compiled, 64 hex digits.
        tensorrt: release of the TensorRT that compiled it, such as ``'8.2.1.8'``.
        sm: compute capability times ten, such as 53; None in a question where no GPU answers.
        board: the board, or on a PC the GPU.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``.
        flags: build options that change the engine; None in a question means any.
        power_mode: the mode whose clocks the tactics were timed under. Another mode never makes an engine wrong, only
            slower than it could be, so it is noted and not refused.
    """

    onnx_sha256: str
    tensorrt: str
    sm: Optional[int]
    board: str
    precision: str
    flags: Optional[Tuple[str, ...]] = ()
    power_mode: str = ''

    @property
    def name(self) -> str:
        """Stem of the engine's files: readable in front, unique through the hash of every field at the end."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        words = (self.precision, self.onnx_sha256[:8], 'sm%s' % self.sm, 'trt%s' % self.tensorrt,
                 hashlib.sha256(text.encode('utf-8')).hexdigest()[:8])
        return re.sub(r'[^A-Za-z0-9._-]', '_', '-'.join(words))

    def to_dict(self) -> Dict[str, Any]:
        """The fields of an engine's key as JSON."""
        return dict(asdict(self), flags=list(self.flags or ()))

    @classmethod
    def from_dict(cls, fields: Dict[str, Any]) -> 'EngineKey':
        """The key of a record's ``key`` object."""
        return cls(**dict(fields, flags=tuple(fields['flags'])))

    def differences(self, other: 'EngineKey') -> List[str]:
        """Fields in which an engine does not fit a question; never ``power_mode``.

        Args:
            other: the engine's key; `self` is the question, whose `flags` may be None.
        """
        asked, built = asdict(self), asdict(other)
        return [field for field in TITLES if field != 'power_mode' and asked[field] != built[field]
                and not (field == 'flags' and asked[field] is None)]


def describe_differences(asked: EngineKey, built: EngineKey, fields: Sequence[str]) -> str:
    """Each of these fields with both values: ``'TensorRT: built for 8.0.1, here 8.2.1'``.

    Args:
        asked: the question of this machine.
        built: the engine's key.
        fields: as `EngineKey.differences` gave them.
    """
    return ', '.join('%s: built for %s, here %s' % (TITLES[field], _shown(field, getattr(built, field)),
                                                    _shown(field, getattr(asked, field))) for field in fields)


def machine_facts(root: str = '/') -> Dict[str, Any]:
    """What an engine of this machine is keyed by; never raises for what is absent.

    Args:
        root: folder that stands for ``/`` where the board is looked up.
    Returns:
        ``tensorrt`` (``''`` where there is none), ``sm`` (None where no GPU answers), ``board`` and ``power_mode``.
    """
    board = board_facts(root)
    gpu, sm = _gpu()
    # A PC's files name its processor, but an engine is tied to the GPU.
    name = board['board'] if board['sm'] is not None or not gpu else gpu
    return {'tensorrt': _tensorrt_version(), 'sm': sm if sm is not None else board['sm'], 'board': name,
            'power_mode': board['power_mode']}


def _shown(field: str, value: Any) -> str:
    if field == 'onnx_sha256':
        return str(value[:12])
    if field == 'sm':
        return '%d.%d' % divmod(value, 10) if value is not None else 'unknown'
    if field == 'flags':
        return ' '.join(value) or 'none'
    return value or 'unknown'


def _tensorrt_version() -> str:
    try:
        return str(import_tensorrt().__version__)
    except BackendError:
        return ''


def _gpu() -> Tuple[str, Optional[int]]:
    """Name and compute capability times ten of the first GPU, or ``('', None)``."""
    try:
        return first_gpu()
    except BackendError:
        return '', None
