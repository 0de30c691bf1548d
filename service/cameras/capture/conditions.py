"""What the camera's own state means for the operator: calibrating, warming up, drifting."""
import math

from ...messages import INFO, WARNING, Message
from ..condition import FFC_IMMINENT, FFC_NEVER, FFC_RUNNING, Condition
from .drift import Shift

#: A Lepton announces its correction two seconds ahead, and takes about one with the shutter closed.
_ANNOUNCED_S, _CLOSED_S = 2.0, 1.0

#: A Lepton corrects itself every three minutes or after 1.5 C; later than this it was kept from doing so.
FFC_OVERDUE_S = 240.0
FFC_DRIFT_C = 1.5

#: A correction that takes longer is stuck.
FFC_STUCK_S = 4.0

_CALIBRATING = (FFC_NEVER, FFC_IMMINENT, FFC_RUNNING)


class Conditions:
    """Follows the condition of one camera from frame to frame.

    Args:
        warm_up_s (float): for so long after its start the camera's temperatures are not settled; 0 for never.
    """

    def __init__(self, warm_up_s=0.0):
        self._warm_up_s = warm_up_s
        self._warms_up = False
        self._first_s = None
        self.opened(False)

    def opened(self, warms_up):
        """The camera was opened again.

        Args:
            warms_up (bool): whether it is a sensor that needs time after its start.
        """
        self._warms_up = warms_up
        self._condition = Condition()
        self._calibrating_since = None
        self._fpa_at_ffc_c = None
        self._shift = Shift()

    def received(self, frame):
        """Note the condition of a frame."""
        before, self._condition = self._condition, frame.condition
        if self._first_s is None:
            self._first_s = frame.t_monotonic
        if self._condition.ffc not in _CALIBRATING:
            self._calibrating_since = None
        elif self._calibrating_since is None or before.ffc != self._condition.ffc:
            self._calibrating_since = frame.t_monotonic
        age_s, age_before_s = self._condition.ffc_age_s, before.ffc_age_s
        corrected = age_s is not None and (age_before_s is None or age_s < age_before_s)
        if corrected:
            self._fpa_at_ffc_c = self._condition.fpa_c
            self._shift = Shift()
        if self._condition.ffc not in _CALIBRATING:
            self._shift.received(frame)

    @property
    def usable(self):
        """Whether the newest frame may be kept."""
        return self._condition.usable

    def calibrating(self, now_s):
        """The `Message` that the operator reads while the camera calibrates; None while it does not."""
        since_s = self._calibrating_since
        if since_s is None or now_s - since_s > FFC_STUCK_S:
            return None
        whole_s = _CLOSED_S + (_ANNOUNCED_S if self._condition.ffc == FFC_IMMINENT else 0.0)
        left_s = max(1, math.ceil(whole_s - (now_s - since_s)))
        return Message('camera-calibrating', 'The camera is calibrating, %d second%s.'
                       % (left_s, '' if left_s == 1 else 's'), severity=INFO)

    def warming_s(self, now_s):
        """Seconds until the camera has settled; 0 where it has."""
        if not self._warms_up or self._first_s is None:
            return 0.0
        up_s = self._condition.uptime_s
        return max(0.0, self._warm_up_s - (now_s - self._first_s if up_s is None else up_s))

    def messages(self, now_s):
        """What is wrong with the camera, as a list of `Message`; a calibration is left out, it passes in a moment."""
        found = [message for message in self._condition.messages() if not message.code.startswith('ffc-')]
        left_s = self.warming_s(now_s)
        if left_s:
            found.append(Message('camera-warming-up', 'The camera is warming up, %s.' % _minutes(left_s),
                                 severity=INFO))
        found += [message for message in (self._closed(now_s), self._overdue(), self._drifted()) if message]
        return found

    def _closed(self, now_s):
        since_s = self._calibrating_since
        if since_s is None or now_s - since_s <= FFC_STUCK_S:
            return None
        return Message('shutter-closed', 'The camera has had its shutter closed for %d seconds.' % (now_s - since_s),
                       'Unplug it and plug it in again.', WARNING)

    def _overdue(self):
        condition = self._condition
        drift_c = None
        if condition.fpa_c is not None and self._fpa_at_ffc_c is not None:
            drift_c = abs(condition.fpa_c - self._fpa_at_ffc_c)
        late = condition.ffc_age_s is not None and condition.ffc_age_s > FFC_OVERDUE_S
        if not late and (drift_c is None or drift_c <= FFC_DRIFT_C):
            return None
        return Message('calibration-due', 'The camera has not calibrated for too long.',
                       'Wait for its shutter to click, or unplug it and plug it in again.', INFO)

    def _drifted(self):
        shift_c = self._shift.celsius()
        if shift_c is None:
            return None
        return Message('picture-drifts', 'The whole picture has become %.1f °C %s.'
                       % (abs(shift_c), 'warmer' if shift_c > 0 else 'colder'),
                       'Unplug the camera and plug it in again.', INFO)


def _minutes(seconds):
    minutes = math.ceil(seconds / 60.0)
    return '%d minute%s' % (minutes, '' if minutes == 1 else 's')
