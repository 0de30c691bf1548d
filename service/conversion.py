"""Converting a thermogram file into a file of another kind."""
import contextlib
import io
import itertools
import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from .capture_file import MAX_FRAMES, SUFFIX, pack_capture
from .durable import (
    atomic_write,
    clear_parts,
    encode_json,
    held,
    hidden_file,
    hidden_name,
    rename_new,
    storage_error,
    sync_folder,
    sync_moved,
)
from .messages import InputError
from .radiometry import Raw
from .readers import SCALES, count_frames, read_each
from .readers.files import shown_name, suffix_of
from .thermogram import Thermogram

#: Scale of the counts in a TIFF.
_TIFF_SCALE = 'centikelvin'
_UNCOMPRESSED = 1


def convert(source: str, target: str, scale: Optional[str] = None, frame: Optional[int] = None,
            corrections: Optional[Mapping[str, float]] = None, replace: bool = False) -> Dict[str, Any]:
    """Write the frames of a file as a file of the kind that the target's suffix names.

    A capture file takes every frame as it was measured. The others take the temperatures of one frame, and get a
    sidecar ``TARGET.json`` that states what they cannot.

    Args:
        source: any file that is read.
        target: ends in a key of `WRITERS` or in `SUFFIX`.
        scale: key of `SCALES`, where the source has counts that it does not explain.
        frame: which one of a recording, counted from 1; None for all, or the only one.
        corrections: by the names of `OBJECT_PARAMETERS`.
        replace: whether an old target is replaced.
    Returns:
        ``source``, ``target``, ``frames``, ``width``, ``height``, ``unit``, ``lowest_c`` and ``highest_c`` (of the
        first frame; None where it has no temperatures), ``emissivity``, ``notes`` and ``warnings``.
    Raises:
        InputError: ``output-format``, ``output-exists``, ``output-is-input``, ``output-sidecar``, ``convert-relative``,
            ``convert-frames``, ``convert-range``, or what is wrong with the source or a correction.
        StorageError: the target could not be written; what was there before is still there.
    """
    suffix = suffix_of(target)
    if suffix != SUFFIX and suffix not in WRITERS:
        raise InputError('output-format', '%s is of no kind that can be written.' % shown_name(target),
                         'Let it end in %s.' % ', '.join(sorted(WRITERS) + [SUFFIX]))
    numbers = _numbers(source, suffix, frame)
    _check_free(source, target, suffix, replace)
    raws = (raw.corrected(corrections or {}) for raw in read_each(source, numbers, scale))
    first = next(raws)
    thermogram = first.thermogram()
    if suffix == SUFFIX:
        files = [(target, pack_capture(itertools.chain([first], raws)))]
    elif thermogram.is_celsius:
        # First the sidecar: without its data it says nothing, and data without it may say something else.
        files = [(target + '.json', encode_json(_sidecar(first, thermogram, suffix))),
                 (target, WRITERS[suffix](thermogram.pixels, shown_name(source)))]
    else:
        raise InputError('convert-relative', '%s has grey levels and no temperatures.' % shown_name(source),
                         'Convert it to a %s file.' % SUFFIX)
    clear_parts(os.path.dirname(os.path.abspath(target)))
    if replace and len(files) == 1:
        atomic_write(*files[0])
    else:
        _publish(files, replace)
    bounds = [round(float(value), 4) for value in (thermogram.pixels.min(), thermogram.pixels.max())]
    lowest, highest = bounds if thermogram.is_celsius else (None, None)
    return {'source': source, 'target': target, 'frames': len(numbers), 'width': thermogram.width,
            'height': thermogram.height, 'unit': thermogram.unit, 'lowest_c': lowest, 'highest_c': highest,
            'emissivity': thermogram.provenance.emissivity, 'notes': list(thermogram.provenance.notes),
            'warnings': [warning.to_dict() for warning in thermogram.provenance.warnings]}


def _numbers(source: str, suffix: str, frame: Optional[int]) -> Sequence[int]:
    """Which frames are meant, counted from 1."""
    frames = count_frames(source)
    if frame is not None:
        return [frame]
    if frames > 1 and suffix != SUFFIX:
        raise InputError('convert-frames', '%s holds %d frames and a %s file holds one.'
                         % (shown_name(source), frames, suffix),
                         'Choose one with --frame, or convert all to a %s file.' % SUFFIX)
    if frames > MAX_FRAMES:
        raise InputError('convert-frames', '%s holds %d frames and a %s file at most %d.'
                         % (shown_name(source), frames, SUFFIX, MAX_FRAMES), 'Choose one with --frame.')
    return range(1, frames + 1)


def _check_free(source: str, target: str, suffix: str, replace: bool) -> None:
    """Refuse to write where there is something that somebody may need."""
    if os.path.exists(target) and os.path.samefile(source, target):
        raise InputError('output-is-input', '%s is the file that is read.' % shown_name(target),
                         'Choose another name for what is written.')
    sidecar = target + '.json'
    if suffix == SUFFIX and os.path.lexists(sidecar):
        raise InputError('output-sidecar', '%s would be taken for the sidecar of the new file.' % shown_name(sidecar),
                         'Move it away or choose another name.')
    for path in (target, sidecar):
        if os.path.lexists(path) and not replace:
            raise InputError('output-exists', '%s exists already.' % shown_name(path),
                             'Give --force to replace it, or choose another name.')


def _publish(files: Sequence[Tuple[str, bytes]], replace: bool) -> None:
    """Make files of one folder visible, so that at no moment one of them stands beside an old one.

    They are written under hidden names first. Then the old ones are moved to hidden names, the last first, and the new
    ones appear in their order. A kill or a power cut in between leaves some names without a file; where the process
    lives to see an error, the old files are put back.

    Args:
        files: (path, content) of what belongs together; a later one is read with the earlier ones beside it.
        replace: whether old files are replaced.
    Raises:
        StorageError: ``file-exists`` unless `replace`, ``disk-full`` and the like; nothing has changed.
    """
    target = files[-1][0]
    folder = os.path.dirname(os.path.abspath(target))
    old: List[str] = []
    try:
        with contextlib.ExitStack() as hiding, contextlib.ExitStack() as undo:
            staged = [hiding.enter_context(hidden_file(folder, data)) for _, data in files]
            for path in [path for path, _ in reversed(files) if replace and os.path.lexists(path)]:
                hiding.enter_context(held(path))
                hidden = hidden_name(folder)
                os.rename(path, hidden)
                undo.callback(_quietly, os.rename, hidden, path)
                old.append(hidden)
                sync_moved(hidden)
                sync_folder(folder)
            for (path, _), hidden in zip(files, staged):
                rename_new(hidden, path)
                undo.callback(_quietly, os.unlink, path)
                sync_moved(path)
                sync_folder(folder)
            undo.pop_all()
            for hidden in old:
                _quietly(os.unlink, hidden)
    except OSError as error:
        raise storage_error(error, target)


def _quietly(call: Callable[..., None], *paths: str) -> None:
    """Tidy up as far as the disk allows."""
    with contextlib.suppress(OSError):
        call(*paths)


def _sidecar(raw: Raw, thermogram: Thermogram, suffix: str) -> Dict[str, Any]:
    """What the file itself cannot state; the object parameters are those that its temperatures were computed with."""
    stated: Dict[str, Any] = dict(raw.meaning.computed_with, mirrored=False)
    if thermogram.provenance.captured_at:
        stated['captured_at'] = thermogram.provenance.captured_at
    if suffix in _TIFF:
        stated['scale'] = _TIFF_SCALE
    return stated


def _csv(celsius: np.ndarray, source: str) -> bytes:
    """Every float32 in as few digits as give it back."""
    return ''.join(','.join(row) + '\n' for row in celsius.astype(str)).encode('ascii')


def _npy(celsius: np.ndarray, source: str) -> bytes:
    stream = io.BytesIO()
    np.save(stream, celsius)
    return stream.getvalue()


def _tiff(celsius: np.ndarray, source: str) -> bytes:
    """Counts of 0.01 K, each the nearest."""
    scale = SCALES[_TIFF_SCALE]
    counts = np.rint((celsius.astype(np.float64) - scale.zero_c) / scale.per_count_c)
    if counts.max() > 65535:
        raise InputError('convert-range', '%s is hotter than the %.2f °C that 16 bits of 0.01 K hold.'
                         % (source, float(scale.celsius(np.array([65535], np.uint16))[0])),
                         'Convert it to another kind of file.')
    done, data = cv2.imencode('.tif', counts.astype(np.uint16), [int(cv2.IMWRITE_TIFF_COMPRESSION), _UNCOMPRESSED])
    if not done:
        raise InputError('convert-not-encoded', '%s could not be encoded as a TIFF.' % source,
                         'Convert it to another kind of file.')
    return data.tobytes()


_TIFF = ('.tif', '.tiff')
#: (float32 HxW in °C, name for sentences) to the bytes of a file, by suffix.
WRITERS: Dict[str, Callable[[np.ndarray, str], bytes]] = {'.csv': _csv, '.npy': _npy, '.tif': _tiff, '.tiff': _tiff}
