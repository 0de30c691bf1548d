"""A thermogram file as a file of another kind."""
import io
import itertools
import os

import cv2
import numpy as np

from .capture_file import MAX_FRAMES, SUFFIX, write_capture
from .durable import atomic_write, atomic_write_json, write_new
from .messages import InputError
from .readers import SCALES, count_frames, read_each
from .readers.files import shown_name, suffix_of

#: Scale of the counts in a TIFF.
_TIFF_SCALE = 'centikelvin'
_UNCOMPRESSED = 1


def convert(source, target, scale=None, frame=None, scene=None, replace=False):
    """Write the frames of a file as a file of the kind that the target's suffix names.

    A capture file takes every frame as it was measured. The others take the temperatures of one frame, and get a
    sidecar ``TARGET.json`` that says what they cannot.

    Args:
        source (str): any file that is read.
        target (str): ends in a key of `WRITERS` or in `SUFFIX`.
        scale (str): key of `SCALES`, where the source has counts that it does not explain.
        frame (int): which one of a recording, counted from 1; None for all, or the only one.
        scene (dict): corrections by the names of `SCENE_FIELDS`.
        replace (bool): whether an old target is replaced.
    Returns:
        dict: ``source``, ``target``, ``frames``, ``width``, ``height``, ``unit``, ``lowest_c`` and ``highest_c`` (of
        the first frame; None where it has no temperatures), ``emissivity`` and ``notes``.
    Raises:
        InputError: ``output-format``, ``output-exists``, ``output-is-input``, ``output-sidecar``, ``convert-relative``,
            ``convert-frames``, ``convert-range``, or what is wrong with the source or a correction.
        StorageError: the target could not be written.
    """
    suffix = suffix_of(target)
    if suffix != SUFFIX and suffix not in WRITERS:
        raise InputError('output-format', '%s is of no kind that can be written; let it end in %s.'
                         % (shown_name(target), ', '.join(sorted(WRITERS) + [SUFFIX])))
    numbers = _numbers(source, suffix, frame)
    _check_free(source, target, suffix, replace)
    raws = (raw.corrected(scene or {}) for raw in read_each(source, numbers, scale))
    first = next(raws)
    thermogram = first.thermogram()
    if suffix == SUFFIX:
        write_capture(target, itertools.chain([first], raws), replace)
    else:
        if not thermogram.is_celsius:
            raise InputError('convert-relative', '%s has grey levels and no temperatures; only a %s file can take it.'
                             % (shown_name(source), SUFFIX))
        data = WRITERS[suffix](thermogram.pixels, shown_name(source))
        # First the sidecar: without its file it says nothing, and the file without it something else.
        atomic_write_json(target + '.json', _sidecar(first, thermogram, suffix))
        if replace:
            atomic_write(target, data)
        else:
            write_new(target, data)
    bounds = [round(float(value), 4) for value in (thermogram.pixels.min(), thermogram.pixels.max())]
    lowest, highest = bounds if thermogram.is_celsius else (None, None)
    return {'source': source, 'target': target, 'frames': len(numbers), 'width': thermogram.width,
            'height': thermogram.height, 'unit': thermogram.unit, 'lowest_c': lowest, 'highest_c': highest,
            'emissivity': thermogram.provenance.emissivity, 'notes': list(thermogram.provenance.notes)}


def _numbers(source, suffix, frame):
    """Which frames are meant, counted from 1."""
    frames = count_frames(source)
    if frame is not None:
        return [frame]
    if frames > 1 and suffix != SUFFIX:
        raise InputError('convert-frames', '%s holds %d frames and a %s file holds one; choose it with --frame, or '
                         'convert all to a %s file.' % (shown_name(source), frames, suffix, SUFFIX))
    if frames > MAX_FRAMES:
        raise InputError('convert-frames', '%s holds %d frames and a %s file at most %d; choose one with --frame.'
                         % (shown_name(source), frames, SUFFIX, MAX_FRAMES))
    return range(1, frames + 1)


def _check_free(source, target, suffix, replace):
    """Refuse to write where something is that somebody may need."""
    if os.path.exists(target) and os.path.samefile(source, target):
        raise InputError('output-is-input', '%s is the file that is read; choose another name for what is written.'
                         % shown_name(target))
    sidecar = target + '.json'
    if suffix == SUFFIX and os.path.lexists(sidecar):
        raise InputError('output-sidecar', '%s would be taken for the sidecar of the new file; move it away or choose '
                         'another name.' % shown_name(sidecar))
    for path in (target, sidecar):
        if os.path.lexists(path) and not replace:
            raise InputError('output-exists', '%s is there already; give --force to replace it, or another name.'
                             % shown_name(path))


def _sidecar(raw, thermogram, suffix):
    """What the file itself cannot say; the scene is what its temperatures were computed with."""
    sidecar = dict(raw.meaning.known, mirrored=False)
    if thermogram.provenance.captured_at:
        sidecar['captured_at'] = thermogram.provenance.captured_at
    if suffix in _TIFF:
        sidecar['scale'] = _TIFF_SCALE
    return sidecar


def _csv(celsius, source):
    """Every float32 in as few digits as give it back."""
    return ''.join(','.join(row) + '\n' for row in celsius.astype(str)).encode('ascii')


def _npy(celsius, source):
    stream = io.BytesIO()
    np.save(stream, celsius)
    return stream.getvalue()


def _tiff(celsius, source):
    """Counts of 0.01 K, the nearest each."""
    scale = SCALES[_TIFF_SCALE]
    counts = np.rint((celsius.astype(np.float64) - scale.zero_c) / scale.per_count_c)
    if counts.max() > 65535:
        raise InputError('convert-range', '%s is hotter than the %.2f degrees Celsius that 16 bits of 0.01 K hold; '
                         'convert it to another kind of file.' % (source, float(scale.celsius(np.uint16([65535]))[0])))
    done, data = cv2.imencode('.tif', counts.astype(np.uint16), [int(cv2.IMWRITE_TIFF_COMPRESSION), _UNCOMPRESSED])
    if not done:
        raise InputError('convert-not-encoded', '%s could not be encoded as a TIFF; convert it to another kind of file.'
                         % source)
    return data.tobytes()


_TIFF = ('.tif', '.tiff')
#: (float32 HxW in degrees Celsius, name for sentences) to the bytes of a file, by suffix.
WRITERS = {'.csv': _csv, '.npy': _npy, '.tif': _tiff, '.tiff': _tiff}

