"""Capture: the thread that keeps a camera running, how well the camera does, and corrections to its frames."""
from .capture import BACKOFF_S, MAX_BAD_FRAMES, MAX_SILENT_READS, READ_TIMEOUT_S, Capture
from .corrections import Corrections
from .quality import FFC_OVERDUE_S, GRADES, Quality

__all__ = ['BACKOFF_S', 'FFC_OVERDUE_S', 'GRADES', 'MAX_BAD_FRAMES', 'MAX_SILENT_READS', 'READ_TIMEOUT_S', 'Capture',
           'Corrections', 'Quality']
