"""How pybind11 shows classes and enums: the names of one release and nothing else, and which of them warn."""
import functools
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


class EnumKind(type):
    """Type of the enums: members are read only."""

    def __repr__(cls):
        return "<class 'tensorrt.tensorrt.%s'>" % cls.__name__


class Member(metaclass=EnumKind):
    """Base of the enums; a member knows its number, and its name and value where the release shows them."""

    _ordered = False

    def __new__(cls, value):
        for member in cls.__members__.values():
            if member._number == value:
                return member
        raise ValueError('%r is not a valid %s' % (value, cls.__name__))

    def __int__(self):
        return self._number

    def __index__(self):
        return self._number

    def __hash__(self):
        return hash(self._number)

    def __eq__(self, other):
        if self._ordered and isinstance(other, int):
            return self._number == other
        return type(other) is type(self) and other._number == self._number

    def __ne__(self, other):
        return not self == other

    def _compare(self, other, holds):
        if not self._ordered or not isinstance(other, (Member, int)):
            return NotImplemented
        return holds(self._number, int(other))

    def __lt__(self, other):
        return self._compare(other, lambda one, two: one < two)

    def __le__(self, other):
        return self._compare(other, lambda one, two: one <= two)

    def __gt__(self, other):
        return self._compare(other, lambda one, two: one > two)

    def __ge__(self, other):
        return self._compare(other, lambda one, two: one >= two)

    def __str__(self):
        return '%s.%s' % (type(self).__name__, self._name)

    def __repr__(self):
        return '<%s.%s: %d>' % (type(self).__name__, self._name, self._number)


def make_enum(name, numbers, offered, ordered=False, **extra):
    """An enum class.

    Args:
        name (str): its name.
        numbers (dict): member name to number.
        offered (set): what the release shows; decides about `value`.
        ordered (bool): whether members compare with each other and with numbers (pybind11's arithmetic enums).
        extra: further attributes of the class.
    """
    shown = dict(extra, _ordered=ordered, name=property(lambda self: self._name), __members__={})
    if 'value' in offered:
        shown['value'] = property(lambda self: self._number)
    kind = EnumKind(name, (Member,), shown)
    for member, number in sorted(numbers.items(), key=lambda pair: pair[1]):
        made = object.__new__(kind)
        made._name, made._number = member, number
        kind.__members__[member] = made
        setattr(kind, member, made)
    return kind


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
