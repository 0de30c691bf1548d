"""What a test chooses: which release and board the double imitates, and what goes wrong."""
import json
import os
from pathlib import Path

#: Environment variable that tells a child process which double to be: JSON of release, compute capability and faults.
VARIABLE = 'TENSORRT_DOUBLE'


class Faults:
    """What goes wrong; every field may be changed while a test runs.

    Each names the report that it is taken from.

    Args:
        bad_plan (bool): every plan is damaged on its way to `deserialize_cuda_engine` ("Serialization Error in
            deserialize", NVIDIA/TensorRT issue 564).
        low_memory (bool): the builder logs that tactics were skipped for lack of memory, and builds all the same
            (ultralytics issue 14751).
        low_workspace (bool): the builder logs that tactics need more workspace (trtexec 8.2 with its 16 MiB), and
            builds all the same.
        build_fails (bool): no implementation for some node; the build gives None (NVIDIA/TensorRT issue 1766).
        no_argmax (bool): the same for a network with ArgMax, and only for such a one ([Bourrieau2024], on a Nano).
        ending (str): how a build ends that comes to a layer of `ending_at`: `'abort'`: CUDA stops a kernel, and the
            process aborts ([OnnxTensorrt671], on a Nano); `'timeout'`: the same error, logged, and the build gives
            None (what TensorRT 8 does with errors of CUDA); `'kill'`: SIGKILL by the kernel for lack of memory
            (retinanet-examples issue 144, on a Nano: "Killed"); `'exit'`: exit code 3 without a word.
        ending_at (str): operator, such as `'ArgMax'`; a builder flag, such as `'FP16'`; `''` for every layer.
        slow_build (float): seconds that a build takes, with log lines in between (84 minutes on a Nano for
            EfficientDet-D3, NobuoTsukamoto/benchmarks).
        cuda_error (str): `'illegal address'`, `'launch failed'` or a text of the driver's: what the next execution
            breaks the device with. The device stays broken (CUDA runtime API, cudaErrorIllegalAddress).
        nan (bool): engines built with the FP16 flag give NaN (NVIDIA/TensorRT issues 1787 and 3333).
        out_of_memory (bool or int): no device memory at all, or this many bytes of it (CUDA_ERROR_OUT_OF_MEMORY of the
            driver API, as pycuda raises it).
        no_device (bool): there is no GPU (CUDA_ERROR_NO_DEVICE; "CUDA initialization failure with error: 100" of the
            real bindings of 8.2.1 to 11.4 on a PC without one).
        no_context (bool): `create_execution_context` gives None for lack of memory (its documentation).
    """

    _defaults = {'bad_plan': False, 'low_memory': False, 'low_workspace': False, 'build_fails': False,
                 'no_argmax': False, 'ending': '', 'ending_at': '', 'slow_build': 0.0, 'cuda_error': '', 'nan': False,
                 'out_of_memory': False, 'no_device': False, 'no_context': False}

    def __init__(self, **wanted):
        unknown = sorted(set(wanted) - set(self._defaults))
        if unknown:
            raise TypeError('the double knows no fault %s' % ', '.join(unknown))
        self.__dict__.update(self._defaults, **wanted)

    def __setattr__(self, name, value):
        self.__dict__[name] = value
        if VARIABLE in os.environ:  # a child that is started from now on has the fault too
            chosen = json.loads(os.environ[VARIABLE])
            chosen['faults'][name] = value
            os.environ[VARIABLE] = json.dumps(chosen)


class Board:
    """A fake device.

    Args:
        sm (int): compute capability times ten.
        device (str): name as the CUDA driver gives it.
        total_bytes, free_bytes (int): memory that a GPU call sees.
    """

    def __init__(self, sm, device, total_mib, free_mib):
        self.sm, self.device = sm, device
        self.total_bytes, self.free_bytes = total_mib << 20, free_mib << 20

    @property
    def fast_fp16(self):
        """Whether half precision is faster than single: not on the desktop parts of Maxwell and Pascal."""
        return self.sm not in (50, 52, 61)

    @property
    def fast_int8(self):
        """Whether the chip has 8-bit dot products: from 6.1 on, the TX2's 6.2 excepted."""
        return self.sm >= 61 and self.sm != 62

    @property
    def tf32(self):
        return self.sm >= 80


_BOARDS = {53: ('NVIDIA Tegra X1', 3956, 2400), 62: ('NVIDIA Tegra X2', 7850, 5600), 72: ('Xavier', 7765, 5500),
           75: ('Tesla T4', 15109, 14800), 87: ('Orin', 7620, 5400), 90: ('NVIDIA H200', 143771, 143000)}


def board(sm):
    """The fake device of a compute capability; memory in MiB as such boards report it."""
    device, total, free = _BOARDS.get(sm, ('GPU of compute capability %d.%d' % divmod(sm, 10), 8000, 7000))
    return Board(sm, device, total, free)


FOLDER = Path(__file__).resolve().parent.parent / 'trt_api'

_SEVERITY = {'INTERNAL_ERROR': 0, 'ERROR': 1, 'WARNING': 2, 'INFO': 3, 'VERBOSE': 4}
_TYPES = {'float32': 'FLOAT', 'float16': 'HALF', 'int8': 'INT8', 'int32': 'INT32', 'bool': 'BOOL', 'uint8': 'UINT8',
          'int64': 'INT64', 'bfloat16': 'BF16', 'fp8': 'FP8', 'int4': 'INT4', 'fp4': 'FP4', 'e8m0': 'E8M0'}

#: What `tensorrt/__init__.py` adds in Python; the lists come from the compiled part alone.
PYTHON_NAMES = ('__version__', 'nptype', 'volume')
#: Members that hold for a class in every release and that the lists leave out: pybind11's own, and Python's part.
PYTHON_MEMBERS = {'DataType': ('itemsize',)}


class Names:
    """Names of one release.

    Args:
        version (str): release, such as ``8.2.1``.
    """

    def __init__(self, version):
        data = json.loads((FOLDER / ('%s.json' % version)).read_text(encoding='utf-8'))
        self.classes, self.functions, self.values = data['classes'], data['functions'], data['values']
        # The lists of the releases before 8.6 were read off source, where a few definitions stand out of the
        # reader's sight: Severity is nested in ILogger, and the data types have short names.
        self.classes.pop('Severity', None)
        shown = dict.fromkeys(list(_SEVERITY) + ['Severity'], 'value')
        for name, base in (('ILogger', []), ('Logger', ['ILogger'])):
            entry = self.classes.setdefault(name, {'bases': base, 'members': {}})
            entry['members'] = dict({'__init__': [], 'log': ['severity', 'msg']}, **dict(shown, **entry['members']))
        self.classes['Logger']['members'].setdefault('min_severity', 'property')
        if not self.values:
            known = self.members('DataType')
            self.values = {name: 'DataType' for name, member in _TYPES.items() if member in known}

    def members(self, name):
        """Member to kind of a class, those of its bases among them."""
        entry = self.classes[name]
        found = {}
        for base in entry['bases']:
            found.update(self.members(base))
        found.update(entry['members'])
        return found

    def numbers(self, name):
        """Enum member to number; empty where the class is no enum."""
        return {member: what for member, what in self.classes[name]['members'].items() if isinstance(what, int)}

    def offered(self, name):
        """Every public member that objects of a class may show."""
        return set(self.members(name)) | set(PYTHON_MEMBERS.get(name, ()))


def severity_numbers():
    """Severity name to number, most severe first."""
    return dict(_SEVERITY)


def value_member(name):
    """DataType's member behind a short name such as ``float32``."""
    return _TYPES[name]
