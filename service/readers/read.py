"""From a path to thermograms: which files are meant, which reader a file is for, and what its sidecar states."""
import os
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..messages import InputError
from ..radiometry import OBJECT_PARAMETERS, Raw
from ..thermogram import Thermogram
from .base import Path, Reader, ReadOptions, check_scale
from .dicom import DicomReader
from .files import read_head, shown_name, suffix_of
from .flir import FffReader, FlirJpegReader
from .infiray import InfirayJpegReader
from .pictures import JpegReader, NpyReader, PngReader
from .recordings import CaptureReader, Tc001Reader
from .sidecar import read_sidecar
from .text import CsvReader, TextReader
from .tiff import TiffReader

#: All readers, in the order in which they look at a file: a radiometric JPEG is a JPEG too, and text has no magic
#: bytes.
READERS: Tuple[Reader, ...] = (
    CaptureReader(), PngReader(), TiffReader(), FlirJpegReader(), InfirayJpegReader(), JpegReader(), FffReader(),
    DicomReader(), NpyReader(), Tc001Reader(), CsvReader(), TextReader())

#: Every suffix that is read, with a reader that claims it; one that several share belongs to the last of them here.
SUFFIXES: Dict[str, Reader] = {suffix: reader for reader in READERS for suffix in reader.suffixes}


def read_thermogram(path: Path, scale: Optional[str] = None, frame: int = 1,
                    corrections: Optional[Mapping[str, float]] = None) -> Thermogram:
    """Read a thermogram file with its sidecar.

    The format is decided by content and must agree with the suffix. A sidecar (``NAME.json`` or ``STEM.json`` next to
    the file) may state ``scale``, ``captured_at``, ``mirrored``, and what the temperatures are computed with:
    ``emissivity``, ``reflected_c`` and the other names of `OBJECT_PARAMETERS`.

    Args:
        path: the file.
        scale: key of `SCALES`, needed for 16-bit files whose sidecar does not state one.
        frame: which frame of a recording, counted from 1; `count_frames` tells how many there are.
        corrections: object parameters by the names of `OBJECT_PARAMETERS`; they overrule file and sidecar.
    Returns:
        float32 HxW; ``provenance.notes`` tell what had to be decided, ``provenance.warnings`` what to look at.
    Raises:
        InputError: whatever is wrong; no other exception leaves.
    """
    return read_raw(path, scale, frame).corrected(corrections or {}).thermogram()


def read_raw(path: Path, scale: Optional[str] = None, frame: int = 1) -> Raw:
    """Read a thermogram file with its sidecar, and compute nothing, so that it can be computed otherwise.

    Args, raises: as `read_thermogram`, which gives the `Raw.thermogram` of it.
    """
    return next(read_each(path, (frame,), scale))


def read_each(path: Path, frames: Iterable[int], scale: Optional[str] = None) -> Iterator[Raw]:
    """Read frames of a recording as `read_raw` does, one after another; the file is searched for them once.

    Args:
        path: the file.
        frames: which, counted from 1.
        scale: as for `read_thermogram`.
    Raises:
        InputError: as `read_thermogram`, when the first or the faulty frame is asked for.
    """
    reader, options = reader_and_options(path, scale)
    yield from reader.read_each(path, frames, options)


def reader_and_options(path: Path, scale: Optional[str] = None) -> Tuple[Reader, ReadOptions]:
    """The reader of a file, and what its sidecar and the request say of it. Nothing is decoded.

    Args:
        path: the file.
        scale: as for `read_thermogram`.
    Raises:
        InputError: as `reader_for`; whatever is wrong with the sidecar or the scale.
    """
    if scale is not None:
        check_scale(scale, 'The request')
    reader = reader_for(path)
    stated, notes = read_sidecar(path, reader.takes_stem_sidecar)
    if scale is not None and stated.get('scale', scale) != scale:
        raise InputError('scale-contradiction', '%s was asked for as %s, but its sidecar says %s.'
                         % (shown_name(path), scale, stated['scale']), 'Correct one of them.')
    if scale is not None:
        stated['scale'] = scale
    parameters = {name: stated.pop(name) for name in OBJECT_PARAMETERS if name in stated}
    return reader, ReadOptions(object_parameters=parameters, notes=notes, **stated)


def count_frames(path: Path) -> int:
    """How many frames a file holds: 1, or more for a recording.

    Raises:
        InputError: as `read_thermogram`, as far as the first bytes of each frame tell.
    """
    return len(reader_for(path).open(path))


def reader_for(path: Path) -> Reader:
    """The reader of a file, by its content; its suffix must not contradict.

    Raises:
        InputError: ``format-mismatch``, ``format-unknown``, or what is wrong with the file itself.
    """
    head, name, suffix = read_head(path), shown_name(path), suffix_of(path)
    by_content = next((reader for reader in READERS if reader.sniff(head, path)), None)
    by_suffix = SUFFIXES.get(suffix)
    if by_content is not None and suffix in by_content.suffixes:
        return by_content
    if by_suffix is not None:
        raise by_suffix.mismatch(path, by_content)
    if by_content is not None:
        raise InputError('format-unknown', '%s looks like %s, but its name does not end in %s.'
                         % (name, by_content.label, ' or '.join(by_content.suffixes)),
                         'Rename it if it is a thermogram.')
    raise InputError('format-unknown', '%s is in no format that this program reads.' % name,
                     'Use a file that ends in %s.' % ', '.join(sorted(SUFFIXES)))


def find_thermograms(paths: Iterable[Path]) -> List[str]:
    """The files that paths stand for.

    A folder stands for the files in it with a suffix that is read, sorted by name; its subfolders and hidden files are
    left out. Any other path stands for itself, whether it exists or not: reading it tells what is wrong with it. A path
    that is named twice counts once.

    Returns:
        At least one path.
    Raises:
        InputError: ``folder-empty``, ``folder-unreadable`` or ``no-files``.
    """
    files: List[str] = []
    for path in (os.fspath(path) for path in paths):
        files.extend(_in_folder(path) if os.path.isdir(path) else [path])
    if not files:
        raise InputError('no-files', 'No file was named.', 'Name a thermogram or a folder of thermograms.')
    return list(dict.fromkeys(files))


def _in_folder(folder: str) -> List[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError('folder-unreadable', 'The folder %s cannot be read (%s).'
                         % (shown_name(folder), error.strerror), 'Check its permissions and its disk.', str(error))
    names = [name for name in names if suffix_of(name) in SUFFIXES and not name.startswith('.')]
    files = [path for path in (os.path.join(folder, name) for name in names) if os.path.isfile(path)]
    if not files:
        raise InputError('folder-empty', 'The folder %s holds no thermograms (files ending in %s); subfolders are not '
                         'searched.' % (shown_name(folder), ', '.join(sorted(SUFFIXES))), 'Choose another folder.')
    return files
