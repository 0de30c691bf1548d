"""Compiling on the board: from a bundle to an engine that is proven and stored."""
from .build import prove_plan
from .progress import Progress
from .routes import Abilities, Route, choose_precision, find_routes, read_abilities
from .run import Compiled, CompileOptions, compile_engine

__all__ = ['Abilities', 'CompileOptions', 'Compiled', 'Progress', 'Route', 'choose_precision', 'compile_engine',
           'find_routes', 'prove_plan', 'read_abilities']
