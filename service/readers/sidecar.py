"""A small JSON file next to a thermogram, saying what the thermogram itself cannot."""
import datetime
import json
import os
import re

from ..messages import InputError
from ..radiometry import SCENE_FIELDS, Scene
from .files import read_bytes, shown_name
from .scales import check_scale

#: Every key of a sidecar.
KEYS = ('scale', 'captured_at', 'mirrored') + tuple(SCENE_FIELDS)

_MAX_BYTES = 16 << 10
_TIME = re.compile(r'(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?(?:(Z)|([+-])(\d\d):(\d\d))', re.ASCII)


def sidecar_path(path, takes_stem=True):
    """The sidecar of a file, or None: ``name.png.json`` before ``name.json``, where `takes_stem`."""
    path = os.fspath(path)
    for candidate in (path + '.json', os.path.splitext(path)[0] + '.json')[:2 if takes_stem else 1]:
        if os.path.isfile(candidate):
            return candidate
    return None


def read_sidecar(path, takes_stem=True):
    """What the sidecar of a thermogram states, checked.

    Args:
        path (str): the thermogram.
        takes_stem (bool): whether ``STEM.json`` may be its sidecar.
    Returns:
        dict: any of ``scale`` (a key of `SCALES`), ``captured_at`` (UTC ISO-8601), ``mirrored`` (bool) and the
        names of `SCENE_FIELDS` (float); empty where there is no sidecar.
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
        raise InputError('sidecar-key', '%s has the key %r, which a sidecar does not have; it may have %s.'
                         % (name, unknown[0][:40], ', '.join(KEYS)))
    if 'scale' in values:
        check_scale(values['scale'], name)
    for key in set(SCENE_FIELDS).intersection(values):
        values[key] = _scene_value(key, values[key], name)
    if 'captured_at' in values:
        values['captured_at'] = _utc(values['captured_at'], name)
    if not isinstance(values.get('mirrored', False), bool):
        raise InputError('sidecar-value', '%s must say true or false for mirrored.' % name)
    return values


def _parse(data, name):
    try:
        values = json.loads(data.decode('utf-8-sig'), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InputError('sidecar-not-json', '%s is not valid JSON; correct it or remove it.'
                         % name, detail=str(error))
    if not isinstance(values, dict):
        raise InputError('sidecar-not-json', '%s must be one JSON object, such as {"scale": "centikelvin"}.'
                         % name)
    return values


def _without_repeats(pairs):
    """A dict of JSON pairs; a key given twice would hide one of two statements."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError('a key is given twice')
    return values


def _scene_value(key, value, name):
    try:
        return getattr(Scene().corrected({key: value}), key)
    except InputError as error:
        raise InputError('sidecar-value', '%s: %s' % (name, error.message.text))


def _utc(value, name):
    """An ISO-8601 time with a zone as UTC with milliseconds; a time without a zone is not a time."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        day, clock, fraction, utc, sign, hours, minutes = match.groups()
        moment = datetime.datetime.strptime(day + clock + (fraction or '.0'), '%Y-%m-%d%H:%M:%S.%f')
        if not utc:
            ahead = datetime.timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - ahead if sign == '+' else moment + ahead
    except (AttributeError, ValueError, OverflowError):
        raise InputError('sidecar-value', '%s must give captured_at with its time zone, such as '
                         '2024-05-31T09:30:00Z or 2024-05-31T11:30:00+02:00.' % name)
    return moment.isoformat(timespec='milliseconds') + 'Z'
