"""The object parameters of a measurement, and the bounds of every number that a file or a person may state."""
import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping, NamedTuple, Tuple

import numpy as np

from ..messages import WARNING, InputError, Message

#: Nothing is colder than absolute zero, and nothing in front of a bedside camera is hotter than this. Whether a
#: temperature can be a patient's is the quality gate's question.
LOWEST_C, HIGHEST_C = -273.15, 2000.0


class Bounds(NamedTuple):
    """What an object parameter may be, what is usual at a bedside, and what it is called in a sentence."""

    lowest: float
    highest: float
    #: With a leading space, or empty.
    unit: str
    label: str
    #: Of the command line, and what to give there as an example.
    option: str
    example: float
    #: Beyond these, somebody should look whether it is meant.
    least_usual: float
    most_usual: float

    def remedy(self, name: str) -> str:
        """How a person overrules it, as the end of a sentence; `name` is its own in `OBJECT_PARAMETERS`."""
        return '%s %g, or {"%s": %g} in a sidecar.' % (self.option, self.example, name, self.example)


#: Every object parameter by its name. The temperatures admit whatever the menu of a camera does.
OBJECT_PARAMETERS: Dict[str, Bounds] = {
    'emissivity': Bounds(0.01, 1.0, ' (skin: 0.98)', 'emissivity', '--emissivity', 0.98, 0.9, 1.0),
    'reflected_c': Bounds(-200.0, 2000.0, ' °C', 'reflected temperature', '--reflected', 22.0, -20.0, 50.0),
    'air_c': Bounds(-60.0, 100.0, ' °C', 'air temperature', '--air', 22.0, -20.0, 50.0),
    'humidity_percent': Bounds(0.0, 100.0, ' percent', 'relative humidity', '--humidity', 50.0, 0.0, 100.0),
    'distance_m': Bounds(0.0, 10000.0, ' metres', 'distance', '--distance', 1.0, 0.0, 20.0),
    'window_c': Bounds(-200.0, 2000.0, ' °C', 'temperature of the window', '--window', 22.0, -20.0, 50.0),
    'window_transmission': Bounds(0.01, 1.0, '', 'transmission of the window', '--window-transmission', 1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class ObjectParameters:
    """What lies between the detector's counts and a temperature.

    The defaults are those of a camera that corrects nothing: a black body, no air, no window.

    Attributes:
        emissivity: share of black-body radiation that the surface emits, 0.01..1 (skin: 0.98).
        reflected_c: apparent temperature that the surface reflects, usually that of the room; °C.
        air_c: the air between camera and surface, °C.
        humidity_percent: relative humidity of that air, 0..100.
        distance_m: distance through it, metres; 0 leaves the air out.
        window_c: a window in front of the camera, °C.
        window_transmission: share of the radiation that the window lets through, 0.01..1; 1 is no window.
    Raises:
        InputError: ``radiometry-value`` for a value that is not a number or out of bounds.
    """

    emissivity: float = 1.0
    reflected_c: float = 20.0
    air_c: float = 20.0
    humidity_percent: float = 50.0
    distance_m: float = 0.0
    window_c: float = 20.0
    window_transmission: float = 1.0

    def __post_init__(self) -> None:
        for name, bounds in OBJECT_PARAMETERS.items():
            object.__setattr__(self, name, check_number(getattr(self, name), bounds.lowest, bounds.highest,
                                                        'The ' + bounds.label, bounds.unit))

    def corrected(self, changes: Mapping[str, Any]) -> 'ObjectParameters':
        """The same parameters with other values.

        Args:
            changes: values by the names of `OBJECT_PARAMETERS`.
        Raises:
            InputError: ``radiometry-value`` for a value out of bounds or an unknown name.
        """
        unknown = sorted(str(name) for name in changes if name not in OBJECT_PARAMETERS)
        if unknown:
            raise InputError('radiometry-value', 'There is no object parameter %r.' % unknown[0][:40],
                             'Use one of %s.' % ', '.join(OBJECT_PARAMETERS))
        return dataclasses.replace(self, **changes)

    @property
    def in_use(self) -> Tuple[str, ...]:
        """Names of the values that change a temperature: no air over no distance, no window of transmission 1."""
        unused = {'reflected_c'} if self.emissivity == 1 else set()
        unused.update(('air_c', 'humidity_percent') if self.distance_m == 0 else ())
        unused.update(('window_c',) if self.window_transmission == 1 else ())
        return tuple(name for name in OBJECT_PARAMETERS if name not in unused)

    def doubts(self) -> Tuple[Message, ...]:
        """A warning for every value in use that is possible, but not usual in front of a patient."""
        return tuple(_doubt(name, getattr(self, name)) for name in self.in_use
                     if not OBJECT_PARAMETERS[name].least_usual <= round(getattr(self, name), 6)
                     <= OBJECT_PARAMETERS[name].most_usual)

    def to_dict(self) -> Dict[str, float]:
        """The values as JSON, by the names of `OBJECT_PARAMETERS`."""
        return {name: getattr(self, name) for name in OBJECT_PARAMETERS}


def _doubt(name: str, value: float) -> Message:
    bounds = OBJECT_PARAMETERS[name]
    usual = '%g' % bounds.least_usual
    if bounds.most_usual != bounds.least_usual:
        usual += ' to %g' % bounds.most_usual
    sentence = 'The %s is %g%s, where %s is usual.' % (bounds.label, value, bounds.unit, usual)
    if name.endswith('_c') and bounds.least_usual <= value + LOWEST_C <= bounds.most_usual:
        sentence += ' As kelvin it would be %.1f °C.' % (value + LOWEST_C)
    next_step = 'If it is wrong, give the right one: ' + bounds.remedy(name)
    return Message('radiometry-unusual', sentence, next_step, WARNING, facts={name: round(value, 6)})


def check_number(value: Any, lowest: float, highest: float, label: str, unit: str,
                 code: str = 'radiometry-value') -> float:
    """A value as a float within bounds.

    Args:
        value: anything; booleans and texts are not numbers.
        lowest: smallest accepted value.
        highest: largest accepted value.
        label: what it is, as the start of a sentence.
        unit: with a leading space, or empty.
        code: of the error.
    Raises:
        InputError: not a number, not finite, or out of bounds.
    """
    try:
        number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not lowest <= number <= highest:
        raise InputError(code, '%s must be a number from %g to %g%s, not %s.'
                         % (label, lowest, highest, unit, repr(value)[:40]), 'Correct it.')
    return number


def check_possible(celsius: np.ndarray, source: str) -> None:
    """Refuse temperatures beyond what can be; NaN and infinity are left to `Thermogram`.

    Args:
        celsius: HxW, °C.
        source: what they come from, for the sentence.
    Raises:
        InputError: ``temperature-impossible``, with row and column counted from 1.
    """
    impossible = ((celsius < LOWEST_C) | (celsius > HIGHEST_C)) & np.isfinite(celsius)
    if impossible.any():
        row, column = np.unravel_index(int(np.argmax(impossible)), impossible.shape)
        raise InputError('temperature-impossible', '%s has %g °C in row %d, column %d.'
                         % (source, celsius[row, column], row + 1, column + 1),
                         'Its values are not degrees Celsius, or have another scale; check the export.')


def with_source(error: InputError, source: str) -> InputError:
    """The same refusal with the name of the file that it is about in front of its sentence."""
    return InputError(error.code, '%s: %s' % (source, error.message.sentence), error.message.next_step, error.detail)
