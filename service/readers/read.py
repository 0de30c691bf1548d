"""The one way from a path to a thermogram."""
from ..errors import InputError
from .base import ReadOptions
from .files import shown_name
from .registry import reader_for
from .scales import check_scale
from .sidecar import read_sidecar


def read_thermogram(path, scale=None, frame=1):
    """Read a thermogram file with its sidecar.

    The format is decided by content and must agree with the suffix. A sidecar (``NAME.json`` or
    ``STEM.json`` next to the file) may state ``scale``, ``emissivity``, ``captured_at`` and
    ``mirrored``.

    Args:
        path (str or os.PathLike): the file.
        scale (str): key of `SCALES`, needed for 16-bit files whose sidecar does not state one.
        frame (int): which frame of a recording, counted from 1; `count_frames` tells how many there are.
    Returns:
        Thermogram: float32 HxW; ``provenance.notes`` tells what had to be decided.
    Raises:
        InputError: one sentence on what is wrong; no other exception leaves.
    """
    if scale is not None:
        check_scale(scale, 'The request')
    reader = reader_for(path)
    stated = read_sidecar(path)
    if scale is not None and stated.get('scale', scale) != scale:
        raise InputError('scale-contradiction', '%s was asked for as %s, but its sidecar says %s; correct '
                         'one of them.'
                         % (shown_name(path), scale, stated['scale']))
    if scale is not None:
        stated['scale'] = scale
    return reader.read(path, ReadOptions(frame=frame, **stated))


def count_frames(path):
    """How many frames a file holds: 1, or more for a recording.

    Raises:
        InputError: as `read_thermogram`, as far as the first bytes of each frame tell.
    """
    return reader_for(path).frames(path)
