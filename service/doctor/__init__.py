"""The doctor: what is there, what is wrong, what to do."""
from .checks import camera, disk, model, page, versions
from .report import OK, PROBLEM, WARNING, Report

__all__ = ['CHECKS', 'OK', 'PROBLEM', 'Report', 'WARNING', 'examine']

#: The checks, in the order in which they are shown.
CHECKS = (versions, model, camera, disk, page)


def examine(settings):
    """Run every check.

    Returns:
        list of Report: one a check; none of them raises for what it finds.
    """
    return [module.check(settings) for module in CHECKS]
