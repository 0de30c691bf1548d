"""A frame before anything was computed from it, so that it can be computed again."""
import contextlib
from dataclasses import dataclass, replace

import numpy as np

from ..messages import InputError
from ..thermogram import CELSIUS, RELATIVE, Provenance, Thermogram
from .linear import LinearScale
from .meaning import GreyLevels, Temperatures
from .possible import check_possible
from .scene import SCENE_FIELDS

#: Scales that cameras send: centikelvin, 1/64 K, 0.04 K and 0.1 K from absolute zero, hundredths of a degree.
#: Temperatures that all lie on one of them take 16 bits without loss.
_SCALES = (LinearScale(0.01, -273.15), LinearScale(1 / 64.0, -273.15), LinearScale(0.04, -273.15),
           LinearScale(0.1, -273.15), LinearScale(0.01, 0.0))

#: Of a scene value that count.
_DIGITS = 6


@dataclass(frozen=True)
class Raw:
    """Values as their source gave them, and what makes them temperatures.

    Attributes:
        values (numpy.ndarray): HxW; uint16 counts, float32 degrees Celsius or grey levels, or uint8 grey levels.
            The patient's right is on the left.
        meaning (FlirParameters, Temperatures or GreyLevels): what they are.
        provenance (Provenance): where they came from.
    """

    values: np.ndarray
    meaning: object
    provenance: Provenance

    @classmethod
    def of(cls, thermogram):
        """The values of a thermogram whose source is not there any more.

        Returns:
            Raw: its `thermogram` is the argument's, pixel for pixel.
        """
        provenance = thermogram.provenance
        if not thermogram.is_celsius:
            return cls(thermogram.pixels, GreyLevels(), provenance)
        stated = {} if provenance.emissivity is None else {'emissivity': provenance.emissivity}
        return cls(thermogram.pixels, Temperatures(None, stated), provenance)

    def thermogram(self):
        """The temperatures, or the grey levels of a picture without any.

        Returns:
            Thermogram
        Raises:
            InputError: ``temperature-impossible``, what `Thermogram` refuses, or a ``radiometry-`` code.
        """
        source, unit, pixels = self.provenance.source, RELATIVE, self.values
        if not isinstance(self.meaning, GreyLevels):
            with _named(source):
                unit, pixels = CELSIUS, self.meaning.celsius(self.values)
            check_possible(pixels, source)
        emissivity = self.meaning.known.get('emissivity', self.provenance.emissivity)
        return Thermogram(pixels, unit, replace(
            self.provenance, emissivity=None if emissivity is None else round(emissivity, _DIGITS)))

    def corrected(self, changes):
        """The same frame with other scene values; `thermogram` then computes from the same values anew.

        Args:
            changes (dict): values by the names of `SCENE_FIELDS`; nothing changes where it is empty.
        Returns:
            Raw
        Raises:
            InputError: a ``radiometry-`` code.
        """
        return self._with(self.meaning.corrected, changes)

    def told(self, values):
        """The same frame with what a person states beside its source, which goes before what the source says.

        Args:
            values (dict): by the names of `SCENE_FIELDS`. Of temperatures, they are what the camera computed with.
        Returns:
            Raw
        Raises:
            InputError: a ``radiometry-`` code.
        """
        return self._with(self.meaning.told, values)

    def _with(self, change, values):
        """The frame after a change of its meaning, with a note on everything that is then another value."""
        before = self.meaning.known
        values = {name: value for name, value in values.items() if not _same(value, before.get(name))}
        if not values:
            return self
        with _named(self.provenance.source):
            meaning = change(values)
        notes = tuple('computed with %s %g instead of %g' % (SCENE_FIELDS[name][3], value, before[name])
                      for name, value in sorted(meaning.known.items()) if not _same(value, before.get(name, value)))
        return Raw(self.values, meaning, replace(self.provenance, notes=self.provenance.notes + notes))

    def packed(self):
        """The same frame in as few bits as hold it without loss.

        Returns:
            Raw: counts where all temperatures lie on one scale of a camera, uint8 where all grey levels are whole.
        """
        meaning = self.meaning
        if isinstance(meaning, GreyLevels) and self.values.dtype != np.uint8:
            with np.errstate(invalid='ignore'):
                levels = np.clip(self.values, 0, 255).astype(np.uint8)
            return replace(self, values=levels) if np.array_equal(levels, self.values) else self
        if isinstance(meaning, Temperatures) and meaning.scale is None:
            for scale in _SCALES:
                counts = scale.counts(self.values)
                if counts is not None:
                    return Raw(counts, replace(meaning, scale=scale), self.provenance)
        return self


def _same(value, other):
    """Whether two scene values are the same number; files of cameras have seven digits of it."""
    numbers = all(isinstance(each, (int, float)) for each in (value, other))
    return numbers and round(value, _DIGITS) == round(other, _DIGITS)


@contextlib.contextmanager
def _named(source):
    """Puts the name of the source before a refusal that does not know it."""
    try:
        yield
    except InputError as error:
        raise InputError(error.code, '%s: %s' % (source, error.message.text), detail=error.detail)
