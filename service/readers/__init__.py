"""Readers: from a file on disk to a `Thermogram`.

`read` finds the reader of a file and applies its sidecar; `base` is what a reader implements, and the other modules
hold one family of formats each. To add a format, write a `Reader` and name it in `read.READERS`.
"""
from .base import SCALE_HELP, SCALES, DecodedImage, PictureReader, Reader, ReadOptions, Recording
from .files import HeldFile
from .read import (
    READERS,
    SUFFIXES,
    count_frames,
    find_thermograms,
    read_each,
    read_raw,
    read_thermogram,
    reader_and_options,
    reader_for,
)

__all__ = ['DecodedImage', 'HeldFile', 'PictureReader', 'READERS', 'ReadOptions', 'Reader', 'Recording', 'SCALES',
           'SCALE_HELP', 'SUFFIXES', 'count_frames', 'find_thermograms', 'read_each', 'read_raw', 'read_thermogram',
           'reader_and_options', 'reader_for']
