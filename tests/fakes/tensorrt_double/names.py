"""Which names the bindings of a release have."""
import json
from pathlib import Path

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
