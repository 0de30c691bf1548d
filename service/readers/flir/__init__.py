"""Files of FLIR cameras: radiometric JPEG, FFF, and the recordings SEQ and CSQ.

Read here rather than with a library: none of those is to be had for Python 3.6, or they start ExifTool.
"""
from .readers import FffReader, FlirJpegReader

__all__ = ['FffReader', 'FlirJpegReader']
