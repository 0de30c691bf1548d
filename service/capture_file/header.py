"""What stands at the start of a capture file, believed only where it is what this program writes."""
import json
import re

from ..messages import InputError
from ..radiometry import meaning_of
from ..thermogram import check_size
from .layout import MAX_FRAMES, MAX_NOTES
from .pixels import most_bytes

_TIME = re.compile(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?', re.ASCII)
#: Longest text of one field, in characters; a note is a sentence.
_MAX_TEXT = 1000


def parse_header(text, source):
    """Check a header.

    Args:
        text (bytes): JSON.
        source (str): the file's name for sentences.
    Returns:
        dict: as in the file, but the meanings made.
    Raises:
        InputError: ``file-damaged``, ``frame-too-small``, ``frame-too-large`` or a ``radiometry-`` code.
    """
    try:
        header = json.loads(text.decode('ascii'))
    except (ValueError, RecursionError) as error:
        raise damaged(source, str(error))
    _expect(header, {'format': _text, 'written_at': _time, 'width': _count, 'height': _count,
                     'meanings': _list, 'frames': _list}, source, 'header')
    check_size(header['width'], header['height'], source)
    if not 1 <= len(header['frames']) <= MAX_FRAMES or len(header['meanings']) > len(header['frames']):
        raise damaged(source, '%d frames' % len(header['frames']))
    try:
        header['meanings'] = [meaning_of(document) for document in header['meanings']]
    except InputError as error:
        raise InputError(error.code, '%s: %s' % (source, error.message.text), detail=error.detail)
    for number, entry in enumerate(header['frames'], 1):
        what = 'frame %d' % number
        _expect(entry, {'meaning': _count, 'pixels': _text, 'bytes': _count, 'sha256': _text, 'captured_at': _time,
                        'source': _text, 'reader': _text, 'notes': _notes}, source, what)
        if not entry['meaning'] < len(header['meanings']) or not _fits(entry, header):
            raise damaged(source, what)
    return header


def _fits(entry, header):
    """Whether a frame's values are of a type that its meaning has, and as long as they can be."""
    return entry['pixels'] in header['meanings'][entry['meaning']].pixels and \
        0 < entry['bytes'] <= most_bytes(entry['pixels'], header['width'], header['height'])


def _expect(document, keys, source, what):
    if not isinstance(document, dict) or set(document) != set(keys):
        raise damaged(source, '%s: keys' % what)
    for key, accepts in keys.items():
        if not accepts(document[key]):
            raise damaged(source, '%s: %s' % (what, key))


def _text(value):
    return isinstance(value, str) and len(value) <= _MAX_TEXT and (value.isprintable() or not value)


def _time(value):
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def _count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2 ** 31


def _list(value):
    return isinstance(value, list)


def _notes(value):
    return isinstance(value, list) and len(value) <= MAX_NOTES and all(_text(note) for note in value)


def damaged(source, detail):
    """The error for a file that is not what was written."""
    return InputError('file-damaged', '%s is damaged or was changed; copy it again from its source.' % source,
                      detail=detail)
