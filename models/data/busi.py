"""BUSI, breast ultrasound: folders benign, malignant and normal of pictures with lesion masks [AlDhabyani2020].

``benign (12).png`` with ``benign (12)_mask.png``, and ``_mask_1.png`` for further lesions. Grey levels are not
temperatures, so the thermograms are relative.
"""
import functools
import re
import struct
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import cv2
import numpy as np

from service.messages import InputError
from service.readers.files import damaged, read_bytes, shown_name, truncated
from service.thermogram import Thermogram, check_size

from .files import AnyPath
from .sample import Collection, Sample

CLASSES = ('normal', 'benign', 'malignant')
REGIONS = ('background', 'lesion')
NO_PATIENTS = ('BUSI names no patients (780 pictures of 600): images of one patient cannot be kept '
               'together, so no split of it is patient-level')

_NAME = re.compile(r'(normal|benign|malignant) \((\d{1,5})\)(_mask(?:_\d+)?)?\.png', re.ASCII)
_MAX_BYTES = 64 << 20
_MAGIC, _END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'


def is_busi(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return any(_NAME.fullmatch(path.name) for name in CLASSES for path in (folder / name).glob('*.png'))


def open_busi(folder: AnyPath) -> Collection:
    """The collection of a BUSI folder.

    Args:
        folder: contains at least one of ``benign/``, ``malignant/``, ``normal/``.

    Returns:
        Relative pictures, each its own patient; a note says what that means. Facts ``kind``
        ('ultrasound'), ``number``, ``class`` and ``lesions`` (number of masks).

    Raises:
        InputError: ``folder-empty``, ``busi-folder`` for a picture in the folder of another class, or
            ``mask-without-image``.
    """
    folder = Path(folder)
    images: Dict[Tuple[str, int], str] = {}
    masks: Dict[Tuple[str, int], List[str]] = {}
    strays = 0
    for path in sorted(path for name in CLASSES for path in (folder / name).glob('*.png')):
        match = _NAME.fullmatch(path.name)
        if match is None:
            strays += 1
            continue
        name, number, mask = match.groups()
        if name != path.parent.name:
            raise InputError('busi-folder', '%s lies in the folder %s; one of the two is wrong about its '
                             'class.'
                             % (path.name, path.parent.name))
        place = name, int(number)
        if mask:
            masks.setdefault(place, []).append(str(path))
        else:
            images[place] = str(path)
    _check(folder, images, masks)
    samples = tuple(_sample(name, number, path, masks.get((name, number), []))
                    for (name, number), path in sorted(images.items()))
    notes = (NO_PATIENTS,) + (('%d files with other names were left out' % strays,) if strays else ())
    return Collection(folder.resolve().name, samples, CLASSES, REGIONS, notes)


def read_ultrasound(path: AnyPath) -> Thermogram:
    """A BUSI picture as a relative thermogram; coloured marks drawn into it become their luminance.

    Raises:
        InputError: what is wrong with the file.
    """
    image = _decode(path)
    grey = image
    notes: Tuple[str, ...] = ()
    if image.ndim == 3:
        grey = image[:, :, 0]
        if not all(np.array_equal(grey, image[:, :, channel]) for channel in (1, 2)):
            grey, notes = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), ('colours read as their luminance',)
    return Thermogram.from_relative(grey, shown_name(path), reader='busi', notes=notes)


def read_lesions(paths: Sequence[AnyPath], height: int, width: int) -> np.ndarray:
    """The union of mask pictures: uint8 HxW, 1 where any is white.

    Raises:
        InputError: ``label-size`` where a mask has another size, or what is wrong with a file.
    """
    lesions = np.zeros((height, width), np.uint8)
    for path in paths:
        mask = _decode(path)
        if mask.shape[:2] != lesions.shape:
            raise InputError('label-size', '%s is %dx%d pixels and its picture %dx%d.'
                             % (shown_name(path), mask.shape[1], mask.shape[0], width, height),
                             'Use the mask of this picture.')
        lesions[(mask if mask.ndim == 2 else mask.max(axis=2)) > 127] = 1
    return lesions


def _check(folder, images, masks):
    if not images:
        raise InputError('folder-empty', 'The folder %s holds no BUSI picture such as benign/benign (12).png.'
                         % folder)
    orphans = sorted(set(masks) - set(images))
    if orphans:
        raise InputError('mask-without-image', '%s (%d) has a mask and no picture.' % orphans[0],
                         'Copy the picture too.')


def _sample(name, number, path, masks):
    key = '%s-%04d' % (name, number)
    facts = {'kind': 'ultrasound', 'number': number, 'class': name, 'lesions': len(masks)}
    return Sample(key, key, facts, CLASSES.index(name), functools.partial(read_ultrasound, path),
                  functools.partial(read_lesions, tuple(masks)) if masks else None)


def _decode(path):
    """Pixels of a PNG of any kind without its opacity: uint8 HxW or HxWx3.

    The service's reader refuses the odd kinds among these masks (opacity all zero, one bit).
    """
    data, source = read_bytes(path, _MAX_BYTES), shown_name(path)
    if not data.startswith(_MAGIC) or len(data) < 24:
        raise InputError('file-damaged', '%s is not a PNG.' % source, 'Copy it again from its source.')
    width, height = struct.unpack_from('>II', data, 16)
    check_size(width, height, source)
    if _END not in data[-1024:]:
        raise truncated(source)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise damaged(source)
    if image.dtype != np.uint8:
        raise InputError('format-unsupported', '%s has 16 bits a channel; BUSI has 8.' % source)
    return image if image.ndim == 2 else image[:, :, :3]
