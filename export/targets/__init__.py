"""Targets: kinds of boards with their limits, one JSON file each."""
from .profile import TARGETS, OperatorTable, Target, load_table, load_target

__all__ = ['OperatorTable', 'TARGETS', 'Target', 'load_table', 'load_target']
