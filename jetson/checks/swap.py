"""Whether there is swap for building an engine on a small board."""
from service.messages import OK, WARNING, Message

from ..platform import RealPlatform

_GIB = 1 << 30
#: Boards with more memory than this build engines without swap.
_SMALL_BYTES = 6 * _GIB
#: What builds on 4 GB boards are given (jetson-containers, docs/setup.md: 4 to 8 GB).
_WANTED_BYTES = 3 * _GIB


def check(settings, platform=None):
    """Look for swap on disk. Compressed memory (zram) takes from what it gives and does not help a build."""
    with platform or RealPlatform() as machine:
        memory = machine.telemetry().memory
        if not machine.is_jetson or memory is None or memory.total_bytes >= _SMALL_BYTES:
            return None
    disk = memory.swap_disk_bytes if memory.swap_disk_bytes is not None else memory.swap_total_bytes or 0
    facts = {'swap_disk_bytes': disk, 'swap_total_bytes': memory.swap_total_bytes}
    if disk >= _WANTED_BYTES:
        return Message('swap-ok', 'There is %.1f GiB of swap on disk, enough to build an engine.'
                       % (disk / float(_GIB)), severity=OK, subject='swap', facts=facts)
    return Message('swap-missing', 'There is %s swap on disk; building an engine on this board can be killed half-way.'
                   % ('no' if not disk else 'only %.1f GiB of' % (disk / float(_GIB))),
                   'Before building: sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap '
                   '/swapfile && sudo swapon /swapfile. Running an engine needs none.', WARNING, 'swap', facts)
