"""The confound audit: what else than the skin predicts a diagnosis, judged by one protocol."""
from ..lazy import lazily

#: Public name to the module it lies in.
_PUBLIC = {
    'Frame': 'frame', 'Marker': 'marker', 'Outcome': 'protocol', 'Plan': 'plan', 'Protocol': 'protocol',
    'find_marker': 'marker', 'judge': 'verdict', 'make_plan': 'plan', 'markdown': 'report', 'read_frame': 'frame',
    'run_audit': 'run', 'terminal': 'report', 'to_json': 'report', 'without_marker': 'marker', 'write_report': 'report',
}

__all__ = sorted(_PUBLIC)
__getattr__ = lazily(__name__, _PUBLIC)
