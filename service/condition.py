"""What a camera reports about itself in one frame, and whether that frame may be used for an exam."""
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional

from .messages import INFO, PROBLEM, WARNING, Message

HIGH_GAIN, LOW_GAIN = 'high', 'low'

#: States of the flat-field correction (FFC), for which the camera closes its shutter and evens its pixels out.
FFC_NEVER, FFC_IMMINENT, FFC_RUNNING, FFC_COMPLETE = 'never', 'imminent', 'running', 'complete'
FFC_STATES = (FFC_NEVER, FFC_IMMINENT, FFC_RUNNING, FFC_COMPLETE)

#: The share of pixels at the end of the scale up to which a frame is used: a spot, not a region.
SATURATED_SHARE = 0.01

_MESSAGES = {message.code: message for message in (
    Message('ffc-never', 'The camera has not run its flat-field correction since it started.',
            'Wait for its shutter to click.', INFO),
    Message('ffc-imminent', 'The camera is about to close its shutter.', 'Wait two seconds.', INFO),
    Message('ffc-running', 'The camera has its shutter closed.', 'Wait two seconds.', INFO),
    Message('agc-on', 'The camera stretches the contrast, so its values are not temperatures.',
            'Unplug it and plug it in again.', PROBLEM),
    Message('shutter-locked', 'The camera is too cold or too warm to use its shutter.',
            'Let it come to room temperature.', WARNING),
    Message('over-temperature', 'The camera is overheating and will switch off.', 'Unplug it and let it cool.',
            WARNING),
    Message('saturated', 'Part of the picture is hotter than the camera can measure.',
            'Take hot things out of the view.', INFO),
    Message('low-gain', 'The camera is in low gain, which is for hot things: its temperatures are coarse.',
            'Unplug it and plug it in again.', WARNING),
    Message('no-temperatures', 'The camera sends counts and not temperatures: its TLinear is off.',
            'Unplug it and plug it in again; a Lepton 2.0 or 3.0 has no temperatures.', WARNING),
)}


@dataclass(frozen=True)
class Condition:
    """What one frame reports about its camera; None for what it does not report.

    Attributes:
        ffc: one of `FFC_STATES`.
        ffc_age_s: seconds since the last flat-field correction.
        fpa_c: temperature of the sensor (focal plane array), °C.
        uptime_s: seconds since the camera started.
        frame_number: the camera's own counter; it stands still while the picture is repeated.
        over_temperature: it will switch itself off soon.
        shutter_locked: it is outside the temperatures at which it uses its shutter.
        agc: automatic gain control is on: the values are grey levels.
        saturated: share of pixels at the end of the scale, 0..1.
        gain: `HIGH_GAIN` or `LOW_GAIN`, of which the latter reaches several hundred degrees.
        tlinear: its values are temperatures.
    """

    ffc: Optional[str] = None
    ffc_age_s: Optional[float] = None
    fpa_c: Optional[float] = None
    uptime_s: Optional[float] = None
    frame_number: Optional[int] = None
    over_temperature: Optional[bool] = None
    shutter_locked: Optional[bool] = None
    agc: Optional[bool] = None
    saturated: Optional[float] = None
    gain: Optional[str] = None
    tlinear: Optional[bool] = None

    def __post_init__(self) -> None:
        if self.ffc is not None and self.ffc not in FFC_STATES:
            raise ValueError('ffc must be one of %s, not %r' % (', '.join(FFC_STATES), self.ffc))
        if self.gain not in (None, HIGH_GAIN, LOW_GAIN):
            raise ValueError('gain must be high or low, not %r' % (self.gain,))

    @property
    def usable(self) -> bool:
        """Whether the frame may be used for an exam; a live view may show it all the same."""
        return not self._codes()

    def messages(self) -> List[Message]:
        """Why the frame must not be used for an exam; empty if it may."""
        return [_MESSAGES[code] for code in self._codes()]

    def warnings(self) -> List[Message]:
        """What to look at before relying on the temperatures; the frame may be used all the same."""
        noted = (('low-gain', self.gain == LOW_GAIN), ('no-temperatures', self.tlinear is False))
        return [_MESSAGES[code] for code, noticed in noted if noticed]

    def to_dict(self) -> Dict[str, Any]:
        """What the frame reports, as JSON values, and ``usable``."""
        reported = {name: value for name, value in asdict(self).items() if value is not None}
        return dict(reported, usable=self.usable)

    def _codes(self) -> List[str]:
        codes = []
        if self.ffc not in (None, FFC_COMPLETE):
            codes.append('ffc-%s' % self.ffc)
        if self.agc:
            codes.append('agc-on')
        if self.shutter_locked:
            codes.append('shutter-locked')
        if self.over_temperature:
            codes.append('over-temperature')
        if (self.saturated or 0.0) > SATURATED_SHARE:
            codes.append('saturated')
        return codes
