"""What this computer is: board, compute capability, L4T, JetPack and power mode, read from files.

An L4T release or a board that is not listed here is ``'unknown'``. What a board can do is asked of its libraries and
never derived from a version. Also how this process deals with its memory.
"""
import ctypes
import os
import re
import subprocess
from typing import Any, Callable, Dict, List, Optional

#: UNKNOWN: a Jetson has it, and this module cannot tell. NONE: a machine that is not a Jetson has no such thing.
UNKNOWN, NONE = 'unknown', 'none'

#: Runs a command for at most so many seconds and returns its standard output, or None where it failed.
Runner = Callable[[List[str], float], Optional[str]]

#: Module numbers in the device tree; the first match counts.
_MODULES = (('p3448-0000', 'Jetson Nano 4 GB developer kit'), ('p3448-0002', 'Jetson Nano 4 GB with eMMC'),
            ('p3448-0003', 'Jetson Nano 2 GB'), ('p3668', 'Jetson Xavier NX'),
            ('p3767-0003', 'Jetson Orin Nano 8 GB'), ('p3767-0005', 'Jetson Orin Nano 8 GB developer kit'))
#: Compute capability times ten of the GPU in each chip.
_SM = {'tegra210': 53, 'tegra186': 62, 'tegra194': 72, 'tegra234': 87}
#: JetPack release by L4T release. For information only: nothing depends on it.
_JETPACK = {'32.6.1': '4.6', '32.7.1': '4.6.1', '32.7.2': '4.6.2', '32.7.3': '4.6.3', '32.7.4': '4.6.4',
            '32.7.5': '4.6.5', '32.7.6': '4.6.6', '35.1.0': '5.0.2', '35.2.1': '5.1', '35.3.1': '5.1.1',
            '35.4.1': '5.1.2', '35.5.0': '5.1.3', '35.6.0': '5.1.4', '36.3.0': '6.0', '36.4.0': '6.1',
            '36.4.3': '6.2'}
#: Every file read here is far smaller; the rest of a larger one is ignored.
_MAX_BYTES = 1 << 16
_NVPMODEL_TIMEOUT_S = 5.0

#: mallopt(3): the most heaps that glibc keeps.
_M_ARENA_MAX = -8


def board_facts(root: str = '/', runner: Optional[Runner] = None) -> Dict[str, Any]:
    """What this machine is. Never raises because of what it reads.

    Args:
        root: folder that stands for ``/``; tests and recordings use another one.
        runner: runs ``nvpmodel`` where no file gives the power mode. By default `run_quietly`, under the real root
            only.

    Returns:
        ``board`` (on a PC its model or processor), ``sm`` (int such as 53, None where unknown; the GPU of a PC is
        asked through CUDA), ``l4t``, ``jetpack`` and ``power_mode`` (str such as ``'32.7.1'``, ``'4.6.1'``,
        ``'MAXN'``; `UNKNOWN` on a Jetson that does not tell, `NONE` on another machine).
    """
    tree = _device_tree(root)
    release = read_text(root, 'etc/nv_tegra_release')
    model = read_text(root, 'proc/device-tree/model') or ''
    if release is None and 'tegra' not in tree and 'jetson' not in model.lower():
        return {'board': model or processor_name(root), 'sm': None, 'l4t': NONE, 'jetpack': NONE, 'power_mode': NONE}
    module = next(((part, name) for part, name in _MODULES if part in tree), None)
    l4t = _l4t(release)
    return {'board': '%s (%s)' % (module[1], module[0]) if module else model or UNKNOWN,
            'sm': next((sm for chip, sm in sorted(_SM.items()) if chip in tree), None),
            'l4t': l4t, 'jetpack': _JETPACK.get(l4t, UNKNOWN), 'power_mode': power_mode(root, runner)}


def power_mode(root: str = '/', runner: Optional[Runner] = None) -> str:
    """Name of the nvpmodel mode, such as ``'MAXN'`` or ``'5W'``; ``'id N'`` where only the id is known.

    Ids change between releases, so the name counts: the id in ``/var/lib/nvpmodel/status`` is looked up in
    ``/etc/nvpmodel.conf``. ``nvpmodel -q`` runs only where that gives no name.
    """
    current = re.search(r'pmode:\s*(\d{1,6})', read_text(root, 'var/lib/nvpmodel/status') or '')
    if current:
        for number, name in re.findall(r'^\s*<\s*POWER_MODEL\s+ID=(\d{1,6})\s+NAME=([^\s>]+)',
                                       read_text(root, 'etc/nvpmodel.conf') or '', re.MULTILINE):
            if int(number) == int(current.group(1)):
                return name
    if runner is None and os.path.abspath(root) == '/':
        runner = run_quietly
    output = runner(['nvpmodel', '-q'], _NVPMODEL_TIMEOUT_S) if runner else None
    match = re.search(r'NV Power Mode:\s*(\S+)', output or '')
    if match:
        return match.group(1)
    return 'id %d' % int(current.group(1)) if current else UNKNOWN


def read_text(root: str, path: str) -> Optional[str]:
    """Text of a small file under a root, stripped, zero bytes as spaces; None where it cannot be read."""
    try:
        with open(os.path.join(root, path), 'rb') as stream:
            data = stream.read(_MAX_BYTES)
    except OSError:
        return None
    return data.decode('utf-8', 'replace').replace('\0', ' ').strip()


def run_quietly(command: List[str], timeout_s: float) -> Optional[str]:
    """Standard output of a command, or None where it is absent, fails or takes too long."""
    try:
        process = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, timeout=timeout_s)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.decode('utf-8', 'replace') if process.returncode == 0 else None


def _device_tree(root: str) -> str:
    """What the device tree says about chip and module, in lower case."""
    parts = (read_text(root, 'proc/device-tree/' + name) or '' for name in ('nvidia,dtsfilename', 'compatible'))
    return ' '.join(parts).lower()


def _l4t(release: Optional[str]) -> str:
    """``'32.7.1'`` from ``# R32 (release), REVISION: 7.1, ...``."""
    match = re.search(r'R(\d{1,4}) \(release\), REVISION: (\d{1,4}(?:\.\d{1,4}){0,2})', release or '')
    return '%s.%s' % match.groups() if match else UNKNOWN


def processor_name(root: str = '/') -> str:
    """Name of the processor, or `UNKNOWN`."""
    match = re.search(r'^model name\s*:\s*(.+)$', read_text(root, 'proc/cpuinfo') or '', re.MULTILINE)
    return match.group(1).strip() if match else UNKNOWN


def keep_few_heaps() -> None:
    """Have glibc keep two heaps; to be called before threads are started.

    By default it keeps up to eight for every core, each with free memory that threads of the others cannot use.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)  # other C libraries have no such heaps
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)


def return_memory() -> None:
    """Give memory that is free in the heaps back to the system; glibc keeps what lies below something in use."""
    malloc_trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if malloc_trim is not None:
        malloc_trim(0)
