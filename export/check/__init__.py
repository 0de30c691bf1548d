"""Does a target take this network? Checked rule by rule, without the board."""
from .model import RULES, check_bundle, check_model
from .rule import VIOLATION, WARNING, Rule, Violation, fits

__all__ = ['RULES', 'Rule', 'VIOLATION', 'Violation', 'WARNING', 'check_bundle', 'check_model', 'fits']
