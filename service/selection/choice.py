"""The order in which candidates are tried, and the choice that was measured and written on this machine."""
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..backends.cuda import first_gpu
from ..backends.tensorrt_api import tensorrt_installed
from ..bundle import Bundle
from ..durable import atomic_write_json
from ..engines import machine_facts
from ..messages import WARNING, BackendError, Message
from .candidates import Candidate, Runtime, every_candidate

if sys.version_info >= (3, 8):
    from importlib import metadata
else:
    import importlib_metadata as metadata

CHOICE_NAME = 'choice.json'

#: A choice is a page of text.
_MAX_BYTES = 256 * 1024

#: INT8 must be faster than the fastest other candidate by this fraction. It costs more accuracy than the others, and
#: a few per cent come and go with the temperature of the board.
INT8_MARGIN = 0.1


def plan(bundle: Bundle, runtime: Runtime) -> Tuple[List[Candidate], List[Message]]:
    """What is tried for a bundle.

    Returns:
        The candidates, best first and at least one; and why a written choice is not followed, or why this machine,
        which has TensorRT, can have no engine.
    Raises:
        BackendError: ``engine-missing`` or ``precision-missing`` where the runtime allows no candidate.
    """
    every = every_candidate(bundle, runtime)
    usual = _usual_order(bundle, runtime, every)
    if not usual:
        raise _no_candidate(bundle, runtime)
    notes = [] if any(candidate.backend == 'tensorrt' for candidate in every) else _unreachable_gpu(runtime)
    if runtime.precision != 'auto' or not runtime.engines:
        return usual, notes
    chosen, ignored = read_choice(runtime.engines, bundle.manifest.sha256, [candidate.name for candidate in every],
                                  runtime.threads)
    first = [candidate for candidate in every if candidate.name == chosen]
    return (first + [candidate for candidate in usual if candidate.name != chosen],
            notes + ([ignored] if ignored is not None else []))


def machine_key(threads: int = 0) -> Dict[str, Any]:
    """The conditions that a measurement holds for; under others the choice may differ.

    Args:
        threads: CPU threads of one inference; 0 for every core this process may use.
    Returns:
        ``board``, ``sm``, ``power_mode`` and ``tensorrt`` of `machine_facts`; ``onnxruntime`` (its release, ``''``
        where it is not installed); ``threads``.
    """
    return dict(machine_facts(), onnxruntime=_onnxruntime_version(), threads=threads or len(os.sched_getaffinity(0)))


def write_choice(folder: str, document: Dict[str, Any]) -> str:
    """Write a choice, replacing an older one.

    Args:
        folder: the folder of engines.
        document: ``bundle`` (identity), ``machine`` (`machine_key`), ``chosen`` (name of a candidate), and what was
            measured.
    Returns:
        Path of the file.
    Raises:
        StorageError: the write failed; an older choice is still there.
    """
    path = os.path.join(folder, CHOICE_NAME)
    atomic_write_json(path, dict(document, schema=1))
    return path


def read_choice(folder: str, bundle_hash: str, names: Sequence[str],
                threads: int = 0) -> Tuple[Optional[str], Optional[Message]]:
    """The candidate that was chosen for this bundle on this machine.

    Args:
        folder: the folder of engines.
        bundle_hash: hash of the bundle's manifest.
        names: names of the candidates.
        threads: as for `machine_key`.
    Returns:
        Its name, or None; and why a choice that is there is not followed.
    """
    path = os.path.join(folder, CHOICE_NAME)
    try:
        with open(path, 'rb') as stream:
            document = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
        bundle, machine, chosen = document['bundle']['hash'], document['machine'], document['chosen']
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, _ignored('choice-unreadable', '%s cannot be read as a choice' % path)
    if bundle != bundle_hash:
        return None, _ignored('choice-stale', 'The choice in %s was measured with another bundle' % path)
    here = machine_key(threads)
    if machine != here:
        return None, _ignored('choice-stale', 'The choice in %s was measured under other conditions (%s)'
                              % (path, _differences(machine, here)))
    if chosen not in names:
        return None, _ignored('choice-stale', 'The choice in %s is %s, which is no longer available here'
                              % (path, chosen))
    return chosen, None


def fastest(rows: Sequence[Dict[str, Any]]) -> Optional[Dict[str, Any]]:
    """The row with the fastest median among those that are not excluded.

    INT8 must be faster than the fastest other one by `INT8_MARGIN`.

    Args:
        rows: as `measurement.measure` gives them.
    Returns:
        The chosen row; None where every one is excluded.
    """
    eligible = sorted((row for row in rows if not row['excluded']), key=lambda row: row['median_ms'])
    others = [row for row in eligible if row['precision'] != 'int8']
    int8 = [row for row in eligible if row['precision'] == 'int8']
    if int8 and (not others or int8[0]['median_ms'] < (1 - INT8_MARGIN) * others[0]['median_ms']):
        return int8[0]
    return others[0] if others else None


def _usual_order(bundle: Bundle, runtime: Runtime, every: Sequence[Candidate]) -> List[Candidate]:
    """The candidates without a measured choice: every engine, and one variant on each provider.

    Engines were compiled and proven on this machine. Whether ONNX Runtime is faster here in another precision than
    FP32 is not known; some machines are slower.
    """
    precision = 'fp32' if runtime.precision == 'auto' else runtime.precision
    variants = [variant for variant in bundle.variants.values() if variant.precision == precision]
    # Those that end in ArgMax first: ONNX Runtime has it everywhere.
    variants.sort(key=lambda variant: not variant.answers)
    preferred = variants[0].name if variants else None
    return [candidate for candidate in every
            if candidate.backend == 'tensorrt' or candidate.file_variant == preferred]


def _unreachable_gpu(runtime: Runtime) -> List[Message]:
    """Why no engine could be built: an installation goes on without one, and later nobody would know."""
    if runtime.backend != 'auto' or not runtime.engines or not tensorrt_installed():
        return []
    try:
        first_gpu(runtime.cuda)
    except BackendError as error:
        return [Message(error.code, error.message.sentence, error.message.next_step, WARNING, 'tensorrt')]
    return []


def _no_candidate(bundle: Bundle, runtime: Runtime) -> BackendError:
    if runtime.backend == 'tensorrt':
        precision = '' if runtime.precision == 'auto' else runtime.precision + ' '
        return BackendError('engine-missing', 'There is no %sengine in %s.'
                            % (precision, runtime.engines or 'any folder (engines is not set)'),
                            'Build one with thermoscreen compile %s, or set backend to auto.' % bundle.folder)
    return BackendError('precision-missing', 'The bundle in %s has no %s variant, only %s.'
                        % (bundle.folder, runtime.precision, ', '.join(bundle.variants)),
                        'Set precision to auto, or name another bundle.')


def _onnxruntime_version() -> str:
    """The installed release, without importing it: an engine runs without ONNX Runtime."""
    for name in ('onnxruntime-gpu', 'onnxruntime'):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ''


def _ignored(code: str, problem: str) -> Message:
    return Message(code, problem + ' and is not followed.', 'Measure again with thermoscreen choose --write.',
                   severity=WARNING, subject=CHOICE_NAME)


def _differences(written: Any, here: Dict[str, Any]) -> str:
    if not isinstance(written, dict):
        return 'not stated'
    return ', '.join('%s: %s, here %s' % (name, written.get(name, 'not stated'), here[name])
                     for name in sorted(here) if written.get(name) != here[name]) or 'others'
