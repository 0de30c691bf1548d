"""Which machine this is: board, compute capability, L4T, JetPack and power mode, read from files.

An L4T or a board that nobody has seen yet is ``'unknown'`` and nothing else: what a board can do is asked of
its libraries, never looked up under its version.
"""
import os
import re
import subprocess

#: What a Jetson has and this module cannot tell; and what a machine that is no Jetson has not.
UNKNOWN, NONE = 'unknown', 'none'

#: Module numbers in the device tree; the first that fits counts.
_MODULES = (('p3448-0000', 'Jetson Nano 4 GB developer kit'), ('p3448-0002', 'Jetson Nano 4 GB with eMMC'),
            ('p3448-0003', 'Jetson Nano 2 GB'), ('p3668', 'Jetson Xavier NX'),
            ('p3767-0003', 'Jetson Orin Nano 8 GB'), ('p3767-0005', 'Jetson Orin Nano 8 GB developer kit'))
#: Compute capability times ten of the GPU in each chip.
_SM = {'tegra210': 53, 'tegra186': 62, 'tegra194': 72, 'tegra234': 87}
#: JetPack that brought an L4T release. One that is absent here is still the same program to us.
_JETPACK = {'32.6.1': '4.6', '32.7.1': '4.6.1', '32.7.2': '4.6.2', '32.7.3': '4.6.3', '32.7.4': '4.6.4',
            '32.7.5': '4.6.5', '32.7.6': '4.6.6', '35.1.0': '5.0.2', '35.2.1': '5.1', '35.3.1': '5.1.1',
            '35.4.1': '5.1.2', '35.5.0': '5.1.3', '35.6.0': '5.1.4', '36.3.0': '6.0', '36.4.0': '6.1',
            '36.4.3': '6.2'}
#: No file that is read here is longer; a longer one is garbage and is cut.
_LONGEST_BYTES = 1 << 16
_NVPMODEL_TIMEOUT_S = 5.0


def board_facts(root='/', runner=None):
    """What this machine is.

    Args:
        root (str): folder that stands for ``/``; another one holds a fake or a recorded tree.
        runner (callable): ``runner(command, timeout_s) -> str or None`` runs ``nvpmodel`` where no file gives
            the power mode. Default: the real one, under the real root only.

    Returns:
        dict: ``board`` (str; on a machine that is no Jetson its model or its processor), ``sm`` (int such as 53,
        or None where this cannot tell; a PC's GPU is asked through CUDA, not here), ``l4t``, ``jetpack`` and
        ``power_mode`` (str such as ``'32.7.1'``, ``'4.6.1'``, ``'MAXN'``). The last three are ``'unknown'`` on a
        Jetson that does not tell and ``'none'`` on another machine. Never raises for what it finds.
    """
    tree = _device_tree(root)
    release = read_text(root, 'etc/nv_tegra_release')
    model = read_text(root, 'proc/device-tree/model') or ''
    if release is None and 'tegra' not in tree and 'jetson' not in model.lower():
        return {'board': model or _processor(root), 'sm': None, 'l4t': NONE, 'jetpack': NONE, 'power_mode': NONE}
    module = next(((part, name) for part, name in _MODULES if part in tree), None)
    l4t = _l4t(release)
    return {'board': '%s (%s)' % (module[1], module[0]) if module else model or UNKNOWN,
            'sm': next((sm for chip, sm in sorted(_SM.items()) if chip in tree), None),
            'l4t': l4t, 'jetpack': _JETPACK.get(l4t, UNKNOWN), 'power_mode': power_mode(root, runner)}


def power_mode(root='/', runner=None):
    """Name of the nvpmodel mode, such as ``'MAXN'`` or ``'5W'``.

    Ids change between releases, so the name counts: the id in ``/var/lib/nvpmodel/status`` is looked up in
    ``/etc/nvpmodel.conf``. Only where that gives no name, ``nvpmodel -q`` is run.

    Args:
        root (str): folder that stands for ``/``.
        runner (callable): see `board_facts`.

    Returns:
        str: the name; ``'id N'`` where only the id is known; ``'unknown'``.
    """
    chosen = re.search(r'pmode:\s*(\d{1,6})', read_text(root, 'var/lib/nvpmodel/status') or '')
    if chosen:
        for number, name in re.findall(r'^\s*<\s*POWER_MODEL\s+ID=(\d{1,6})\s+NAME=([^\s>]+)',
                                       read_text(root, 'etc/nvpmodel.conf') or '', re.MULTILINE):
            if int(number) == int(chosen.group(1)):
                return name
    if runner is None and os.path.abspath(root) == '/':
        runner = run_quietly
    answer = runner(['nvpmodel', '-q'], _NVPMODEL_TIMEOUT_S) if runner else None
    named = re.search(r'NV Power Mode:\s*(\S+)', answer or '')
    if named:
        return named.group(1)
    return 'id %d' % int(chosen.group(1)) if chosen else UNKNOWN


def read_text(root, path):
    """Text of a small file under a root, without zero bytes and white space around it.

    Returns:
        str or None: None where the file is absent or cannot be read; what is no UTF-8 is replaced.
    """
    try:
        with open(os.path.join(root, path), 'rb') as stream:
            data = stream.read(_LONGEST_BYTES)
    except OSError:
        return None
    return data.decode('utf-8', 'replace').replace('\0', ' ').strip()


def run_quietly(command, timeout_s):
    """Standard output of a command, or None where it is absent, fails or takes too long."""
    try:
        process = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, timeout=timeout_s)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.decode('utf-8', 'replace') if process.returncode == 0 else None


def _device_tree(root):
    """What the device tree says about chip and module, in lower case."""
    parts = (read_text(root, 'proc/device-tree/' + name) or '' for name in ('nvidia,dtsfilename', 'compatible'))
    return ' '.join(parts).lower()


def _l4t(release):
    """``'32.7.1'`` from ``# R32 (release), REVISION: 7.1, ...``, or ``'unknown'``."""
    found = re.search(r'R(\d{1,4}) \(release\), REVISION: (\d{1,4}(?:\.\d{1,4}){0,2})', release or '')
    return '%s.%s' % found.groups() if found else UNKNOWN


def _processor(root):
    """Name of the processor of a PC."""
    named = re.search(r'^model name\s*:\s*(.+)$', read_text(root, 'proc/cpuinfo') or '', re.MULTILINE)
    return named.group(1).strip() if named else UNKNOWN
