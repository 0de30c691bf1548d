"""Memory for the model, and swap for building its engine."""
from typing import Optional

from service.messages import OK, PROBLEM, WARNING, Message, shown_size
from service.settings import Settings

from ..platform import Platform, RealPlatform

_MIB, _GIB = 1 << 20, 1 << 30
#: CUDA, cuBLAS and cuDNN of TensorRT 8.2 take 640 to 680 MiB of a Nano before any weights (logs of trtexec); Python
#: and the program come on top.
_LOW_BYTES = 1000 * _MIB
#: Below this the kernel is about to kill programs.
_CRITICAL_BYTES = 250 * _MIB
#: Boards with more memory than this build engines without swap.
_SMALL_BOARD_BYTES = 6 * _GIB
#: What suffices to build on a 4 GB board; docs/setup.md of jetson-containers recommends 4 to 8 GB.
_ENOUGH_SWAP_BYTES = 3 * _GIB


def check_memory(settings: Settings, platform: Optional[Platform] = None) -> Optional[Message]:
    """How much memory programs can still get."""
    with platform or RealPlatform() as machine:
        memory = machine.telemetry().memory
        remedy = 'Close other programs.'
        if machine.is_jetson:
            remedy = 'The desktop takes up to 800 MB: sudo systemctl set-default multi-user.target, then restart.'
    if memory is None or memory.available_bytes is None:
        return None
    facts = {'available_bytes': memory.available_bytes, 'total_bytes': memory.total_bytes}
    sentence = '%.0f of %.0f MiB of memory are available' % (memory.available_bytes / float(_MIB),
                                                             memory.total_bytes / float(_MIB))
    if memory.available_bytes < _CRITICAL_BYTES:
        return Message('memory-low', sentence + ', which is far too little.', remedy, PROBLEM, 'memory', facts)
    if memory.available_bytes < _LOW_BYTES:
        return Message('memory-low', sentence + '. Unless thermoscreen is running already, its model may not fit.',
                       remedy, WARNING, 'memory', facts)
    return Message('memory-ok', sentence + '.', severity=OK, subject='memory', facts=facts)


def check_swap(settings: Settings, platform: Optional[Platform] = None) -> Optional[Message]:
    """Swap on disk of a small board, for the doctor."""
    return swap_message(platform)


def build_advice(platform: Optional[Platform] = None) -> str:
    """What gives the build of an engine more memory on this machine."""
    swap = swap_message(platform)
    advice = 'Close other programs, or build with --no-cublas.'
    return advice if swap is None or swap.severity == OK else '%s %s' % (advice, swap.text)


def swap_message(platform: Optional[Platform] = None) -> Optional[Message]:
    """Whether a small board has swap on disk for a build; None for other machines.

    Compressed swap (zram) takes the memory that it provides and does not count.
    """
    with platform or RealPlatform() as machine:
        memory = machine.telemetry().memory
        if not machine.is_jetson or memory is None or memory.total_bytes >= _SMALL_BOARD_BYTES:
            return None
    disk = memory.swap_disk_bytes if memory.swap_disk_bytes is not None else memory.swap_total_bytes or 0
    facts = {'swap_disk_bytes': disk, 'swap_total_bytes': memory.swap_total_bytes}
    if disk >= _ENOUGH_SWAP_BYTES:
        return Message('swap-ok', 'There are %s of swap on disk, enough to build an engine.'
                       % shown_size(disk), severity=OK, subject='swap', facts=facts)
    return Message('swap-missing', 'There is %s swap on disk, so the kernel may kill the build of an engine.'
                   % ('only %s of' % shown_size(disk) if disk else 'no'),
                   'Before a build: sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap '
                   '/swapfile && sudo swapon /swapfile. Running an engine needs none.', WARNING, 'swap', facts)
