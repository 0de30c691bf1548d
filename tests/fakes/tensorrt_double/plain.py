"""Attributes that are kept and given back, and do nothing else in the double."""


def keep(*names):
    """A class decorator: properties of these names, kept in the object's `_plain`.

    Args:
        names (str): attributes; `_setup` or `__init__` gives `_plain` (dict) their first values.
    """
    def decorate(kind):
        for name in names:
            setattr(kind, name, _kept(name))
        return kind
    return decorate


def _kept(name):
    def read(self):
        return self._plain[name]

    def write(self, value):
        self._plain[name] = value

    return property(read, write)
