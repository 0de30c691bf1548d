"""Memory and swap."""
import re
from dataclasses import dataclass
from typing import Optional

from service.machine import read_text

_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Memory in bytes; None for what the kernel does not report.

    Attributes:
        total_bytes: shared by CPU and GPU on a Jetson.
        available_bytes: what programs can still get without swapping.
        gpu_bytes: held for the GPU (NvMapMemUsed).
        swap_total_bytes: swap of every kind.
        swap_used_bytes: in use; never holds memory of the GPU.
        swap_disk_bytes: swap files and partitions; compressed memory (zram) is not counted.
    """

    total_bytes: int
    available_bytes: Optional[int] = None
    gpu_bytes: Optional[int] = None
    swap_total_bytes: Optional[int] = None
    swap_used_bytes: Optional[int] = None
    swap_disk_bytes: Optional[int] = None


def read_memory(root: str = '/') -> Optional[Memory]:
    """Memory and swap; None where /proc/meminfo cannot be read."""
    rows = re.findall(r'^(\w{1,40}):\s{1,40}([0-9]{1,15}) kB', read_text(root, 'proc/meminfo') or '',
                      re.MULTILINE | re.ASCII)
    sizes = {name: int(text) * _KIB for name, text in rows}
    if 'MemTotal' not in sizes:
        return None
    swap, free_swap = sizes.get('SwapTotal'), sizes.get('SwapFree')
    return Memory(sizes['MemTotal'], sizes.get('MemAvailable'), sizes.get('NvMapMemUsed'), swap,
                  None if swap is None or free_swap is None else max(swap - free_swap, 0), _swap_on_disk(root))


def _swap_on_disk(root: str) -> Optional[int]:
    """Bytes of swap files and partitions; None where /proc/swaps cannot be read."""
    text = read_text(root, 'proc/swaps')
    if text is None:
        return None
    rows = re.findall(r'^(/\S+)\s+(?:file|partition)\s+([0-9]{1,15})\s', text, re.MULTILINE)
    return sum(int(size) * _KIB for name, size in rows if 'zram' not in name)
