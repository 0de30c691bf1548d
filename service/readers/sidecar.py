"""A small JSON file next to a thermogram that states what the thermogram itself cannot.

Labelling programs write ``NAME.json`` beside a picture too. A file is a sidecar of ours if one of its keys is; a file
whose keys are all of another program is left alone, with a note. What cannot be told apart, and what is ours and
broken, is refused, for it may state that a picture is mirrored.
"""
import datetime
import difflib
import json
import os
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from ..messages import InputError
from ..radiometry import OBJECT_PARAMETERS, ObjectParameters
from ..radiometry.object_parameters import with_source
from .base import Path, check_scale
from .files import empty, opened, shown_name, too_large

#: Every key of a sidecar.
KEYS = ('scale', 'captured_at', 'mirrored') + tuple(OBJECT_PARAMETERS)

_MAX_BYTES = 16 << 10
_TIME = re.compile(r'(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(?:Z|([+-])(\d\d):(\d\d))', re.ASCII)
#: The first key of JSON that may be cut off or wrong further on.
_FIRST_KEY = re.compile(rb'(?:\xef\xbb\xbf)?[\s\[{]*"([^"\\]{1,80})"\s*:')
#: How alike a key must be to one of ours to be a misspelling of it.
_ALIKE = 0.8


def read_sidecar(path: Path, takes_stem: bool = True) -> Tuple[Dict[str, Any], Tuple[str, ...]]:
    """What the sidecar of a thermogram states, checked: that of ``name.png.json``, or else of ``name.json``.

    Args:
        path: the thermogram.
        takes_stem: whether ``STEM.json`` may be its sidecar.
    Returns:
        (any of ``scale`` (a key of `SCALES`), ``captured_at`` (UTC ISO-8601), ``mirrored`` (bool) and the names of
        `OBJECT_PARAMETERS` (float), notes); empty where there is no sidecar.
    Raises:
        InputError: ``sidecar-not-json``, ``sidecar-key``, ``sidecar-value``, ``scale-name``, ``file-empty`` or
            ``file-too-large``.
    """
    path = os.fspath(path)
    notes: List[str] = []
    for candidate in (path + '.json', os.path.splitext(path)[0] + '.json')[:2 if takes_stem else 1]:
        if os.path.isfile(candidate):
            values = _parse(candidate)
            if values is not None:
                return _checked(values, shown_name(candidate)), tuple(notes)
            notes.append('%s is of another program and was not used' % shown_name(candidate))
    return {}, tuple(notes)


def _checked(values: Dict[str, Any], name: str) -> Dict[str, Any]:
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


def _parse(path: str) -> Optional[Dict[str, Any]]:
    """The JSON object of a file, or None for a file of another program."""
    name = shown_name(path)
    with opened(path) as stream:
        data = stream.read(_MAX_BYTES + 1)
        size = stream.seek(0, os.SEEK_END)
    first = _FIRST_KEY.match(data)
    is_foreign = first is not None and not _are_ours([first.group(1).decode('utf-8', 'replace')])
    if not data:
        raise empty(path)
    if len(data) > _MAX_BYTES:
        if is_foreign:
            return None
        raise too_large(path, size, _MAX_BYTES)
    try:
        values = json.loads(data.decode('utf-8-sig'), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        if is_foreign:
            return None
        raise InputError('sidecar-not-json', '%s is not valid JSON.' % name, 'Correct it or remove it.', str(error))
    if isinstance(values, dict):
        return values if not values or _are_ours(values) else None
    if is_foreign:
        return None
    raise InputError('sidecar-not-json', '%s is not a JSON object.' % name,
                     'Write one such as {"scale": "centikelvin"}.')


def _are_ours(keys: Iterable[str]) -> bool:
    """Whether one of some keys is that of a sidecar, or a misspelling of one."""
    return any(difflib.get_close_matches(key[:80].lower(), KEYS, 1, _ALIKE) for key in keys)


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
