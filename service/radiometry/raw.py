"""A frame before anything was computed from it, so that it can be computed again."""
import contextlib
from dataclasses import dataclass, replace
from typing import Callable, Iterator, Mapping

import numpy as np

from ..messages import InputError
from ..thermogram import CELSIUS, RELATIVE, Provenance, Thermogram
from .meaning import GreyLevels, LinearScale, Meaning, Temperatures
from .object_parameters import OBJECT_PARAMETERS, check_possible, with_source

#: Scales that cameras send: centikelvin, 1/64 K, 0.04 K and 0.1 K from absolute zero, hundredths of a degree.
#: Temperatures that all lie on one of them fit into 16 bits without loss.
_SCALES = (LinearScale(0.01, -273.15), LinearScale(1 / 64.0, -273.15), LinearScale(0.04, -273.15),
           LinearScale(0.1, -273.15), LinearScale(0.01, 0.0))

#: Digits of an object parameter that count; cameras write them as float32.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Raw:
    """Values as their source gave them, and what they mean.

    Attributes:
        values: HxW; uint16 counts, float32 °C or grey levels, or uint8 grey levels. The patient's right is on the
            left.
        meaning: how they become temperatures.
        provenance: where they came from.
    """

    values: np.ndarray
    meaning: Meaning
    provenance: Provenance

    @classmethod
    def of(cls, thermogram: Thermogram) -> 'Raw':
        """A thermogram whose source is gone; `thermogram` gives it back, pixel for pixel."""
        provenance = thermogram.provenance
        if not thermogram.is_celsius:
            return cls(thermogram.pixels, GreyLevels(), provenance)
        stated = {} if provenance.emissivity is None else {'emissivity': provenance.emissivity}
        return cls(thermogram.pixels, Temperatures(None, stated), provenance)

    def thermogram(self) -> Thermogram:
        """The temperatures, or the grey levels of a picture without any.

        Raises:
            InputError: ``temperature-impossible``, what `Thermogram` refuses, or a ``radiometry-`` code.
        """
        source, unit, pixels = self.provenance.source, RELATIVE, self.values
        if not isinstance(self.meaning, GreyLevels):
            with _naming(source):
                unit, pixels = CELSIUS, self.meaning.celsius(self.values)
            check_possible(pixels, source)
        emissivity = self.meaning.computed_with.get('emissivity', self.provenance.emissivity)
        return Thermogram(pixels, unit, replace(
            self.provenance, emissivity=None if emissivity is None else round(emissivity, _DIGITS),
            warnings=self.meaning.doubts()))

    def corrected(self, changes: Mapping[str, float]) -> 'Raw':
        """The same frame with other object parameters; `thermogram` then computes from the same values anew.

        Args:
            changes: values by the names of `OBJECT_PARAMETERS`; may be empty.
        Raises:
            InputError: a ``radiometry-`` code.
        """
        return self._changed(self.meaning.corrected, changes)

    def with_stated(self, parameters: Mapping[str, float]) -> 'Raw':
        """The same frame with what a person states beside its source, which takes precedence over the source.

        Args:
            parameters: by the names of `OBJECT_PARAMETERS`. Of temperatures, what the camera computed with.
        Raises:
            InputError: a ``radiometry-`` code.
        """
        return self._changed(self.meaning.with_stated, parameters)

    def _changed(self, change: Callable[[Mapping[str, float]], Meaning], values: Mapping[str, float]) -> 'Raw':
        """The frame after a change of its meaning, with a note on every value that differs now."""
        before, impossible = self.meaning.computed_with, self.meaning.impossible
        values = {name: value for name, value in values.items() if not _equal(value, before.get(name))}
        if not values:
            return self
        with _naming(self.provenance.source):
            meaning = change(values)
        texts = dict(impossible, **{name: '%g' % value for name, value in before.items()})
        notes = tuple('computed with %s %g instead of %s' % (OBJECT_PARAMETERS[name].label, value, texts[name])
                      for name, value in sorted(meaning.computed_with.items())
                      if name in texts and not _equal(value, before.get(name)))
        return Raw(self.values, meaning, replace(self.provenance, notes=self.provenance.notes + notes))

    def packed(self) -> 'Raw':
        """The same frame in as few bits as hold it without loss.

        Counts where all temperatures lie on one scale of a camera, uint8 where all grey levels are whole.
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


def _equal(value: object, other: object) -> bool:
    """Whether two values of an object parameter are the same number."""
    return (isinstance(value, (int, float)) and isinstance(other, (int, float)) and
            round(value, _DIGITS) == round(other, _DIGITS))


@contextlib.contextmanager
def _naming(source: str) -> Iterator[None]:
    """Put the name of the source in front of a refusal that does not know it."""
    try:
        yield
    except InputError as error:
        raise with_source(error, source)
