"""One frame that may be kept."""
from ...messages import CameraError

#: A camera that does not tell when it has calibrated has done so within this time of being asked: closing and opening
#: a shutter takes about a second, and one more lets the frames of before pass.
SETTLE_S = 2.0


def wait_for_still(slot, asked_s, timeout_s, calibrated):
    """Wait for a frame that was taken after a moment and that its camera says may be used.

    Args:
        slot (Slot): where frames come.
        asked_s (float): the moment, on the clock of the frames.
        timeout_s (float): longest wait, in seconds.
        calibrated (bool): whether the camera was asked to calibrate at that moment: frames of before are no use.
    Returns:
        Frame
    Raises:
        CameraError: the camera's trouble, or ``capture-not-ready`` with what is in the way.
    """
    newest = []

    def fit(frame):
        newest[:] = [frame]
        since_s = frame.t_monotonic - asked_s
        if since_s < 0 or not frame.condition.usable:
            return False
        age_s = frame.condition.ffc_age_s
        return not calibrated or (since_s >= SETTLE_S if age_s is None else age_s <= since_s)

    frame = slot.watch(fit, timeout_s)
    if frame is not None:
        return frame
    if slot.trouble is not None:
        raise slot.trouble
    messages = newest[0].condition.messages() if newest else []
    if not messages:
        raise CameraError('capture-not-ready', 'The camera delivered no picture that can be kept.',
                          'Wait a moment and try again.')
    raise CameraError('capture-not-ready', messages[0].sentence, messages[0].next_step,
                      ', '.join(message.code for message in messages))
