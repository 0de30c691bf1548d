"""Which sensors of the board are missing."""
from service.messages import OK, WARNING, Message

from ..platform import RealPlatform

#: Every Jetson has these; without them nobody notices that it is too hot or too slow.
_NEEDED = ('temperatures', 'GPU load', 'GPU clock', 'processor clocks')


def check(settings, platform=None):
    """Note what the board does not measure for this user; that costs figures and nothing else."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        missing = machine.missing(machine.telemetry())
    if not missing:
        return Message('sensors-ok', 'Every sensor answers.', severity=OK, subject='sensors')
    sentence = 'Not measured here: %s.' % ', '.join(missing)
    facts = {'missing': missing}
    if any(name in missing for name in _NEEDED):
        return Message('sensors-missing', sentence, 'Heat and slowing down may go unnoticed; try as root: sudo '
                       'thermoscreen board', WARNING, 'sensors', facts)
    return Message('sensors-missing', sentence, severity=OK, subject='sensors', facts=facts)
