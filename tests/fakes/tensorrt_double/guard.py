"""Classes that show the names of one release and nothing else."""
import warnings


class Kind(type):
    """Type of the double's classes: a subclass that forgets its base's `__init__` is refused, as pybind11 does."""

    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        if not getattr(made, '_ready', False):
            raise TypeError('%s.__init__() must be called when overriding __init__' % cls._bound)
        return made


class Bound(metaclass=Kind):
    """Base of the double's classes. Objects take no attribute that their class does not have."""

    _ready = False
    _bound = ''

    def __setattr__(self, name, value):
        known = getattr(type(self), name, None)
        if name.startswith('_') or isinstance(known, property) or '_bound' not in type(self).__dict__:
            object.__setattr__(self, name, value)
        else:
            raise AttributeError('%r object has no attribute %r' % (self._bound, name))

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        # Every release has the `with` statement and every one warns of it, though each in other words.
        warnings.warn('Use del obj instead.', DeprecationWarning, stacklevel=2)

    def __repr__(self):
        return '<%s object at 0x%x>' % (self._bound, id(self))


def bind(library, name, template, base=Bound):
    """A class of one release, made of a template that knows every release.

    Args:
        library (Library): what the class belongs to; its objects find it as `_lib`.
        name (str): the class's name in tensorrt.
        template (type): has what any release has; what this release lacks is left out.
        base (type): class bound before that this one derives from.
    Returns:
        type: what the release has and the template lacks raises NotImplementedError, so that it is seen at once.
    """
    offered = library.names.offered(name)
    body = {'__doc__': template.__doc__, '__module__': 'tensorrt.tensorrt', '_lib': library,
            '_bound': 'tensorrt.tensorrt.%s' % name}
    for source in reversed([kind for kind in template.__mro__ if kind not in (object, bytearray)]):
        for key, value in vars(source).items():
            if key in ('__dict__', '__weakref__', '__module__', '__doc__'):
                continue
            if key in offered or _is_machinery(key) or issubclass(template, bytearray):
                body[key] = value
    for key in offered:
        if not key.startswith('__') and key not in body and not hasattr(base, key):
            body[key] = _absent(name, key, library.names.members(name).get(key))
    if '__init__' not in body and '__init__' not in vars(base):
        body['__init__'] = _no_constructor
    if not issubclass(template, bytearray):
        return Kind(name, (base,), body)
    for key in set(dir(bytearray)) - set(body):
        if not key.startswith('_'):
            body[key] = property(_hidden)
    return Kind(name, (base, bytearray), body)


def make(cls, *args):
    """An object of a class that has no constructor in Python."""
    made = cls.__new__(cls)
    made._setup(*args)
    made._ready = True
    return made


def _is_machinery(key):
    if key in ('__len__', '__getitem__'):
        return False
    return key.startswith('_')


def _hidden(self):
    raise AttributeError('%r object has no such attribute' % self._bound)


def _absent(name, key, kind):
    def refuse(self, *args, **kwargs):
        raise NotImplementedError('the double has no %s.%s yet' % (name, key))
    refuse.__name__ = key
    return refuse if isinstance(kind, list) else property(refuse)


def _no_constructor(self, *args, **kwargs):
    raise TypeError('%s: No constructor defined!' % self._bound)
