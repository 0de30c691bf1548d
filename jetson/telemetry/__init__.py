"""What a machine measures about itself. Every reader takes the folder that stands for ``/``."""
from .memory import Memory, read_memory
from .power import KernelLog, Rail, rails_closed
from .processors import Clock, CpuLoad
from .snapshot import Telemetry, read_telemetry
from .tegrastats import BoardError, parse_tegrastats, read_line
from .thermal import Fan

__all__ = ['BoardError', 'Clock', 'CpuLoad', 'Fan', 'KernelLog', 'Memory', 'Rail', 'Telemetry', 'parse_tegrastats',
           'rails_closed', 'read_line', 'read_memory', 'read_telemetry']
