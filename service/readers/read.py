"""The one way from a path to a thermogram."""
from ..messages import InputError
from ..radiometry import SCENE_FIELDS
from .base import ReadOptions
from .files import shown_name
from .registry import reader_for
from .scales import check_scale
from .sidecar import read_sidecar


def read_thermogram(path, scale=None, frame=1):
    """Read a thermogram file with its sidecar.

    The format is decided by content and must agree with the suffix. A sidecar (``NAME.json`` or
    ``STEM.json`` next to the file) may state ``scale``, ``captured_at``, ``mirrored``, and what the temperatures
    are computed with: ``emissivity``, ``reflected_c`` and the other names of `SCENE_FIELDS`.

    Args:
        path (str or os.PathLike): the file.
        scale (str): key of `SCALES`, needed for 16-bit files whose sidecar does not state one.
        frame (int): which frame of a recording, counted from 1; `count_frames` tells how many there are.
    Returns:
        Thermogram: float32 HxW; ``provenance.notes`` tells what had to be decided.
    Raises:
        InputError: one sentence on what is wrong; no other exception leaves.
    """
    return read_raw(path, scale, frame).thermogram()


def read_raw(path, scale=None, frame=1):
    """Read a thermogram file with its sidecar, and compute nothing, so that it can be computed otherwise.

    Args, raises: as `read_thermogram`.
    Returns:
        Raw: its `thermogram` is what `read_thermogram` gives.
    """
    return next(read_each(path, (frame,), scale))


def read_each(path, frames, scale=None):
    """Read frames of a recording as `read_raw` does, one after another; the file is searched for them once.

    Args:
        path (str or os.PathLike): the file.
        frames (iterable of int): which, counted from 1.
        scale (str): as for `read_thermogram`.
    Yields:
        Raw
    Raises:
        InputError: as `read_thermogram`, when the first or the faulty frame is asked for.
    """
    if scale is not None:
        check_scale(scale, 'The request')
    reader = reader_for(path)
    stated = read_sidecar(path, reader.takes_stem_sidecar)
    if scale is not None and stated.get('scale', scale) != scale:
        raise InputError('scale-contradiction', '%s was asked for as %s, but its sidecar says %s; correct '
                         'one of them.'
                         % (shown_name(path), scale, stated['scale']))
    if scale is not None:
        stated['scale'] = scale
    scene = {name: stated.pop(name) for name in SCENE_FIELDS if name in stated}
    yield from reader.read_each(path, frames, ReadOptions(scene=scene, **stated))


def count_frames(path):
    """How many frames a file holds: 1, or more for a recording.

    Raises:
        InputError: as `read_thermogram`, as far as the first bytes of each frame tell.
    """
    return reader_for(path).frames(path)
