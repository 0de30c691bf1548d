"""Sensors of the board, and tegrastats, which stands in for those that only root can read."""
from typing import Callable, Optional

from service.messages import OK, WARNING, Message
from service.settings import Settings

from ..platform import Platform, RealPlatform
from ..telemetry import BoardError, parse_tegrastats, read_line

#: Every Jetson has these; without them nobody notices that it is too hot or too slow.
_REQUIRED = ('temperatures', 'GPU load', 'GPU clock', 'processor clocks')


def check_sensors(settings: Settings, platform: Optional[Platform] = None) -> Optional[Message]:
    """What the board does not measure for this user. Most of it is missed in reports only."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        missing = machine.missing(machine.telemetry())
    if not missing:
        return Message('sensors-ok', 'All sensors can be read.', severity=OK, subject='sensors')
    sentence = 'Not measured here: %s.' % ', '.join(missing)
    facts = {'missing': missing}
    if any(name in missing for name in _REQUIRED):
        return Message('sensors-missing', sentence, 'Heat and throttling may go unnoticed. Try as root: sudo '
                       'thermoscreen board', WARNING, 'sensors', facts)
    return Message('sensors-missing', sentence, severity=OK, subject='sensors', facts=facts)


def check_tegrastats(settings: Settings, platform: Optional[Platform] = None,
                     read: Callable[[], str] = read_line) -> Optional[Message]:
    """Take one line from tegrastats."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
    try:
        reading = parse_tegrastats(read())
    except BoardError as error:
        return Message(error.code, error.message.text, 'thermoscreen continues without it; power and load may be '
                       'missing.', WARNING, 'tegrastats', {'detail': error.detail})
    if not reading.memory and not reading.temperatures_c and not reading.rails:
        return Message('tegrastats-unknown', 'tegrastats prints a line of an unknown format.',
                       'thermoscreen continues without it; report the line.', WARNING, 'tegrastats')
    return Message('tegrastats-ok', 'tegrastats answers.', severity=OK, subject='tegrastats')
