"""Whether the board is slowed down by heat."""
import time

from service.messages import OK, WARNING, Message

from ..platform import RealPlatform

#: A governor on its way up looks like throttling for a moment; the second look is after this long.
_PAUSE_S = 0.5


def check(settings, platform=None, pause_s=_PAUSE_S):
    """Look at cooling devices and at busy clocks; twice, where the first look finds something."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        reading = machine.telemetry()
        if reading.throttle_signs:
            time.sleep(pause_s)
            reading = machine.telemetry()
    facts = {'temperatures_c': reading.temperatures_c, 'signs': list(reading.throttle_signs)}
    hottest = '' if reading.hottest_c is None else ' The hottest part has %.0f C.' % reading.hottest_c
    if reading.throttle_signs:
        return Message('board-throttling', 'The board is slowed down: %s.%s'
                       % ('; '.join(reading.throttle_signs), hottest),
                       'Let air reach the heat sink, fit a fan or set it to cool more; latencies measured now do not '
                       'count.', WARNING, 'throttling', facts)
    if reading.cooling is None:
        return Message('throttling-unknown', 'Whether the board is slowed down cannot be told here.' + hottest,
                       'Watch its clocks with: thermoscreen board --watch 1', WARNING, 'throttling', facts)
    return Message('throttling-ok', 'Nothing slows the board down.' + hottest, severity=OK, subject='throttling',
                   facts=facts)
