"""What stood between the skin and the camera, and around both."""
import dataclasses
from dataclasses import dataclass

from ..messages import InputError
from .limits import check_number

#: Every value of a scene: (smallest, largest, unit in a sentence, what a person calls it). The temperatures admit
#: whatever a camera's menu does, not only a clinic.
SCENE_FIELDS = {
    'emissivity': (0.01, 1.0, ' (skin: 0.98)', 'emissivity'),
    'reflected_c': (-200.0, 2000.0, ' degrees Celsius', 'reflected temperature'),
    'air_c': (-60.0, 100.0, ' degrees Celsius', 'air temperature'),
    'humidity_percent': (0.0, 100.0, ' percent', 'relative humidity'),
    'distance_m': (0.0, 10000.0, ' metres', 'distance'),
    'window_c': (-200.0, 2000.0, ' degrees Celsius', 'temperature of the window'),
    'window_transmission': (0.01, 1.0, '', 'transmission of the window'),
}


@dataclass(frozen=True)
class Scene:
    """What a temperature was computed with, beside the detector's counts.

    The defaults are a camera that takes what it sees for the whole truth: a black body, no air, no window.

    Attributes:
        emissivity (float): share of its black-body radiation that the surface emits, 0.01..1 (skin: 0.98).
        reflected_c (float): what the surface mirrors, the room as a rule; degrees Celsius.
        air_c (float): the air between, degrees Celsius.
        humidity_percent (float): relative humidity of that air, 0..100.
        distance_m (float): length of the way through it, metres; 0 leaves the air out.
        window_c (float): a window in front of the camera, degrees Celsius.
        window_transmission (float): share that it lets through, 0.01..1; 1 is no window.
    Raises:
        InputError: ``radiometry-value`` for a value that is no number or cannot be.
    """

    emissivity: float = 1.0
    reflected_c: float = 20.0
    air_c: float = 20.0
    humidity_percent: float = 50.0
    distance_m: float = 0.0
    window_c: float = 20.0
    window_transmission: float = 1.0

    def __post_init__(self):
        for name, (low, high, unit, what) in SCENE_FIELDS.items():
            object.__setattr__(self, name, check_number(getattr(self, name), low, high, 'The ' + what, unit))

    def corrected(self, changes):
        """The same scene with other values.

        Args:
            changes (dict): values by the names of `SCENE_FIELDS`.
        Returns:
            Scene
        Raises:
            InputError: ``radiometry-value`` for a value that cannot be or a name that a scene does not have.
        """
        unknown = sorted(str(name) for name in changes if name not in SCENE_FIELDS)
        if unknown:
            raise InputError('radiometry-value', 'There is no scene value %r; there are %s.'
                             % (unknown[0][:40], ', '.join(SCENE_FIELDS)))
        return dataclasses.replace(self, **changes)

    def to_dict(self):
        """The values as JSON, by the names of `SCENE_FIELDS`."""
        return {name: getattr(self, name) for name in SCENE_FIELDS}
