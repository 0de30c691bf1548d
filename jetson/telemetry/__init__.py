"""What a machine measures about itself: every reader takes the folder that stands for ``/``."""
from .clocks import Clock
from .cpu_load import CpuLoad
from .fan import Fan
from .kernel_log import KernelLog
from .memory import Memory, read_memory
from .rails import Rail, rails_closed
from .snapshot import Telemetry, read_telemetry
from .tegrastats import parse_tegrastats
from .tegrastats_process import BoardError, read_line

__all__ = ['BoardError', 'Clock', 'CpuLoad', 'Fan', 'KernelLog', 'Memory', 'Rail', 'Telemetry', 'parse_tegrastats',
           'rails_closed', 'read_line', 'read_memory', 'read_telemetry']
