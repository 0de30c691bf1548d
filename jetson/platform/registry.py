"""A platform from its name on the command line."""
import os

from service.messages import InputError

from .real import RealPlatform
from .recorded import RecordedLines, RecordedTree
from .simulated import SimulatedPlatform


def open_platform(spec='real'):
    """The platform that a text names.

    Args:
        spec (str): ``'real'``; ``'sim'``; ``'sim:5W'`` for another power mode; ``'sim:hot'`` for a hot room without
            fan, at work; ``'recorded:PATH'``, where the path is a folder with the files of a board or a file of
            lines that ``tegrastats --logfile`` wrote.

    Returns:
        Platform: to be closed.

    Raises:
        InputError: ``platform-unknown``, or what the platform says of its own.
    """
    kind, _, value = spec.partition(':')
    if kind == 'real' and not value:
        return RealPlatform()
    if kind == 'recorded' and value:
        return RecordedTree(value) if os.path.isdir(value) else RecordedLines.from_file(value)
    if kind == 'sim' and value == 'hot':
        hot = SimulatedPlatform(ambient_c=45.0, fan=False)
        hot.set_load(1.0, 1.0)
        return hot
    if kind == 'sim':
        return SimulatedPlatform(value or 'MAXN')
    raise InputError('platform-unknown', 'There is no platform %r; use real, sim, sim:5W, sim:hot or recorded:PATH.'
                     % spec)
