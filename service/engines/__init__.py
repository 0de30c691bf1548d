"""Engines: what TensorRT compiled on this machine, stored with everything needed to trust it."""
from .key import EngineKey, machine_facts
from .store import EngineStore, Entry, StoredEngine, default_folder

__all__ = ['EngineKey', 'EngineStore', 'Entry', 'StoredEngine', 'default_folder', 'machine_facts']
