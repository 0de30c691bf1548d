"""What a benchmark leaves behind: one JSON document with every sample, checked before it is written and when read."""
import functools
import json
import os
import shutil

import jsonschema
import numpy as np

from service.durable import atomic_write, atomic_write_json, storage_error
from service.messages import InputError, StorageError

from .frames import add_up, in_order
from .statistics import interval, percentile_draws, summarise
from .watching import energy

SCHEMA = 1
#: Kinds of documents, and the file of each in its folder.
BENCH, SOAK, COLD = 'bench', 'soak', 'cold'
FILES = {kind: kind + '.json' for kind in (BENCH, SOAK, COLD)}

_FOLDER = os.path.dirname(os.path.abspath(__file__))
#: An hour of frames at 60 Hz with ten stages.
_MAX_BYTES = 128 << 20
#: Room that a folder must have before anything is measured.
_ROOM_BYTES = 32 << 20


def describe_run(run, readings=()):
    """A run as JSON.

    Args:
        run (Run): whole or broken off.
        readings (list of dict): as `Watcher.readings`.
    Returns:
        dict: statistics and samples; without a single frame, only what there is.
    """
    timings = run.timings
    duration_s = run.ended_s - run.began_s if run.ended_s is not None else 0.0
    document = {'mode': run.mode, 'complete': run.complete, 'trouble': run.trouble, 'n': len(timings),
                'began_s': run.began_s, 'duration_s': duration_s, 'dropped': run.dropped, 'silent': run.silent,
                'no_results': sum(not timing.result for timing in timings),
                'warm_up': [timing.end_to_end_ms for timing in run.warm_up]}
    if not timings:
        return document
    stages = stage_samples(timings)
    document.update(
        rate_hz=len(timings) / duration_s if duration_s > 0 else None,
        end_to_end=_whole(timings),
        stages={stage: summarise([value for value in values if value is not None])
                for stage, values in stages.items()},
        sum=add_up(timings),
        samples={'started_s': [round(timing.started_s, 6) for timing in timings],
                 'end_to_end_ms': [round(timing.end_to_end_ms, 4) for timing in timings],
                 'stages_ms': {stage: [value if value is None else round(value, 4) for value in values]
                               for stage, values in stages.items()}})
    used = energy(readings, run.began_s, run.ended_s, len(timings))
    return dict(document, energy=used) if used else document


def _whole(timings):
    """Statistics of whole frames, with a 95 % interval of the p90."""
    whole_ms = [timing.end_to_end_ms for timing in timings]
    low, high = interval(percentile_draws(np.array(whole_ms)[:, np.newaxis], 90)[:, 0])
    return dict(summarise(whole_ms), p90_low_ms=float(low), p90_high_ms=float(high))


def stage_samples(timings):
    """Milliseconds of every stage by name, a list with one entry a frame: None where a frame had no such stage."""
    there = in_order({stage for timing in timings for stage in timing.stages_ms})
    return {stage: [timing.stages_ms.get(stage) for timing in timings] for stage in there}


@functools.lru_cache(maxsize=None)
def validator(kind):
    """The JSON Schema (draft 7) of a kind of document."""
    with open(os.path.join(_FOLDER, kind + '.schema.json'), encoding='utf-8') as stream:
        return jsonschema.Draft7Validator(json.load(stream))


def check_document(document, name='the document'):
    """Refuse what is no benchmark of this program.

    Args:
        document (object): anything that came out of JSON.
        name (str): what the sentence calls it.
    Raises:
        InputError: ``bench-foreign`` or ``bench-schema``.
    """
    kind = document.get('kind') if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in FILES:
        raise InputError('bench-foreign', '%s is no measurement of thermoscreen bench.' % name)
    if document.get('schema') != SCHEMA:
        raise InputError('bench-schema', '%s is of schema %s and this program reads %d; measure again.'
                         % (name, document.get('schema'), SCHEMA))
    problem = jsonschema.exceptions.best_match(validator(kind).iter_errors(document))
    if problem is not None:
        raise InputError('bench-foreign', '%s is damaged or from another program (%s).'
                         % (name, '.'.join(str(part) for part in problem.absolute_path) or 'top level'),
                         detail=problem.message[:200])


def read_document(path, kind=None):
    """A document from a file, checked.

    Args:
        path (str): the file, or the folder that holds it.
        kind (str): one of `FILES`; None for any.
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
        document = json.loads(data.decode('utf-8'), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError('bench-unreadable', '%s cannot be read as JSON (%s); check the path, or measure again.'
                         % (path, getattr(error, 'strerror', None) or type(error).__name__), detail=str(error))
    check_document(document, path)
    if kind and document['kind'] != kind:
        raise InputError('bench-kind', '%s is of kind %s; this takes %s.' % (path, document['kind'], kind))
    return document


def write_document(folder, document):
    """Write a document under its usual name; nothing is written that does not fit its own schema.

    Returns:
        str: the file.
    Raises:
        InputError: ``bench-foreign``: a fault of the program.
        StorageError: the disk refused.
    """
    check_document(document)
    path = os.path.join(folder, FILES[document['kind']])
    atomic_write_json(path, document)
    return path


def prepare_folder(folder, kind, keep=False):
    """Make sure before the minutes of measuring that a folder can take what comes of them.

    Args:
        folder (str): made where it is not there.
        kind (str): one of `FILES`.
        keep (bool): whether a document that is there already is to be gone on with.
    Raises:
        InputError: ``output-exists``.
        StorageError: it cannot be made or written, or has no room.
    """
    path = os.path.join(folder, FILES[kind])
    if os.path.exists(path) and not keep:
        raise InputError('output-exists', '%s is there already; name another folder with --out.' % path)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder)
    probe = os.path.join(folder, '.room')
    atomic_write(probe, b'')
    os.unlink(probe)
    free = shutil.disk_usage(folder).free
    if free < _ROOM_BYTES:
        raise StorageError('disk-full', '%s has %.1f MiB free and a benchmark needs %d; free some space or name '
                           'another folder with --out.' % (folder, free / float(1 << 20), _ROOM_BYTES >> 20))


def _no_number(word):
    raise ValueError('%s is no JSON number' % word)
