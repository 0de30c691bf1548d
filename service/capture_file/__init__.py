"""The capture file: frames as the camera measured them, and all that makes them temperatures.

Lossless, with a checksum over every byte; see docs/capture-file.md. Nothing in it is executed or unpickled.
"""
from .layout import MAGIC, MAX_FRAMES, SUFFIX
from .read import CaptureFile, StoredFrame, open_capture
from .write import pack_capture, write_capture

__all__ = ['CaptureFile', 'MAGIC', 'MAX_FRAMES', 'SUFFIX', 'StoredFrame', 'open_capture', 'pack_capture',
           'write_capture']
