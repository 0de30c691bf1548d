"""The confound audit: what else than the skin predicts a diagnosis, judged by one protocol."""
from .frame import Frame, read_frame
from .marker import Marker, find_marker, without_marker
from .plan import Plan, make_plan
from .protocol import Outcome, Protocol
from .report import markdown, terminal, to_json, write_report
from .run import run_audit
from .verdict import judge

__all__ = ['Frame', 'Marker', 'Outcome', 'Plan', 'Protocol', 'find_marker', 'judge', 'make_plan', 'markdown',
           'read_frame', 'run_audit', 'terminal', 'to_json', 'without_marker', 'write_report']
