"""Whether tegrastats answers."""
from service.messages import OK, WARNING, Message

from ..platform import RealPlatform
from ..telemetry import BoardError, parse_tegrastats, read_line


def check(settings, platform=None, read=read_line):
    """Take one line from tegrastats, which stands in for sensors that only root may read."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
    try:
        reading = parse_tegrastats(read())
    except BoardError as error:
        return Message(error.code, error.message.text,
                       'thermoscreen goes on without it; power and load may be missing.', WARNING,
                       'tegrastats', {'detail': error.detail})
    if not reading.memory and not reading.temperatures_c and not reading.rails:
        return Message('tegrastats-unknown', 'tegrastats answers with a line of a shape nobody has seen yet.',
                       'thermoscreen goes on without it; report the line it prints.', WARNING, 'tegrastats')
    return Message('tegrastats-ok', 'tegrastats answers.', severity=OK, subject='tegrastats')
