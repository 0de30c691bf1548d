"""Capture: a thread that keeps a camera running, and says how well it does."""
from .capture import BACKOFF_S, MAX_BAD_FRAMES, MAX_SILENT_READS, READ_TIMEOUT_S, Capture
from .corrections import Corrections
from .quality import GRADES, Quality

__all__ = ['BACKOFF_S', 'GRADES', 'MAX_BAD_FRAMES', 'MAX_SILENT_READS', 'READ_TIMEOUT_S', 'Capture', 'Corrections',
           'Quality']
