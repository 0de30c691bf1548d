"""What makes the values of a source temperatures: one class for each kind of source.

Each has ``kind`` (a word for files), ``pixels`` (types of values that it takes), ``known`` (scene values that its
temperatures are for), ``celsius(values)``, ``told(values)`` (what a person states beside the source), ``corrected
(changes)`` and ``to_dict()``; `FlirParameters` is the third.
"""
from dataclasses import dataclass, field
from typing import Optional

from ..messages import InputError
from .linear import LinearScale
from .scene import SCENE_FIELDS, Scene
from .surface import at_scene

#: What can be corrected without counts.
_SURFACE = ('emissivity', 'reflected_c')


@dataclass(frozen=True)
class Temperatures:
    """Temperatures that the camera computed itself.

    Attributes:
        scale (LinearScale or None): what one count means; None where the values are degrees Celsius.
        stated (dict): ``emissivity`` and ``reflected_c`` that the camera computed with, as far as known.
        true (dict): what was corrected since, by the same names.
    Raises:
        InputError: ``radiometry-value``.
    """

    kind = 'temperatures'

    scale: Optional[LinearScale] = None
    stated: dict = field(default_factory=dict)
    true: dict = field(default_factory=dict)

    def __post_init__(self):
        for values in (self.stated, self.true):
            Scene().corrected(values)

    @property
    def pixels(self):
        """Counts where there is a scale, else degrees."""
        return ('float32',) if self.scale is None else ('uint16',)

    @property
    def known(self):
        """The scene as computed with, as far as anybody said."""
        return dict(self.stated, **self.true)

    def celsius(self, values):
        """Degrees Celsius: float32 HxW of uint16 counts, or of float32 degrees where there is no scale.

        Raises:
            InputError: ``radiometry-no-temperature``.
        """
        celsius = values if self.scale is None else self.scale.celsius(values)
        if not self.true:
            return celsius
        return at_scene(celsius, Scene(**self.stated), Scene(**self.known))

    def told(self, values):
        """The same temperatures, computed by the camera with what is stated here; a second statement corrects."""
        again = {name: value for name, value in values.items() if name in self.stated}
        told = Temperatures(self.scale, dict(values, **self.stated), self.true)
        return told.corrected(again) if again else told

    def corrected(self, changes):
        """The same temperatures for another emissivity or another room.

        Args:
            changes (dict): values by the names of `SCENE_FIELDS`.
        Returns:
            Temperatures
        Raises:
            InputError: ``radiometry-value``; ``radiometry-needs-raw`` for anything but emissivity and reflected
                temperature; ``radiometry-unstated`` where a value is needed that nobody stated.
        """
        Scene().corrected(changes)
        beyond = [SCENE_FIELDS[name][3] for name in changes if name not in _SURFACE]
        if beyond:
            raise InputError('radiometry-needs-raw', "The %s can be corrected only where the detector's counts and "
                             'their calibration were saved, as FLIR cameras do; leave it out.' % beyond[0])
        true = dict(self.true, **changes)
        known = dict(self.stated, **true)
        if 'emissivity' not in self.stated:
            raise _unstated('for which emissivity its temperatures were computed', 'emissivity', 1.0)
        if self.stated['emissivity'] < 1 and 'reflected_c' not in self.stated:
            raise _unstated('for which reflected temperature its temperatures were computed', 'reflected_c', 22.0)
        if known['emissivity'] < 1 and 'reflected_c' not in known:
            raise InputError('radiometry-unstated', 'an emissivity below 1 needs the temperature of what the skin '
                             'mirrors, the room as a rule; give the reflected temperature too.')
        return Temperatures(self.scale, self.stated, true)

    def to_dict(self):
        """As JSON; `meaning_of` makes it again."""
        scale = self.scale and {'per_count_c': self.scale.per_count_c, 'zero_c': self.scale.zero_c}
        return {'kind': self.kind, 'scale': scale, 'stated': dict(self.stated), 'true': dict(self.true)}


class GreyLevels:
    """A picture without temperatures: nothing can be corrected in it."""

    kind = 'grey'
    pixels = ('uint8', 'float32')
    known = {}

    def celsius(self, values):
        """Refused: ``radiometry-relative``."""
        raise self._refusal()

    def corrected(self, changes):
        """Refused: ``radiometry-relative``."""
        raise self._refusal()

    def told(self, values):
        """Itself: an emissivity that a camera was set to changes no grey level."""
        return self

    def to_dict(self):
        """As JSON; `meaning_of` makes it again."""
        return {'kind': self.kind}

    def __eq__(self, other):
        return isinstance(other, GreyLevels)

    def __hash__(self):
        return hash(self.kind)

    @staticmethod
    def _refusal():
        return InputError('radiometry-relative', 'grey levels have no temperatures and no emissivity; export the '
                          'temperatures from the camera software.')


def _unstated(what, key, example):
    return InputError('radiometry-unstated', 'the file does not say %s; state it in a sidecar next to it, such as '
                      '{"%s": %g}.' % (what, key, example))
