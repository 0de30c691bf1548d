"""Whether the supply gives enough."""
from service.messages import OK, WARNING, Message

from ..platform import RealPlatform


def check(settings, platform=None):
    """Look at the input voltage, the rails' limits and the kernel's alarms."""
    with platform or RealPlatform() as machine:
        if not machine.is_jetson:
            return None
        reading = machine.telemetry()
    facts = {'signs': list(reading.supply_signs)}
    if reading.supply_signs:
        return Message('under-voltage', 'The supply sags: %s.' % '; '.join(reading.supply_signs),
                       'Use a 5 V 4 A supply at the barrel socket with jumper J48 set on a Nano, a short thick cable, '
                       'and nothing thirsty on USB; then restart, which clears the count.', WARNING, 'supply', facts)
    if not reading.rails and reading.over_current_alarms is None:
        return Message('supply-ok', 'This user cannot see the supply; root can.', severity=OK, subject='supply',
                       facts=facts)
    return Message('supply-ok', 'No sign of a weak supply since the board started.', severity=OK, subject='supply',
                   facts=facts)
