"""Our own capture files."""
from ..capture_file import MAGIC, SUFFIX, open_capture
from ..capture_file.header import damaged
from ..radiometry import GreyLevels
from .base import IN_CELSIUS, IN_COUNTS, IN_GREY, Decoded, Reader
from .files import opened, shown_name


class CaptureReader(Reader):
    """Frames as they were measured; only the header and one frame are in memory."""

    name = 'capture'
    label = 'a capture file'
    suffixes = (SUFFIX,)
    #: It says all of itself, and often lies beside the file that it was made of.
    takes_stem_sidecar = False

    def sniff(self, head, path):
        return head.startswith(MAGIC)

    def _layout(self, path):
        with opened(path) as stream:
            return open_capture(stream, shown_name(path))

    def _content(self, path, layout, number):
        """A `StoredFrame`."""
        with opened(path) as stream:
            return layout.frame(stream, number)

    def _decode(self, data, source):
        meaning = data.meaning
        kind = IN_GREY if isinstance(meaning, GreyLevels) else IN_COUNTS if 'uint16' in meaning.pixels else IN_CELSIUS
        if kind == IN_GREY and not ((data.values >= 0) & (data.values <= 255)).all():
            raise damaged(source, 'grey levels beyond 0 to 255')
        notes = data.notes + ('captured from %s by %s' % (data.source, data.reader or 'an unnamed source'),)
        return Decoded(data.values, kind, notes, data.captured_at, meaning)
