"""Every reader there is, and which one a file is for."""
from ..messages import InputError
from .capture import CaptureReader
from .files import read_head, shown_name, suffix_of
from .flir import FffReader, FlirJpegReader
from .jpeg import JpegReader
from .npy import NpyReader
from .png import PngReader
from .tc001 import Tc001Reader
from .text import CsvReader, TextReader
from .tiff import TiffReader

#: All readers, in the order in which they look at a file: a radiometric JPEG is a JPEG too. Text comes last: it has
#: no magic bytes.
READERS = (CaptureReader(), PngReader(), TiffReader(), FlirJpegReader(), JpegReader(), FffReader(), NpyReader(),
           Tc001Reader(), CsvReader(), TextReader())

#: Every suffix that is read, with a reader that claims it; one that several share belongs to the last of them here.
SUFFIXES = {suffix: reader for reader in READERS for suffix in reader.suffixes}


def reader_for(path):
    """The reader of a file, by its content; its suffix must not contradict.

    Raises:
        InputError: ``format-mismatch``, ``format-unknown``, or what is wrong with the file itself.
    """
    head, name, suffix = read_head(path), shown_name(path), suffix_of(path)
    found = next((reader for reader in READERS if reader.sniff(head, path)), None)
    claimed = SUFFIXES.get(suffix)
    if found is not None and suffix in found.suffixes:
        return found
    if claimed is not None:
        raise InputError('format-mismatch', '%s claims to be %s but %s.'
                         % (name, claimed.label, 'does not look like one; copy it again from its source'
                            if found is None else
                            'is %s; rename it to end in %s' % (found.label, found.suffixes[0])))
    if found is not None:
        raise InputError('format-unknown', '%s looks like %s, but its name does not end in %s; rename it if '
                         'it is a thermogram.' % (name, found.label, ' or '.join(found.suffixes)))
    raise InputError('format-unknown', '%s is no thermogram format this program reads; it reads files ending '
                     'in %s.'
                     % (name, ', '.join(sorted(SUFFIXES))))
