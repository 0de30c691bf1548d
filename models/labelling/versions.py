"""A folder of labelled frames that training reads, and that keeps every version of every label map.

    DIR/images/KEY.tscap      the thermogram
        patients.csv          whose it is, as every plain folder has it
        labels/KEY.png        the newest label map
        versions/KEY/0000.png the map as it was sent, if one was; then 0001.png, 0002.png, each as it came back
        labelling.json        of every version: tool, labeller, time, file and hash, pixels that changed

Nothing is written over: an import makes the folder anew beside its place, with links to the files that it has, and
exchanges the two at the end.
"""
import csv
import hashlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from models.data.files import AnyPath
from models.data.plain_folder import TABLE
from models.reports import whole_folder
from service.capture_file import CaptureFile
from service.durable import encode_json, make_folders, storage_error, write_synced
from service.messages import InputError
from service.radiometry import Raw
from service.readers.files import read_bytes
from service.record import alone_in, encode_png
from service.thermogram import Provenance

MARK = 'labelling.json'
FORMAT, VERSION = 'thermoscreen labelled frames', 1
_MAX_BYTES = 256 << 20
#: Temperatures that differ by less are of the same picture.
_SAME_C = 0.01


class Entry(NamedTuple):
    """A label map that a person made.

    Attributes:
        key, patient, klass: of the frame; the class is empty where it is unknown.
        capture: the thermogram as a capture file.
        before: the map that the person began with, uint8 HxW; None where there was none.
        labels: uint8 HxW.
        facts: JSON values of the version: tool, labeller and so on.
    """

    key: str
    patient: str
    klass: str
    capture: bytes
    before: Optional[np.ndarray]
    labels: np.ndarray
    facts: Mapping[str, Any]


def add_versions(folder: AnyPath, entries: Sequence[Entry]) -> Dict[str, int]:
    """Add label maps to a folder of labelled frames, all of them or none.

    Args:
        folder: made where it is missing.
        entries: at most one of each key.

    Returns:
        The number of the version by key; a map that is there already, from the same file, keeps its number.

    Raises:
        InputError: ``labels-out`` for a folder that holds something else, ``labels-key`` for a key that is another
            picture's or another patient's there; nothing is written.
        StorageError: the disk refuses.
    """
    folder = Path(os.path.abspath(folder))
    parent = str(folder.parent)
    try:
        make_folders(parent)
        with alone_in(parent):
            return _add(folder, entries)
    except OSError as error:
        raise storage_error(error, folder)


def _add(folder: Path, entries: Sequence[Entry]) -> Dict[str, int]:
    frames = read_frames(folder)
    contents: Dict[str, bytes] = {}
    numbers: Dict[str, int] = {}
    for entry in entries:
        if entry.key in frames:
            _check_same(folder, entry, frames[entry.key])
        frame = frames.setdefault(entry.key, {'patient': entry.patient, 'class': entry.klass, 'versions': []})
        versions: List[Dict[str, Any]] = frame['versions']
        if not versions:
            contents['images/%s.tscap' % entry.key] = entry.capture
            if entry.before is not None:
                _keep(contents, versions, entry.key, 0, entry.before, {'tool': 'as it was sent'})
        png = encode_png(entry.labels)
        same = [version['number'] for version in versions
                if version.get('file_sha256', '') == entry.facts.get('file_sha256')
                and version['sha256'] == hashlib.sha256(png).hexdigest()]
        number = same[-1] if same else versions[-1]['number'] + 1 if versions else 1
        if not same:
            _keep(contents, versions, entry.key, number, entry.labels, entry.facts)
            contents['labels/%s.png' % entry.key] = png
        numbers[entry.key] = number
    if contents:
        contents[TABLE] = _table(frames)
        contents[MARK] = encode_json({'format': FORMAT, 'version': VERSION, 'frames': frames})
        with whole_folder(folder, MARK) as filled:
            for name, data in contents.items():
                path = filled / name
                path.parent.mkdir(parents=True, exist_ok=True)
                write_synced(str(path), data)
            if folder.is_dir():
                _link_others(folder, filled)
    return numbers


def read_frames(folder: AnyPath) -> Dict[str, Dict[str, Any]]:
    """What ``labelling.json`` says of every frame by key; empty where the folder is not there yet, or is empty.

    Raises:
        InputError: ``labels-out``.
    """
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        document = json.loads(read_bytes(folder / MARK, _MAX_BYTES).decode('utf-8'))
        if (document['format'], document['version']) != (FORMAT, VERSION):
            raise ValueError('format')
        return dict(document['frames'])
    except (InputError, ValueError, KeyError, TypeError) as error:
        raise InputError('labels-out', '%s holds something other than labelled frames.' % folder,
                         'Name a new folder, or one that an import made.', detail=repr(error))


def _check_same(folder, entry, frame):
    """Refuse a key that is another picture's there; machines may compute temperatures that differ in the last digit."""
    name = 'images/%s.tscap' % entry.key
    kept, given = _pixels(read_bytes(folder / name, _MAX_BYTES), name), _pixels(entry.capture, name)
    if frame['patient'] != entry.patient or kept.shape != given.shape or not np.allclose(kept, given, 0, _SAME_C):
        raise InputError('labels-key', 'In %s %s is another picture, or another patient\'s.' % (folder, entry.key),
                         'Choose another folder.')


def _pixels(data, name):
    stream = io.BytesIO(data)
    frame = CaptureFile(stream, name).frame(stream, 1)
    return Raw(frame.values, frame.meaning, Provenance(name)).thermogram().pixels


def _keep(contents, versions, key, number, labels, facts):
    png = encode_png(labels)
    contents['versions/%s/%04d.png' % (key, number)] = png
    versions.append(dict(facts, number=number, sha256=hashlib.sha256(png).hexdigest()))


def _table(frames):
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(['file', 'patient', 'class'])
    writer.writerows(['%s.tscap' % key, frame['patient'], frame['class']] for key, frame in sorted(frames.items()))
    return table.getvalue().encode('utf-8')


def _link_others(folder, filled):
    """Give the new folder every file of the old one that it has none of its own for; a copy where links do not work."""
    for inner, _, names in os.walk(folder):
        for name in names:
            old = os.path.join(inner, name)
            new = os.path.join(filled, os.path.relpath(old, folder))
            if not os.path.lexists(new):
                os.makedirs(os.path.dirname(new), exist_ok=True)
                try:
                    os.link(old, new)
                except OSError:
                    shutil.copy2(old, new)
