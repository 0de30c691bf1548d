"""Compiling on the board: from a bundle to an engine that is proven, stored and ready."""
from .abilities import Abilities, read_abilities
from .progress import Progress
from .proof import prove_plan
from .routes import Route, choose_precision, find_routes
from .run import Compiled, CompileOptions, compile_engine

__all__ = ['Abilities', 'CompileOptions', 'Compiled', 'Progress', 'Route', 'choose_precision', 'compile_engine',
           'find_routes', 'prove_plan', 'read_abilities']
