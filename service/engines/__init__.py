"""Engines: what TensorRT compiled on this very machine, kept with everything needed to trust it."""
from .facts import machine_facts
from .folder import default_folder
from .key import EngineKey
from .lookup import find_engine, proof_variant
from .store import EngineStore, Entry, StoredEngine

__all__ = ['EngineKey', 'EngineStore', 'Entry', 'StoredEngine', 'default_folder', 'find_engine', 'machine_facts',
           'proof_variant']
