"""What turns measured values into temperatures: one class for each kind of source."""
import abc
import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import numpy as np

from ..messages import InputError, Message
from .object_parameters import OBJECT_PARAMETERS, ObjectParameters, check_number
from .radiation import AirConstants, PlanckConstants, recompute_celsius

_COUNTS = 65536
#: Of an impossible value.
_LONGEST_TEXT = 40
#: What can be corrected without the detector's counts.
_SURFACE = ('emissivity', 'reflected_c')


class Meaning(abc.ABC):
    """How the values of a source become temperatures. Immutable."""

    #: Word for files.
    kind = ''
    #: What the source states and cannot be, as texts by the names of `OBJECT_PARAMETERS`; a statement or a correction
    #: replaces it.
    impossible: Mapping[str, str] = {}

    @property
    @abc.abstractmethod
    def value_types(self) -> Tuple[str, ...]:
        """Names of the types of values that it can convert."""

    @property
    @abc.abstractmethod
    def computed_with(self) -> Dict[str, float]:
        """Object parameters that the temperatures hold for, as far as they are known."""

    @abc.abstractmethod
    def celsius(self, values: np.ndarray) -> np.ndarray:
        """Temperatures of values: float32 HxW, °C.

        Raises:
            InputError: a ``radiometry-`` code.
        """

    def doubts(self) -> Tuple[Message, ...]:
        """Warnings: what the temperatures are computed with is not usual in front of a patient."""
        return ()

    @abc.abstractmethod
    def with_stated(self, parameters: Mapping[str, float]) -> 'Meaning':
        """The same source with what a person states beside it."""

    @abc.abstractmethod
    def corrected(self, changes: Mapping[str, float]) -> 'Meaning':
        """The same source computed with other object parameters.

        Raises:
            InputError: a ``radiometry-`` code.
        """

    @abc.abstractmethod
    def to_dict(self) -> Dict[str, Any]:
        """As JSON; `meaning_from_dict` reads it."""


@dataclass(frozen=True)
class LinearScale:
    """Counts on a straight line.

    Attributes:
        per_count_c: degrees of one count, above 0.
        zero_c: °C of count 0.
    Raises:
        InputError: ``radiometry-constant``.
    """

    per_count_c: float
    zero_c: float

    def __post_init__(self) -> None:
        for name, lowest, highest, label in (('per_count_c', 1e-6, 1000.0, 'The degrees of one count'),
                                             ('zero_c', -1000.0, 1000.0, 'The temperature of count 0')):
            object.__setattr__(self, name, check_number(getattr(self, name), lowest, highest, label, ' degrees',
                                                        'radiometry-constant'))

    def celsius(self, counts: np.ndarray) -> np.ndarray:
        """Temperatures of uint16 counts: float32, same shape, °C; the float64 result rounded once."""
        return np.take((np.arange(_COUNTS) * self.per_count_c + self.zero_c).astype(np.float32), counts)

    def counts(self, celsius: np.ndarray) -> Optional[np.ndarray]:
        """The counts of float32 temperatures, or None where one of them does not lie on this scale.

        Returns:
            uint16, same shape; `celsius` of it gives the argument, bit for bit.
        """
        with np.errstate(invalid='ignore'):
            counts = np.rint((celsius.astype(np.float64) - self.zero_c) / self.per_count_c)
            if not ((counts >= 0) & (counts < _COUNTS)).all():
                return None
        counts = counts.astype(np.uint16)
        return counts if np.array_equal(self.celsius(counts), celsius) else None


@dataclass(frozen=True)
class Temperatures(Meaning):
    """Temperatures that the camera computed itself.

    Attributes:
        scale: what one count means; None where the values are degrees Celsius.
        stated: ``emissivity`` and ``reflected_c`` that the camera computed with, as far as known.
        true: what was corrected since, by the same names.
    Raises:
        InputError: ``radiometry-value``.
    """

    kind = 'temperatures'

    scale: Optional[LinearScale] = None
    stated: Mapping[str, float] = field(default_factory=dict)
    true: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for values in (self.stated, self.true):
            ObjectParameters().corrected(values)

    @property
    def value_types(self) -> Tuple[str, ...]:
        return ('float32',) if self.scale is None else ('uint16',)

    @property
    def computed_with(self) -> Dict[str, float]:
        return dict(self.stated, **self.true)

    def celsius(self, values: np.ndarray) -> np.ndarray:
        celsius = values if self.scale is None else self.scale.celsius(values)
        if not self.true:
            return celsius
        return recompute_celsius(celsius, ObjectParameters(**self.stated), ObjectParameters(**self.computed_with))

    def doubts(self) -> Tuple[Message, ...]:
        return ObjectParameters(**self.computed_with).doubts() if self.true else ()

    def with_stated(self, parameters: Mapping[str, float]) -> 'Temperatures':
        """The same temperatures, which the camera computed with these; a second statement is a correction."""
        again = {name: value for name, value in parameters.items() if name in self.stated}
        stated = Temperatures(self.scale, dict(parameters, **self.stated), self.true)
        return stated.corrected(again) if again else stated

    def corrected(self, changes: Mapping[str, float]) -> 'Temperatures':
        """The same temperatures for another emissivity or another room.

        Raises:
            InputError: ``radiometry-value``; ``radiometry-needs-raw`` for anything but emissivity and reflected
                temperature; ``radiometry-unstated`` where a value is needed that nobody stated.
        """
        ObjectParameters().corrected(changes)
        beyond = [OBJECT_PARAMETERS[name].label for name in changes if name not in _SURFACE]
        if beyond:
            raise InputError('radiometry-needs-raw', "The %s can be corrected only where the detector's counts and "
                             'their calibration were saved, as FLIR cameras do.' % beyond[0], 'Leave it out.')
        true = dict(self.true, **changes)
        computed_with = dict(self.stated, **true)
        if 'emissivity' not in self.stated:
            raise _unstated('emissivity', 1.0)
        if self.stated['emissivity'] < 1 and 'reflected_c' not in self.stated:
            raise _unstated('reflected_c', 22.0)
        if computed_with['emissivity'] < 1 and 'reflected_c' not in computed_with:
            raise InputError('radiometry-unstated', 'An emissivity below 1 needs the temperature that the skin '
                             'reflects, usually that of the room.', 'Give the reflected temperature too.')
        return Temperatures(self.scale, self.stated, true)

    def to_dict(self) -> Dict[str, Any]:
        scale = self.scale and {'per_count_c': self.scale.per_count_c, 'zero_c': self.scale.zero_c}
        return {'kind': self.kind, 'scale': scale, 'stated': dict(self.stated), 'true': dict(self.true)}


@dataclass(frozen=True)
class GreyLevels(Meaning):
    """A picture without temperatures: nothing in it can be corrected."""

    kind = 'grey'

    @property
    def value_types(self) -> Tuple[str, ...]:
        return ('uint8', 'float32')

    @property
    def computed_with(self) -> Dict[str, float]:
        return {}

    def celsius(self, values: np.ndarray) -> np.ndarray:
        """Refused: ``radiometry-relative``."""
        raise self._refusal()

    def with_stated(self, parameters: Mapping[str, float]) -> 'GreyLevels':
        """Itself: the emissivity that a camera was set to changes no grey level."""
        return self

    def corrected(self, changes: Mapping[str, float]) -> 'GreyLevels':
        """Refused: ``radiometry-relative``."""
        raise self._refusal()

    def to_dict(self) -> Dict[str, Any]:
        return {'kind': self.kind}

    @staticmethod
    def _refusal() -> InputError:
        return InputError('radiometry-relative', 'Grey levels have no temperatures and no emissivity.',
                          'Export the temperatures from the camera software.')


@dataclass(frozen=True)
class FlirParameters(Meaning):
    """Everything that a FLIR file states beside its counts.

    Attributes:
        planck: the calibration of the camera.
        object_parameters: what the operator had set.
        air: the camera's model of the air.
        impossible: as of `Meaning`; `object_parameters` has the defaults in their place. They are refused once they
            would change a temperature.
    """

    kind = 'flir'

    planck: PlanckConstants
    object_parameters: ObjectParameters = field(default_factory=ObjectParameters)
    air: AirConstants = field(default_factory=AirConstants)
    impossible: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, text in self.impossible.items():
            if name not in OBJECT_PARAMETERS or not isinstance(text, str) or len(text) > _LONGEST_TEXT:
                raise ValueError('no object parameter %r' % (name,))

    @classmethod
    def of_header(cls, planck: PlanckConstants, stated: Mapping[str, float], air: AirConstants) -> 'FlirParameters':
        """What a header states, with impossible values kept aside until somebody overrules them.

        Args:
            planck, air: as of the class.
            stated: object parameters by their names.
        """
        parameters, impossible = ObjectParameters(), {}
        for name, value in stated.items():
            try:
                parameters = parameters.corrected({name: value})
            except InputError:
                impossible[name] = '%g' % value
        return cls(planck, parameters, air, impossible)

    @property
    def value_types(self) -> Tuple[str, ...]:
        return ('uint16',)

    @property
    def computed_with(self) -> Dict[str, float]:
        return {name: value for name, value in self.object_parameters.to_dict().items() if name not in self.impossible}

    def celsius(self, values: np.ndarray) -> np.ndarray:
        return flir_celsius(values, self)

    def doubts(self) -> Tuple[Message, ...]:
        return self.object_parameters.doubts()

    def with_stated(self, parameters: Mapping[str, float]) -> 'FlirParameters':
        """What a person states beside the file takes precedence over what the file states."""
        return self.corrected(parameters)

    def corrected(self, changes: Mapping[str, float]) -> 'FlirParameters':
        """The same camera with other object parameters; see `ObjectParameters.corrected`."""
        impossible = {name: text for name, text in self.impossible.items() if name not in changes}
        return dataclasses.replace(self, object_parameters=self.object_parameters.corrected(changes),
                                   impossible=impossible)

    def to_dict(self) -> Dict[str, Any]:
        document = {'kind': self.kind, 'planck': dataclasses.asdict(self.planck), 'air': dataclasses.asdict(self.air),
                    'scene': self.object_parameters.to_dict()}
        return dict(document, impossible=dict(self.impossible)) if self.impossible else document


def flir_celsius(raw: np.ndarray, parameters: FlirParameters) -> np.ndarray:
    """Temperatures of a FLIR frame.

    Args:
        raw: uint16 HxW, counts in the byte order of the machine.
        parameters: what the file states, or what was corrected since.
    Returns:
        float32 HxW, °C; the float64 result rounded once.
    Raises:
        InputError: ``radiometry-no-temperature`` where a count stands for no temperature with these parameters
            (row and column counted from 1), ``radiometry-value`` where one that counts is impossible,
            ``radiometry-air`` or ``radiometry-scene``.
    """
    if raw.dtype != np.uint16:
        raise ValueError('raw counts must be uint16, not %s' % raw.dtype)
    celsius = np.take(_flir_table(parameters), raw)
    missing = np.isnan(celsius)
    if missing.any():
        row, column = np.unravel_index(int(np.argmax(missing)), missing.shape)
        raise InputError('radiometry-no-temperature', 'The count %d in row %d, column %d is no temperature with '
                         'emissivity %g and %g °C reflected (%d such pixels).'
                         % (raw[row, column], row + 1, column + 1, parameters.object_parameters.emissivity,
                            parameters.object_parameters.reflected_c, int(missing.sum())),
                         'Correct them, or export the picture again.')
    return celsius


def flir_raw(celsius: np.ndarray, parameters: FlirParameters) -> np.ndarray:
    """The counts that a FLIR camera would have given; the inverse of `flir_celsius`.

    Args:
        celsius: floats HxW, °C.
        parameters: of the camera.
    Returns:
        uint16 HxW, rounded to the nearest count.
    Raises:
        InputError: ``radiometry-out-of-range`` where a temperature is beyond the 16 bits of this camera,
            ``radiometry-air`` or ``radiometry-scene``.
    """
    gain, offset = _gain_and_offset(parameters)
    counts = np.rint((parameters.planck.counts(celsius) + offset) / gain)
    with np.errstate(invalid='ignore'):
        beyond = ~((counts >= 0) & (counts < _COUNTS))
    if beyond.any():
        row, column = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
        raise InputError('radiometry-out-of-range', '%g °C in row %d, column %d is beyond the range of this camera.'
                         % (celsius[row, column], row + 1, column + 1), 'Use another calibration.')
    return counts.astype(np.uint16)


@functools.lru_cache(maxsize=8)
def _flir_table(parameters: FlirParameters) -> np.ndarray:
    """°C of every count, float32, NaN where there is none. A recording needs one for all its frames."""
    gain, offset = _gain_and_offset(parameters)
    table = parameters.planck.celsius(np.arange(_COUNTS) * gain - offset).astype(np.float32)
    table.setflags(write=False)
    return table


def _gain_and_offset(parameters: FlirParameters) -> Tuple[float, float]:
    """(gain, offset) of ``counts of the surface as a black body = gain * raw - offset``.

    The camera counts the radiation of the surface, of the room reflected in it, of the air in front, and of a window at
    its lens. With e the emissivity, t the transmission of the air and w that of the window, that is
    ``w*(t*(e*S + (1-e)*refl) + (1-t)*air) + (1-w)*win``; solved for S. What has no share is not looked at: a window
    counts only where its transmission is below 1. Source: [FlirGevDemo].
    """
    setting = parameters.object_parameters
    for name in setting.in_use:
        if name in parameters.impossible:
            raise _impossible(name, parameters.impossible[name])
    through_air, through_window = parameters.air.transmission(setting), setting.window_transmission
    whole = through_window * through_air * setting.emissivity
    others = sum(share * float(parameters.planck.counts(celsius)) for share, celsius in (
        (through_window * through_air * (1 - setting.emissivity), setting.reflected_c),
        (through_window * (1 - through_air), setting.air_c), (1 - through_window, setting.window_c)) if share)
    if not np.isfinite(others):
        raise InputError('radiometry-scene', 'The reflected, air or window temperature (%g, %g, %g °C) is beyond the '
                         'range of this camera.' % (setting.reflected_c, setting.air_c, setting.window_c),
                         'Correct it.')
    return 1 / whole, others / whole


def meaning_from_dict(document: Any) -> Meaning:
    """The meaning that a ``to_dict`` described, from a file that may be damaged or made up.

    Args:
        document: parsed JSON of any kind.
    Raises:
        InputError: ``radiometry-stored`` for a document of another shape, ``radiometry-constant`` or
            ``radiometry-value`` for values out of bounds.
    """
    kind = document.get('kind') if isinstance(document, dict) else None
    make = _MAKERS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise _not_a_meaning('kind')
    try:
        return make({name: value for name, value in document.items() if name != 'kind'})
    except (TypeError, KeyError, ValueError) as error:
        raise _not_a_meaning(str(error))


def _flir_from(document: Dict[str, Any]) -> Meaning:
    planck, air, scene = (document.pop(name) for name in ('planck', 'air', 'scene'))
    impossible = dict(document.pop('impossible', {}))
    return FlirParameters(PlanckConstants(**planck), ObjectParameters(**scene), AirConstants(**air), impossible,
                          **document)


def _temperatures_from(document: Dict[str, Any]) -> Meaning:
    scale, stated, true = (document.pop(name) for name in ('scale', 'stated', 'true'))
    return Temperatures(None if scale is None else LinearScale(**scale), dict(stated), dict(true), **document)


def _grey_from(document: Dict[str, Any]) -> Meaning:
    return GreyLevels(**document)


_MAKERS: Dict[str, Callable[[Dict[str, Any]], Meaning]] = {
    FlirParameters.kind: _flir_from, Temperatures.kind: _temperatures_from, GreyLevels.kind: _grey_from}


def _not_a_meaning(detail: str) -> InputError:
    return InputError('radiometry-stored', 'The file describes its values in a way that this program does not know.',
                      'Write it again.', detail)


def _impossible(name: str, text: str) -> InputError:
    bounds = OBJECT_PARAMETERS[name]
    return InputError('radiometry-value', 'The %s must be a number from %g to %g%s; the header states %s.'
                      % (bounds.label, bounds.lowest, bounds.highest, bounds.unit, text),
                      'Give the right one: ' + bounds.remedy(name))


def _unstated(name: str, example: float) -> InputError:
    return InputError('radiometry-unstated', 'The file does not say for which %s its temperatures were computed.'
                      % OBJECT_PARAMETERS[name].label,
                      'State it in a sidecar next to the file, such as {"%s": %g}.' % (name, example))
