"""The command line: ``thermoscreen VERB``."""
from .main import main, program

__all__ = ['main', 'program']
