"""Folders that look like the ``/`` of a board, as far as thermoscreen reads it."""
import builtins
import os

NVPMODEL_NANO = ('< PARAM TYPE=FILE NAME=CPU_ONLINE >\n< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n'
                 '< POWER_MODEL ID=1 NAME=5W >\nCPU_ONLINE CORE_0 1\n< PM_CONFIG DEFAULT=0 >\n')
NVPMODEL_ORIN = ('< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n'
                 '< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< PM_CONFIG DEFAULT=1 >\n')


def write_tree(root, files):
    """Write ``{path: text}`` under a root; a text of None removes the file. Returns the root as str."""
    for path, text in files.items():
        place = os.path.join(str(root), path)
        if text is None:
            os.remove(place)
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, 'wb') as stream:
            stream.write(text if isinstance(text, bytes) else text.encode())
    return str(root)


def forbid(monkeypatch, root, *paths):
    """Make files under a root unreadable, for root too, whom file modes do not stop."""
    closed = {os.path.join(str(root), path) for path in paths}
    real_open = builtins.open

    def guarded(file, *args, **kwargs):
        if file in closed:
            raise PermissionError(13, 'Permission denied', file)
        return real_open(file, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', guarded)


def identity(board):
    """The files that say which board it is: ``{path: text}`` for one of `IDENTITIES`."""
    return dict(IDENTITIES[board])


IDENTITIES = {
    'nano': {
        'etc/nv_tegra_release': '# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n',
        'proc/device-tree/model': 'NVIDIA Jetson Nano Developer Kit\0',
        'proc/device-tree/nvidia,dtsfilename': '/dvs/t210/porg/kernel-dts/tegra210-p3448-0000-p3449-0000-b00.dts\0',
        'proc/device-tree/compatible': 'nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210\0',
        'var/lib/nvpmodel/status': 'pmode:0000\n', 'etc/nvpmodel.conf': NVPMODEL_NANO},
    'xavier-nx': {
        'etc/nv_tegra_release': '# R35 (release), REVISION: 2.1, GCID: 32413640, BOARD: t186ref, EABI: aarch64\n',
        'proc/device-tree/model': 'NVIDIA Jetson Xavier NX Developer Kit\0',
        'proc/device-tree/nvidia,dtsfilename': 'tegra194-p3668-all-p3509-0000.dts\0',
        'proc/device-tree/compatible': 'nvidia,p3449-0000+p3668-0000\0nvidia,tegra194\0',
        'var/lib/nvpmodel/status': 'pmode:0002 fmode:cool\n',
        'etc/nvpmodel.conf': '< POWER_MODEL ID=2 NAME=MODE_15W_6CORE >\n'},
    'orin-nano': {
        'etc/nv_tegra_release': '# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n',
        'proc/device-tree/model': 'NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0',
        'proc/device-tree/compatible': 'nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0',
        'var/lib/nvpmodel/status': 'pmode:0002\n', 'etc/nvpmodel.conf': NVPMODEL_ORIN},
    'pc': {
        'proc/cpuinfo': 'processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-8350U\n'},
}
