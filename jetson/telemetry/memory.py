"""Memory and swap."""
import re
from dataclasses import dataclass

from service.machine import read_text

_KIB = 1024


@dataclass(frozen=True)
class Memory:
    """Memory in bytes; what the kernel does not say is None.

    Attributes:
        total_bytes (int): shared by processor and GPU on a Jetson.
        available_bytes (int): what programs can still get without swapping.
        gpu_bytes (int): held for the GPU (NvMapMemUsed).
        swap_total_bytes (int): swap of every kind.
        swap_used_bytes (int): what lies in it. The GPU's memory never does.
        swap_disk_bytes (int): swap that is a file or a partition; compressed memory (zram) is not counted.
    """

    total_bytes: int = None
    available_bytes: int = None
    gpu_bytes: int = None
    swap_total_bytes: int = None
    swap_used_bytes: int = None
    swap_disk_bytes: int = None


def read_memory(root='/'):
    """Memory and swap, or None where /proc/meminfo cannot be read."""
    found = dict(re.findall(r'^(\w{1,40}):\s{1,40}([0-9]{1,15}) kB', read_text(root, 'proc/meminfo') or '',
                            re.MULTILINE | re.ASCII))
    known = {name: int(text) * _KIB for name, text in found.items()}
    if 'MemTotal' not in known:
        return None
    swap, unused = known.get('SwapTotal'), known.get('SwapFree')
    return Memory(known['MemTotal'], known.get('MemAvailable'), known.get('NvMapMemUsed'), swap,
                  None if swap is None or unused is None else max(swap - unused, 0), _swap_on_disk(root))


def _swap_on_disk(root):
    """Bytes of swap files and partitions, or None where /proc/swaps cannot be read."""
    text = read_text(root, 'proc/swaps')
    if text is None:
        return None
    rows = re.findall(r'^(/\S+)\s+(?:file|partition)\s+([0-9]{1,15})\s', text, re.MULTILINE)
    return sum(int(size) * _KIB for name, size in rows if 'zram' not in name)
