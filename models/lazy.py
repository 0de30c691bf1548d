"""Public names of a package that are imported when they are asked for.

The command line lists every verb, and a verb's module cannot be imported without its package: what a package offers
must not load PyTorch or scikit-learn for a list.
"""
import importlib


def lazily(package, public):
    """A package's ``__getattr__``.

    Args:
        package (str): ``__name__`` of the package.
        public (dict): public name to the module of the package it lies in.
    """
    def find(name):
        if name not in public:
            raise AttributeError('module %r has no attribute %r' % (package, name))
        return getattr(importlib.import_module('%s.%s' % (package, public[name])), name)
    return find
