"""How long a frame takes on this machine, under which conditions, and whether that counts."""
from .compare import Change, compare_runs, differences
from .frames import STAGES, FrameTimer, Timing
from .record import FILES, check_document, read_document, write_document
from .runs import Run, run_closed, run_paced
from .session import Protocol, Session
from .soak import Soak, SoakProtocol
from .verdict import judge
from .watching import Watcher

__all__ = ['Change', 'FILES', 'FrameTimer', 'Protocol', 'Run', 'STAGES', 'Session', 'Soak', 'SoakProtocol', 'Timing',
           'Watcher', 'check_document', 'compare_runs', 'differences', 'judge', 'read_document', 'run_closed',
           'run_paced', 'write_document']
