"""The sidecar of an engine, read and checked."""
import json
import os

import jsonschema

from ..messages import BackendError

_SCHEMA_PATH = os.path.join(os.path.dirname(__file__), 'record.schema.json')

#: A sidecar is a page of text; its warnings are cut where they are collected.
_MAX_BYTES = 256 * 1024


def read_record(path):
    """The sidecar's document.

    Args:
        path (str): the file.
    Returns:
        dict: as ``record.schema.json`` describes it.
    Raises:
        BackendError: ``engine-unreadable`` for a file that is cut off, no JSON or not a sidecar.
    """
    try:
        with open(path, 'rb') as stream:
            record = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error))
    with open(_SCHEMA_PATH, encoding='utf-8') as stream:
        problem = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(json.load(stream)).iter_errors(record))
    if problem is not None:
        raise _unreadable(path, problem.message[:200])
    return record


def _unreadable(path, detail):
    return BackendError('engine-unreadable', '%s is damaged or from another version; build the engine again with '
                        'thermoscreen compile.' % path, detail=detail)
