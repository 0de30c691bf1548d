"""What a start of the station found among the exams, kept for the doctor, which is another process."""
import json
import os
from dataclasses import replace
from typing import Iterable, List

from ..durable import atomic_write_json
from ..messages import Message

_MAX_BYTES = 1 << 20


def found_path(root: str) -> str:
    """File beside the folder of exams with what the last start found there; it is gone where that was nothing."""
    return os.path.abspath(root) + '.found.json'


def note_found(root: str, messages: Iterable[Message]) -> None:
    """Keep what a start found, in place of what the one before did.

    Raises:
        StorageError: it cannot be written.
        OSError: the disk refuses.
    """
    path, documents = found_path(root), [message.to_dict() for message in gathered(messages)]
    if documents:
        atomic_write_json(path, documents)
    elif os.path.lexists(path):
        os.unlink(path)


def read_found(root: str) -> List[Message]:
    """What `note_found` kept; none where that cannot be read."""
    try:
        with open(found_path(root), 'rb') as stream:
            return [Message(**document) for document in json.loads(stream.read(_MAX_BYTES).decode('utf-8'))]
    except (OSError, ValueError, TypeError):
        return []


def gathered(messages: Iterable[Message]) -> List[Message]:
    """The first message of each code; where there are more, it says how many."""
    found = list(messages)
    codes = list(dict.fromkeys(message.code for message in found))
    return [_with_others([message for message in found if message.code == code]) for code in codes]


def _with_others(messages: List[Message]) -> Message:
    first, others = messages[0], len(messages) - 1
    if not others:
        return first
    return replace(first, sentence='%s The same is so of %s.' % (
        first.sentence, 'one more' if others == 1 else '%d more' % others))
