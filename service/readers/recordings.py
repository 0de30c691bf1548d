"""Recordings whose frames are stored as they came: our own capture files, and raw dumps of a Topdon TC001."""
import struct
from typing import Optional

import numpy as np

from ..capture_file import MAGIC, SUFFIX, CaptureFile, damaged_capture
from ..lepton import FRAME_SIZES
from ..messages import InputError
from ..radiometry import GreyLevels, Temperatures
from .base import SCALES, DecodedImage, Path, Reader, Recording
from .files import opened, shown_name, truncated

#: Said of a recording whose first frames are whole.
CUT_NOTE = 'the rest of the recording is cut off or damaged'

#: A frame of the TC001 and its family, 16-bit words: above a grey picture for the eye, whose second byte is neutral
#: chroma, below kelvin * 64. `service.cameras` has the same frame as it comes over USB.
_ROWS, _COLUMNS = 384, 256
_FRAME_BYTES = 2 * _ROWS * _COLUMNS
#: What [ThermalCameraRedux] saves before the frame: rows, columns, header bytes, bytes a pixel.
_HEADER = struct.pack('<4H', _ROWS, _COLUMNS, 8, 2)
_NEUTRAL = 128
#: What can be in front of the camera, degrees Celsius; shares of pixels that may be beyond it, and saturated.
_LOWEST_C, _HIGHEST_C, _BEYOND_SHARE = -50.0, 150.0, 0.01
_SATURATED, _SATURATED_SHARE = 0xFFFF, 0.5


class CaptureReader(Reader):
    """Capture files; only the header and one frame are in memory."""

    name = 'capture'
    label = 'a capture file'
    suffixes = (SUFFIX,)
    #: It states everything itself, and often lies beside the file that it was made of.
    takes_stem_sidecar = False

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(MAGIC)

    def open(self, path: Path) -> Recording:
        return _Capture(path)


class _Capture(Recording):
    """The frames of a capture file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with opened(path) as stream:
            self._file = CaptureFile(stream, shown_name(path))

    def __len__(self) -> int:
        return len(self._file)

    def read(self, number: int) -> DecodedImage:
        with opened(self._path) as stream:
            frame = self._file.frame(stream, number)
        if isinstance(frame.meaning, GreyLevels) and not ((frame.values >= 0) & (frame.values <= 255)).all():
            raise damaged_capture(shown_name(self._path), 'grey levels beyond 0 to 255')
        notes = frame.notes + ('captured from %s by %s' % (frame.source, frame.reader or 'an unnamed source'),)
        return DecodedImage(frame.values, notes, frame.captured_at, frame.meaning)


class Tc001Reader(Reader):
    """The bytes of the camera's USB frames, one after another, with or without a header before the first."""

    name = 'tc001'
    label = 'a raw dump of a TC001'
    suffixes = ('.raw',)

    def sniff(self, head: bytes, path: Path) -> bool:
        return head.startswith(_HEADER) or head[1::2] == bytes([_NEUTRAL]) * _COLUMNS

    def open(self, path: Path) -> Recording:
        return _Tc001Dump(path)

    def mismatch(self, path: Path, other: Optional[Reader]) -> InputError:
        """As of `Reader`; a dump of a Lepton has nothing to know it by but its length, and is named by that."""
        with opened(path) as stream:
            length = stream.seek(0, 2)
        size = next((size for size in FRAME_SIZES if length % size.bytes == 0), None)
        if other is not None or size is None:
            return super().mismatch(path, other)
        frames = length // size.bytes
        return InputError('format-mismatch', '%s is no dump of a TC001; it is as long as %s of a %s (%dx%d%s).'
                          % (shown_name(path), 'one frame' if frames == 1 else '%d frames' % frames, size.camera,
                             size.width, size.height, ' with telemetry' if size.telemetry_rows else ''),
                          'If it is a recording of one, play it as a camera: thermoscreen serve --camera '
                          '"raw:PATH?format=%s".' % size.name)


class _Tc001Dump(Recording):
    """The frames of a dump."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with opened(path) as stream:
            self._start = len(_HEADER) if stream.read(len(_HEADER)) == _HEADER else 0
            self._frames, rest = divmod(stream.seek(0, 2) - self._start, _FRAME_BYTES)
        if not self._frames:
            raise truncated(shown_name(path))
        self.notes = (CUT_NOTE,) if rest else ()

    def __len__(self) -> int:
        return self._frames

    def read(self, number: int) -> DecodedImage:
        source = shown_name(self._path)
        with opened(self._path) as stream:
            stream.seek(self._start + (number - 1) * _FRAME_BYTES)
            data = stream.read(_FRAME_BYTES)
        if len(data) < _FRAME_BYTES:
            raise truncated(source)
        words = np.frombuffer(data, '<u2').reshape(_ROWS, _COLUMNS)
        coloured = int(np.count_nonzero(words[:_ROWS // 2] >> 8 != _NEUTRAL))
        counts = words[_ROWS // 2:].astype(np.uint16)
        doubt = doubt_kelvin64(counts)
        if coloured or doubt:
            raise InputError('file-damaged', '%s holds a frame that no TC001 sends whole.' % source, 'Record it again.',
                             '%d chroma bytes are not 128; %s' % (coloured, doubt or 'the temperatures can be'))
        return DecodedImage(counts, meaning=Temperatures(SCALES['kelvin64']))


def doubt_kelvin64(counts: np.ndarray) -> str:
    """Why counts (uint16 HxW) of this family of cameras cannot be what was in front of one; empty where they can."""
    celsius = SCALES['kelvin64'].celsius(counts)
    saturated = counts == _SATURATED
    beyond = float(np.mean(((celsius < _LOWEST_C) | (celsius > _HIGHEST_C)) & ~saturated))
    if beyond <= _BEYOND_SHARE and saturated.mean() <= _SATURATED_SHARE:
        return ''
    return '%.1f %% of temperatures cannot be, %.1f %% are saturated' % (100 * beyond, 100 * saturated.mean())
