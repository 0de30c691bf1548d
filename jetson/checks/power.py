"""Power mode, power supply and throttling: what makes a board slow, or switches it off."""
import re
import time
from typing import Optional, Sequence

from service.machine import UNKNOWN
from service.messages import INFO, OK, WARNING, Message
from service.settings import Settings
from service.supervise import read_power_losses, state_folder

from ..platform import Platform, RealPlatform

#: Power modes up to this many watts switch cores off and lower clocks on every board.
_LOW_W = 10
#: A governor on its way up looks like throttling for a moment; the second look comes after this pause.
_PAUSE_S = 0.5
#: State of the station's unit (`StateDirectory` in systemd/thermoscreen.service).
_STATE_FOLDER = '/var/lib/thermoscreen'
#: One loss of power is most likely somebody who pulled the plug; this many are a reason to look at the supply.
_MANY_LOSSES = 2
#: The Nano's own brown-out has no other cure ([NVIDIA158055]).
_SUPPLY = ('On a Nano, use a 5 V 4 A supply at the barrel socket with jumper J48 set, a short thick cable, and no '
           'power-hungry USB devices.')


def check_power_mode(settings: Settings, platform: Optional[Platform] = None) -> Optional[Message]:
    """The power mode. It survives restarts, so a board may have been slow for months."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        mode = machine.facts()['power_mode']
    facts = {'power_mode': mode}
    if mode == UNKNOWN:
        return Message('power-mode-unknown', 'The power mode cannot be read.', 'Show it with: sudo nvpmodel -q',
                       WARNING, 'power mode', facts)
    watts = re.match(r'(?:MODE_)?([0-9]{1,3})W', mode)
    if watts and int(watts.group(1)) <= _LOW_W:
        return Message('power-mode-low', 'The board is in power mode %s: cores are off and clocks are lowered.' % mode,
                       'If the power supply is strong enough, choose the full mode: sudo nvpmodel -m 0 on a Nano (for '
                       'other boards, see nvpmodel -p --verbose). It survives restarts.', WARNING, 'power mode', facts)
    return Message('power-mode-ok', 'The board is in power mode %s.' % mode, severity=OK, subject='power mode',
                   facts=facts)


def check_supply(settings: Settings, platform: Optional[Platform] = None) -> Optional[Message]:
    """Input voltage, current limits of the rails, and alarms of the kernel."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        reading = machine.telemetry()
    facts = {'signs': list(reading.supply_signs)}
    if reading.supply_signs:
        return Message('under-voltage', 'The power supply is too weak: %s.' % '; '.join(reading.supply_signs),
                       _SUPPLY + ' Then restart, which resets the counters.', WARNING, 'supply', facts)
    if not reading.rails and reading.over_current_alarms is None:
        return Message('supply-ok', 'This user cannot read the sensors of the power supply; root can.', severity=OK,
                       subject='supply', facts=facts)
    return Message('supply-ok', 'No sign of a weak power supply since the board started.', severity=OK,
                   subject='supply', facts=facts)


def check_power_losses(settings: Settings, platform: Optional[Platform] = None,
                       folders: Optional[Sequence[str]] = None) -> Optional[Message]:
    """Whether the board went off while the station ran.

    A supply that breaks down switches a Nano off at once: nothing is logged, and the counters of the kernel start
    anew. What stays is a start of the station that never ended.

    Args:
        folders: where the station may keep its state; by default the unit's and this user's.
    """
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
    if folders is None:
        folders = sorted({_STATE_FOLDER, state_folder(None, supervised=True) or _STATE_FOLDER})
    losses = [loss for folder in folders for loss in read_power_losses(folder)]
    facts = {'losses': losses}
    if not losses:
        return Message('power-losses-ok', 'The station was not cut off from power since it was last stopped properly.',
                       severity=OK, subject='power losses', facts=facts)
    often = len(losses) >= _MANY_LOSSES
    return Message('power-lost', 'The board went off %s while the station ran, last after %s: power was cut or broke '
                   'down.' % ('%d times' % len(losses) if often else 'once', losses[-1]['utc']),
                   'Where nobody pulled the plug: %s Shut the station down before it is unplugged.' % _SUPPLY,
                   WARNING if often else INFO, 'power losses', facts)


def check_throttling(settings: Settings, platform: Optional[Platform] = None,
                     pause_s: float = _PAUSE_S) -> Optional[Message]:
    """Cooling devices and busy clocks; a second look where the first one finds something."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        reading = machine.telemetry()
        if reading.throttle_signs:
            time.sleep(pause_s)
            reading = machine.telemetry()
    facts = {'temperatures_c': reading.temperatures_c, 'signs': list(reading.throttle_signs)}
    hottest = '' if reading.hottest_c is None else ' The hottest part is at %.0f °C.' % reading.hottest_c
    if reading.throttle_signs:
        return Message('board-throttling', 'The board is slowed down: %s.%s'
                       % ('; '.join(reading.throttle_signs), hottest),
                       'Let air reach the heat sink, or fit a fan. Do not quote latencies measured now.', WARNING,
                       'throttling', facts)
    if reading.cooling is None:
        return Message('throttling-unknown', 'The kernel does not show whether the board is slowed down.' + hottest,
                       'Watch its clocks with: thermoscreen board --watch 1', WARNING, 'throttling', facts)
    return Message('throttling-ok', 'The board is not slowed down.' + hottest, severity=OK, subject='throttling',
                   facts=facts)
