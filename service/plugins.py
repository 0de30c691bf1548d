"""Plugins: what other packages register under entry points for the service, which imports none of them."""
from typing import List

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata  # type: ignore[no-redef]

__all__ = ['metadata', 'plugins']


def plugins(group: str) -> List['metadata.EntryPoint']:
    """The entry points of a group, such as ``'thermoscreen.verbs'``, by name; none of them is loaded.

    Empty in a bare checkout, where nothing is installed.
    """
    entries = metadata.entry_points()
    # Python 3.10 and newer select; before that, it was a dict of groups.
    selected = entries.select(group=group) if hasattr(entries, 'select') else entries.get(group, ())
    return sorted(selected, key=lambda entry: entry.name)
