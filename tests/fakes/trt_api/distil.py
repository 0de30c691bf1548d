"""Writes the data files of this folder from the full list of names of the real TensorRT bindings.

Run as ``python -m tests.fakes.trt_api.distil``; the list lies outside the project, in the folder ``facts`` beside
the one that ``THERMOSCREEN_SHARED`` names. One line a class; a member is `"property"`, `"read only"`, `"value"`, the
list of a method's argument names, or an enum's number. A method with no list of arguments in the source has `[]`.
"""
import json
import os
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = ('8.0.1', '8.2.1', '8.5.2', '8.6.1', '10.3.0', '11.4.0')
#: Classes and functions for building and running engines.
CLASSES = (
    'Builder', 'BuilderFlag', 'CalibrationAlgoType', 'DataType', 'Dims', 'EngineCapability', 'EngineInspector',
    'ErrorCode', 'ErrorCodeTRT', 'ExecutionContextAllocationStrategy', 'HardwareCompatibilityLevel', 'IBuilderConfig',
    'ICudaEngine', 'IExecutionContext', 'IHostMemory', 'IInt8Calibrator', 'IInt8EntropyCalibrator',
    'IInt8EntropyCalibrator2', 'IInt8LegacyCalibrator', 'IInt8MinMaxCalibrator', 'ILayer', 'ILogger',
    'INetworkDefinition', 'IOptimizationProfile', 'IPluginRegistry', 'IProfiler', 'IProgressMonitor', 'ITensor',
    'ITimingCache', 'LayerInformationFormat', 'Logger', 'MemoryPoolType', 'NetworkDefinitionCreationFlag',
    'OnnxParser', 'OnnxParserFlag', 'ParserError', 'PreviewFeature', 'Profiler', 'ProfilingVerbosity',
    'QuantizationFlag', 'Runtime', 'Severity', 'TacticSource', 'TensorFormat', 'TensorIOMode', 'TensorLocation')
#: Whose numbers stand for the releases that were read off source, where the list has names without numbers.
NUMBERED = '8.6.1'


def facts_folder():
    """Folder of the full lists, or None where this machine has none."""
    data = os.environ.get('THERMOSCREEN_SHARED') or HERE.parents[3] / 'shared' / 'data'
    folder = Path(str(data)).parent / 'facts' / 'trt_api'
    return folder if folder.is_dir() else None


def full_list(folder, version):
    """The real surface of a version: name to what the list says of it."""
    return json.loads((folder / ('tensorrt-%s.json' % version)).read_text(encoding='utf-8'))['api']


def distil(folder, version):
    """What the data file of a version holds: classes, functions and values."""
    api, numbers = full_list(folder, version), full_list(folder, NUMBERED)
    result = {'classes': {}, 'functions': {}, 'values': {}}
    for name, entry in sorted(api.items()):
        if entry['kind'] == 'function':
            result['functions'][name] = _arguments(entry)
        elif entry['kind'] == 'value':
            result['values'][name] = entry['type']
        elif name in CLASSES:
            known = numbers.get(name, {}).get('members', {})
            members = {member: _member(what, known.get(member, {})) for member, what in entry['members'].items()}
            result['classes'][name] = {'bases': [base for base in entry['bases'] if base in CLASSES],
                                       'members': members}
    return result


def _member(entry, numbered):
    if entry['kind'] == 'enum':
        return entry.get('value', numbered.get('value'))
    if entry['kind'] == 'method':
        return _arguments(entry)
    return {'property': 'property', 'property (read only)': 'read only', 'value': 'value'}[entry['kind']]


def _arguments(entry):
    if 'arguments' in entry:
        return [name.split('=')[0] for name in entry['arguments']]
    lists = [re.findall(r'[(,] ?(\w+): ', text) for text in entry.get('signatures', ())]
    longest = max(lists, key=len) if lists else []
    return [name for name in longest if name != 'self']


def text(content):
    """The data file's text: one line a class, so that a difference between two versions can be read."""
    sections = []
    for section in sorted(content):
        entries = ['%s: %s' % (json.dumps(name), json.dumps(entry, sort_keys=True))
                   for name, entry in sorted(content[section].items())]
        sections.append('%s: {\n  %s\n }' % (json.dumps(section), ',\n  '.join(entries)))
    return '{%s}\n' % ',\n '.join(sections)


if __name__ == '__main__':
    source = facts_folder()
    if source is None:
        raise SystemExit('The full lists are not on this machine; set THERMOSCREEN_SHARED.')
    for release in VERSIONS:
        (HERE / ('%s.json' % release)).write_text(text(distil(source, release)), encoding='utf-8')
