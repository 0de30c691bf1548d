"""Does a target take this network? Asked without the board, rule by rule."""
from .bundle import check_bundle
from .model import check_model
from .registry import RULES, Rule
from .violation import VIOLATION, WARNING, Violation, fits

__all__ = ['RULES', 'Rule', 'VIOLATION', 'Violation', 'WARNING', 'check_bundle', 'check_model', 'fits']
