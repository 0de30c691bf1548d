"""A small JSON file next to a thermogram that states what the thermogram itself cannot."""
import datetime
import json
import os
import re
from typing import Any, Dict, List, Optional, Tuple

from ..messages import InputError
from ..radiometry import OBJECT_PARAMETERS, ObjectParameters
from ..radiometry.object_parameters import with_source
from .base import Path, check_scale
from .files import read_bytes, shown_name

#: Every key of a sidecar.
KEYS = ('scale', 'captured_at', 'mirrored') + tuple(OBJECT_PARAMETERS)

_MAX_BYTES = 16 << 10
_TIME = re.compile(r'(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(?:Z|([+-])(\d\d):(\d\d))', re.ASCII)


def sidecar_path(path: Path, takes_stem: bool = True) -> Optional[str]:
    """The sidecar of a file, or None: ``name.png.json`` before ``name.json``, the latter where `takes_stem`."""
    path = os.fspath(path)
    for candidate in (path + '.json', os.path.splitext(path)[0] + '.json')[:2 if takes_stem else 1]:
        if os.path.isfile(candidate):
            return candidate
    return None


def read_sidecar(path: Path, takes_stem: bool = True) -> Dict[str, Any]:
    """What the sidecar of a thermogram states, checked.

    Args:
        path: the thermogram.
        takes_stem: whether ``STEM.json`` may be its sidecar.
    Returns:
        Any of ``scale`` (a key of `SCALES`), ``captured_at`` (UTC ISO-8601), ``mirrored`` (bool) and the names of
        `OBJECT_PARAMETERS` (float); empty where there is no sidecar.
    Raises:
        InputError: ``sidecar-not-json``, ``sidecar-key``, ``sidecar-value`` or ``scale-name``.
    """
    sidecar = sidecar_path(path, takes_stem)
    if sidecar is None:
        return {}
    name = shown_name(sidecar)
    values = _parse(read_bytes(sidecar, _MAX_BYTES), name)
    unknown = sorted(set(values) - set(KEYS))
    if unknown:
        raise InputError('sidecar-key', '%s has the key %r, which a sidecar does not have.' % (name, unknown[0][:40]),
                         'It may have %s.' % ', '.join(KEYS))
    if 'scale' in values:
        check_scale(values['scale'], name)
    for key in set(OBJECT_PARAMETERS).intersection(values):
        values[key] = _parameter(key, values[key], name)
    if 'captured_at' in values:
        values['captured_at'] = _utc(values['captured_at'], name)
    if not isinstance(values.get('mirrored', False), bool):
        raise InputError('sidecar-value', '%s must say true or false for mirrored.' % name, 'Correct it.')
    return values


def _parse(data: bytes, name: str) -> Dict[str, Any]:
    try:
        values = json.loads(data.decode('utf-8-sig'), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InputError('sidecar-not-json', '%s is not valid JSON.' % name, 'Correct it or remove it.', str(error))
    if not isinstance(values, dict):
        raise InputError('sidecar-not-json', '%s is not a JSON object.' % name,
                         'Write one such as {"scale": "centikelvin"}.')
    return values


def _without_repeats(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """A dict of JSON pairs; a key given twice would hide one of two statements."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError('a key is given twice')
    return values


def _parameter(key: str, value: Any, name: str) -> float:
    try:
        return ObjectParameters().corrected({key: value}).to_dict()[key]
    except InputError as error:
        named = with_source(error, name).message
        raise InputError('sidecar-value', named.sentence, named.next_step)


def _utc(value: Any, name: str) -> str:
    """An ISO-8601 time with a time zone, as UTC with milliseconds."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is None:
            raise ValueError('no time with a time zone')
        day, clock, fraction, sign, hours, minutes = match.groups()
        moment = datetime.datetime.strptime(day + clock + (fraction or '.0'), '%Y-%m-%d%H:%M:%S.%f')
        if sign:
            ahead = datetime.timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - ahead if sign == '+' else moment + ahead
    except (ValueError, OverflowError):
        raise InputError('sidecar-value', '%s must give captured_at with its time zone.' % name,
                         'Write 2024-05-31T09:30:00Z or 2024-05-31T11:30:00+02:00.')
    return moment.isoformat(timespec='milliseconds') + 'Z'
