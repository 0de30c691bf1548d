"""The JSON documents of a benchmark, with every sample; checked before they are written and when they are read."""
import json
import os
import shutil
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError, StorageError
from service.schema import schema_problem

from .environment import energy
from .runs import Run, Timing, add_up, in_order
from .statistics import interval, percentile_draws, summarise

#: Kinds of documents, the file of each in its folder, and the version of its schema. Soak 2: restarts are messages.
BENCH, SOAK, COLD = 'bench', 'soak', 'cold'
FILES = {kind: kind + '.json' for kind in (BENCH, SOAK, COLD)}
SCHEMAS = {BENCH: 1, SOAK: 2, COLD: 1}

Document = Dict[str, Any]

_FOLDER = os.path.dirname(os.path.abspath(__file__))
#: An hour of frames at 60 Hz with ten stages.
_MAX_BYTES = 128 << 20
#: Free space that a folder must have before anything is measured.
_MIN_FREE_BYTES = 32 << 20


def describe_run(run: Run, readings: Sequence[Document] = ()) -> Document:
    """A run, complete or not, with its statistics and samples; without frames only what there is.

    Args:
        run: what was measured.
        readings: of a `TelemetryRecorder`.
    """
    timings = run.timings
    document: Document = {
        'mode': run.mode, 'complete': run.complete, 'trouble': run.error and run.error.to_dict(), 'n': len(timings),
        'began_s': run.began_s, 'duration_s': run.duration_s, 'dropped': run.dropped, 'silent': run.silent,
        'no_results': sum(not timing.result for timing in timings),
        'warm_up': [timing.end_to_end_ms for timing in run.warm_up]}
    if run.capture is not None:
        document['capture'] = run.capture
    if not timings or run.began_s is None or run.ended_s is None:
        return document
    stages = stage_samples(timings)
    document.update(
        rate_hz=len(timings) / run.duration_s if run.duration_s > 0 else None,
        end_to_end=_end_to_end(timings),
        stages={stage: summarise([value for value in values if value is not None])
                for stage, values in stages.items()},
        sum=add_up(timings),
        samples={'started_s': [round(timing.started_s, 6) for timing in timings],
                 'end_to_end_ms': [round(timing.end_to_end_ms, 4) for timing in timings],
                 'stages_ms': {stage: [value if value is None else round(value, 4) for value in values]
                               for stage, values in stages.items()}})
    used = energy(readings, run.began_s, run.ended_s, len(timings))
    return dict(document, energy=used) if used else document


def stage_samples(timings: Sequence[Timing]) -> Dict[str, List[Optional[float]]]:
    """Milliseconds by stage, one entry per frame: None where a frame had no such stage."""
    stages = in_order({stage for timing in timings for stage in timing.stages_ms})
    return {stage: [timing.stages_ms.get(stage) for timing in timings] for stage in stages}


def check_document(document: Any, name: str = 'The document') -> None:
    """Refuse what is not a document of this program.

    Args:
        document: any value out of JSON.
        name: what the sentence calls it.
    Raises:
        InputError: ``bench-foreign`` or ``bench-schema``.
    """
    kind = document.get('kind') if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in FILES:
        raise InputError('bench-foreign', '%s is not a measurement of thermoscreen bench.' % name)
    if document.get('schema') != SCHEMAS[kind]:
        raise InputError('bench-schema', '%s has schema %s, and this program reads %d.'
                         % (name, document.get('schema'), SCHEMAS[kind]), 'Measure again.')
    problem = schema_problem(os.path.join(_FOLDER, kind + '.schema.json'), document)
    if problem is not None:
        raise InputError('bench-foreign', '%s is damaged or from another program (%s).' % (name, problem))


def read_document(path: str, kind: Optional[str] = None) -> Document:
    """A document from a file, checked.

    Args:
        path: the file, or the folder that holds it.
        kind: one of `FILES`; None for any.
    Raises:
        InputError: ``bench-unreadable``, ``bench-foreign``, ``bench-schema`` or ``bench-kind``.
    """
    if os.path.isdir(path):
        path = os.path.join(path, FILES[kind or BENCH])
    try:
        with open(path, 'rb') as stream:
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError('longer than %d MiB' % (_MAX_BYTES >> 20))
        document = json.loads(data.decode('utf-8'), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError('bench-unreadable', '%s cannot be read as JSON (%s).'
                         % (path, getattr(error, 'strerror', None) or type(error).__name__),
                         'Check the path, or measure again.', detail=str(error)) from error
    check_document(document, path)
    if kind and document['kind'] != kind:
        raise InputError('bench-kind', '%s is a document of kind %s, not %s.' % (path, document['kind'], kind))
    checked: Document = document
    return checked


def write_document(folder: str, document: Document) -> str:
    """Write a document under its usual name, if it fits its own schema; returns the path.

    Raises:
        InputError: ``bench-foreign``: a fault of the program.
        StorageError: the disk refused.
    """
    check_document(document)
    path = os.path.join(folder, FILES[document['kind']])
    atomic_write_json(path, document)
    return path


def prepare_folder(folder: str, kind: str, keep: bool = False) -> None:
    """Make sure, before minutes of measuring, that a folder can take the results.

    Args:
        folder: made where it does not exist.
        kind: one of `FILES`.
        keep: whether a document in it is to be continued.
    Raises:
        InputError: ``output-exists``.
        StorageError: it cannot be made or written, or is full.
    """
    path = os.path.join(folder, FILES[kind])
    if os.path.exists(path) and not keep:
        raise InputError('output-exists', '%s exists already.' % path, 'Name another folder with --out.')
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    probe = os.path.join(folder, '.room')
    atomic_write(probe, b'')
    os.unlink(probe)
    free = shutil.disk_usage(folder).free
    if free < _MIN_FREE_BYTES:
        raise StorageError('disk-full', '%s has %.1f MiB free, and a benchmark needs %d.'
                           % (folder, free / float(1 << 20), _MIN_FREE_BYTES >> 20),
                           'Free some space, or name another folder with --out.')


def _end_to_end(timings: Sequence[Timing]) -> Document:
    """Statistics of whole frames, with a 95 % interval of the p90."""
    times_ms = [timing.end_to_end_ms for timing in timings]
    low, high = interval(percentile_draws(np.array(times_ms)[:, np.newaxis], 90)[:, 0])
    return dict(summarise(times_ms), p90_low_ms=float(low), p90_high_ms=float(high))


def _refuse_constant(word: str) -> None:
    raise ValueError('%s is not JSON' % word)
