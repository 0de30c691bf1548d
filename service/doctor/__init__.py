"""The doctor: what is there, what is wrong, what to do."""
import importlib

from ..messages import WARNING, Message
from ..offered import offered
from .checks import camera, disk, metrics, model, page, versions

__all__ = ['CHECKS', 'GROUP', 'examine', 'offered_check']

#: The checks, in the order in which they are shown.
CHECKS = (versions, model, camera, disk, page, metrics)

#: Entry-point group in which other packages offer checks: functions like those of `CHECKS`, which may also answer
#: None where they do not concern the machine.
GROUP = 'thermoscreen.checks'


def examine(settings):
    """Run every check: the service's own, then those that are offered.

    Returns:
        list of Message: one a check; none of them raises for what it finds.
    """
    reports = [module.check(settings) for module in CHECKS]
    reports += [_asking(name, target)(settings) for name, target in offered(GROUP).items()]
    return [report for report in reports if report is not None]


def offered_check(name):
    """A check that another package offers, for whoever asks it again and again.

    Returns:
        callable: ``check(settings) -> Message or None``, which never raises; None where nobody offers it.
    """
    target = offered(GROUP).get(name)
    return None if target is None else _asking(name, target)


def _asking(name, target):
    """A function that asks an offered check; one that cannot be loaded or fails says so and stops no other."""
    def ask(settings):
        module, _, attribute = target.partition(':')
        try:
            return getattr(importlib.import_module(module), attribute)(settings)
        except Exception as error:
            return Message('check-failed', 'The check %s did not work here (%s).' % (name, type(error).__name__),
                           'Report this; the other checks are not touched by it.', WARNING, name,
                           {'detail': str(error)})
    return ask
