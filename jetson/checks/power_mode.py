"""Whether the board is in a power mode that makes it slow."""
import re

from service.machine import UNKNOWN
from service.messages import OK, WARNING, Message

from ..platform import RealPlatform

#: Modes of this many watts or fewer switch cores off and lower clocks on every board.
_LOW_W = 10


def check(settings, platform=None):
    """Name the power mode. It survives restarts, so a board can have been slow for months."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        mode = machine.facts()['power_mode']
    facts = {'power_mode': mode}
    if mode == UNKNOWN:
        return Message('power-mode-unknown', 'The power mode cannot be read.', 'Ask for it with: sudo nvpmodel -q',
                       WARNING, 'power mode', facts)
    watts = re.match(r'(?:MODE_)?([0-9]{1,3})W', mode)
    if watts and int(watts.group(1)) <= _LOW_W:
        return Message('power-mode-low', 'The board is in the %s mode, with cores off and clocks lowered.' % mode,
                       'With a supply that gives enough, choose the full mode: sudo nvpmodel -m 0 on a Nano (on other '
                       'boards look the number up with nvpmodel -p --verbose). It stays so after a restart.',
                       WARNING, 'power mode', facts)
    return Message('power-mode-ok', 'The board is in the %s mode.' % mode, severity=OK, subject='power mode',
                   facts=facts)
