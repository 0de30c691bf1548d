"""Readers: from a file on disk to a `Thermogram`, one small file per format.

To add a format, write a `Reader` in a file of its own and name it in `registry.READERS`.
"""
from .base import Decoded, Reader, ReadOptions
from .find import find_thermograms
from .read import count_frames, read_each, read_raw, read_thermogram
from .registry import READERS, SUFFIXES, reader_for
from .scales import SCALES
from .sidecar import sidecar_path

__all__ = ['Decoded', 'READERS', 'ReadOptions', 'Reader', 'SCALES', 'SUFFIXES', 'count_frames',
           'find_thermograms', 'read_each', 'read_raw', 'read_thermogram', 'reader_for', 'sidecar_path']
