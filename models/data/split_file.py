"""A split on disk: which sample is in which part, checked for leaks when it is read."""
import json

from service.durable import atomic_write_json
from service.messages import InputError
from service.readers.files import read_bytes, shown_name

from .splits import IMAGE_LEVEL, check_leak

_MAX_BYTES = 64 << 20
_LEVELS = ('patient', 'image')


def write_split(path, parts):
    """Write a split, whole or not at all.

    Args:
        path (str or os.PathLike): a JSON file.
        parts (dict): name of a part, such as 'training' or 'fold 1', to its collection. Parts of
            `image_split` are written as such; of any other split no patient may be in two.
    Raises:
        InputError: ``patient-leak``.
        StorageError: the disk refuses.
    """
    by_image = any(note.startswith(IMAGE_LEVEL) for part in parts.values() for note in part.notes)
    if not by_image:
        check_leak(*parts.values())
    atomic_write_json(path, {'level': 'image' if by_image else 'patient',
                             'parts': {name: list(part.keys) for name, part in parts.items()}})


def read_split(path, collection):
    """The parts of a split that `write_split` or a person wrote.

    Args:
        path (str or os.PathLike): the JSON file: ``level`` ('patient' or 'image') and ``parts``.
        collection (Collection): what was split; it may hold more.
    Returns:
        dict: name of a part -> collection; a split by image has the note that says so.
    Raises:
        InputError: ``split-shape``, ``split-key-twice``, ``key-unknown``, or ``patient-leak`` where a
            split that calls itself by patient is not.
    """
    name = shown_name(path)
    level, lists = _parse(read_bytes(path, _MAX_BYTES), name)
    keys = [key for part in lists.values() for key in part]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError('split-key-twice', '%s has %s twice; a sample belongs to one part.' % (name, twice))
    parts = {part: collection.subset(chosen) for part, chosen in lists.items()}
    if level == 'patient':
        check_leak(*parts.values())
        return parts
    note = '%s: read from %s, which was drawn by image' % (IMAGE_LEVEL, name)
    return {part: chosen.noted(note) for part, chosen in parts.items()}


def _parse(data, name):
    try:
        document = json.loads(data.decode('utf-8-sig'))
        level, parts = document['level'], document['parts']
        good = level in _LEVELS and parts and all(
            isinstance(keys, list) and all(isinstance(key, str) for key in keys) for keys in parts.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good:
        raise InputError('split-shape', '%s is no split: a JSON object with a level (patient or image) and '
                         'parts, each a list of sample keys.' % name)
    return level, parts
