"""What other packages offer to the service, which imports none of them: entry points by group."""
try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata


def offered(group):
    """What is offered in a group.

    Args:
        group (str): name of the entry-point group, such as ``'thermoscreen.verbs'``.

    Returns:
        dict: name to ``'module:attribute'``, in the order of names; nothing is imported. Empty in a bare checkout,
        where nothing is installed that could offer.
    """
    found = metadata.entry_points()
    entries = found.select(group=group) if hasattr(found, 'select') else found.get(group, ())
    return {entry.name: entry.value for entry in sorted(entries, key=lambda entry: entry.name)}
