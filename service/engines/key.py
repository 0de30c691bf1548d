"""What an engine was built from and for; it runs where all of that is the same, and nowhere else."""
import hashlib
import json
import re
from dataclasses import asdict, dataclass

#: Fields that name the machine; an engine for another one is foreign, not merely old.
MACHINE_FIELDS = ('sm', 'board')

#: How messages call the fields.
TITLES = {'onnx_sha256': 'model file', 'tensorrt': 'TensorRT', 'sm': 'compute capability', 'board': 'board',
          'precision': 'precision', 'flags': 'build options', 'power_mode': 'power mode'}


@dataclass(frozen=True)
class EngineKey:
    """What decides whether an engine may run.

    TensorRT's plans are tied to the release and to the GPU that built them, and it does not say so before
    a plan is loaded (facts: its "not compatible with this version" and "incompatible device" messages).

    Attributes:
        onnx_sha256 (str): hash of the ONNX file that was compiled, 64 hex digits.
        tensorrt (str): release of the TensorRT that compiled it, such as ``'8.2.1.8'``.
        sm (int): compute capability times ten, such as 53.
        board (str): the board, or on a PC the GPU.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
        flags (tuple of str): build options that change the engine; None in a question means any.
        power_mode (str): the mode whose clocks the tactics were timed under. It never makes an engine
            wrong, only slower than it could be, so another mode is noted and not refused.
    """

    onnx_sha256: str
    tensorrt: str
    sm: int
    board: str
    precision: str
    flags: tuple = ()
    power_mode: str = ''

    @property
    def name(self):
        """Stem of the engine's files: readable in front, unique through the hash of every field behind."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        words = (self.precision, self.onnx_sha256[:8], 'sm%s' % self.sm, 'trt%s' % self.tensorrt,
                 hashlib.sha256(text.encode('utf-8')).hexdigest()[:8])
        return re.sub(r'[^A-Za-z0-9._-]', '_', '-'.join(words))

    def to_dict(self):
        """The fields as JSON."""
        return dict(asdict(self), flags=list(self.flags))

    @classmethod
    def from_dict(cls, fields):
        """The key of a sidecar's ``key`` object."""
        return cls(**dict(fields, flags=tuple(fields['flags'])))

    def differences(self, other):
        """Fields in which an engine does not fit a question.

        Args:
            other (EngineKey): the engine's key; `self` is the question, its `flags` may be None.
        Returns:
            list of str: field names; `power_mode` is never among them.
        """
        asked, there = asdict(self), asdict(other)
        return [field for field in TITLES if field != 'power_mode' and asked[field] != there[field]
                and not (field == 'flags' and asked[field] is None)]


def in_words(asked, there, fields):
    """The differences as text: ``'TensorRT 8.0.1 here 8.2.1'`` for each field, both values shown.

    Args:
        asked, there (EngineKey): this machine's question and the engine's key.
        fields (list of str): what `EngineKey.differences` gave.
    """
    return ', '.join('%s: built for %s, here %s' % (TITLES[field], _shown(field, getattr(there, field)),
                                                    _shown(field, getattr(asked, field))) for field in fields)


def _shown(field, value):
    if field == 'onnx_sha256':
        return value[:12]
    if field == 'sm':
        return '%d.%d' % divmod(value, 10) if value is not None else 'unknown'
    if field == 'flags':
        return ' '.join(value) or 'none'
    return value or 'unknown'
