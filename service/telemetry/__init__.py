"""How the machine is while the service runs: read slowly beside it, told in words and in figures."""
from .sources import GROUP, Sources
from .vitals import Disk, Reading, Vitals
from .words import machine_figures, machine_reports

__all__ = ['Disk', 'GROUP', 'Reading', 'Sources', 'Vitals', 'machine_figures', 'machine_reports']
