"""Targets: kinds of boards with their limits, as data, one small file each."""
from .operators import OperatorTable, load_table
from .profile import TARGETS, Target, load_target

__all__ = ['OperatorTable', 'TARGETS', 'Target', 'load_table', 'load_target']
