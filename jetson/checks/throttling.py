"""Whether the board is slowed down by heat."""
import time

from service.doctor import OK, WARNING, Report

from ..platform import RealPlatform

#: A governor on its way up looks like throttling for a moment; the second look is after this long.
_PAUSE_S = 0.5


def check(settings, platform=None, pause_s=_PAUSE_S):
    """Look at cooling devices and at busy clocks; twice, where the first look finds something."""
    with platform or RealPlatform(tegrastats=None) as machine:
        if not machine.is_jetson:
            return None
        reading = machine.telemetry()
        if reading.throttle_signs:
            time.sleep(pause_s)
            reading = machine.telemetry()
    facts = {'temperatures_c': reading.temperatures_c, 'signs': list(reading.throttle_signs)}
    hottest = '' if reading.hottest_c is None else ' The hottest part has %.0f C.' % reading.hottest_c
    if reading.throttle_signs:
        return Report('throttling', WARNING, 'The board is slowed down: %s.%s'
                      % ('; '.join(reading.throttle_signs), hottest),
                      'Let air reach the heat sink, fit a fan or set it to cool more; latencies measured now do not '
                      'count.', dict(facts, code='board-throttling'))
    if reading.cooling is None:
        return Report('throttling', WARNING, 'Whether the board is slowed down cannot be told here.' + hottest,
                      'Watch its clocks with: thermoscreen board --watch 1', dict(facts, code='throttling-unknown'))
    return Report('throttling', OK, 'Nothing slows the board down.' + hottest, facts=facts)
