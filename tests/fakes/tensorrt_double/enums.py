"""Enums as pybind11 makes them: no Python Enum, no arithmetic with plain numbers, `int()` where one is needed."""


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
