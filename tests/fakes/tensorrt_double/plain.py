"""Attributes that are kept and given back and do nothing else in the double, and members that a release warns of."""
import functools
import warnings

#: From this release on, bindings by number warn that tensors have names.
_NAMED = (8, 5)


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


def instead(name):
    """A decorator: from 8.5 on the member warns that another should be used.

    Args:
        name (str): the other member.
    """
    def decorate(function):
        @functools.wraps(function)
        def call(self, *args):
            if self._lib.release >= _NAMED:
                warnings.warn('Use %s instead.' % name, DeprecationWarning, stacklevel=2)
            return function(self, *args)
        return call
    return decorate
