"""Folders that stand for the ``/`` of a board, with the files that thermoscreen reads."""
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
    """Make files under a root unreadable, also for root, who ignores file modes."""
    closed = {os.path.join(str(root), path) for path in paths}
    real_open = builtins.open

    def guarded(file, *args, **kwargs):
        if file in closed:
            raise PermissionError(13, 'Permission denied', file)
        return real_open(file, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', guarded)


def identity(board):
    """The files that identify a board: ``{path: text}`` for one of `IDENTITIES`."""
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


def board_tree(root, board, changes=()):
    """Write the whole tree of a board: its identity and its sensors.

    Args:
        root (pathlib.Path): empty folder.
        board (str): one of `IDENTITIES`.
        changes (dict): texts that replace files or add to them; None removes a file.

    Returns:
        str: the root.
    """
    files = dict(identity(board))
    files.update({'nano': _nano, 'xavier-nx': _xavier, 'orin-nano': _orin, 'pc': _pc}[board]())
    files.update(changes)
    return write_tree(root, {path: text for path, text in files.items() if text is not None})


#: Folder of the INA3221 as L4T 32 has it; the second name is of older releases.
IIO = 'sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0'
IIO_OLD = 'sys/bus/i2c/drivers/ina3221x/6-0040/iio_device'
HWMON = 'sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1'
GPU = 'sys/devices/gpu.0/devfreq/57000000.gpu'


def iio_rails(folder=IIO):
    """Rails of a Nano under load, in mW, mV and mA."""
    files = {}
    for channel, (name, milliwatts, millivolts) in enumerate((('POM_5V_IN', 3480, 4968), ('POM_5V_GPU', 640, 4960),
                                                              ('POM_5V_CPU', 1080, 4960))):
        files.update({'%s/rail_name_%d' % (folder, channel): name + '\n',
                      '%s/in_power%d_input' % (folder, channel): '%d\n' % milliwatts,
                      '%s/in_voltage%d_input' % (folder, channel): '%d\n' % millivolts,
                      '%s/in_current%d_input' % (folder, channel): '%d\n' % (1000 * milliwatts // millivolts)})
    return files


def _hwmon_rails(names):
    files = {HWMON + '/name': 'ina3221\n', HWMON + '/in7_label': 'sum of shunt voltages\n',
             HWMON + '/in7_input': '12000\n'}
    for channel, name in enumerate(names, 1):
        files.update({'%s/in%d_label' % (HWMON, channel): name + '\n', '%s/in%d_input' % (HWMON, channel): '5000\n',
                      '%s/curr%d_input' % (HWMON, channel): '%d\n' % (channel * 400),
                      '%s/curr%d_crit_alarm' % (HWMON, channel): '0\n',
                      '%s/curr%d_max_alarm' % (HWMON, channel): '0\n'})
    return files


def _cpu(cores, lowest_khz, cap_khz, current_khz, off=()):
    files = {'proc/stat': 'cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 25 0 25 175 25 0 0 0 0 0\n'}
    for core in range(cores):
        folder = 'sys/devices/system/cpu/cpu%d' % core
        files[folder + '/online'] = '0\n' if core in off else '1\n'
        if core not in off:
            files.update({folder + '/cpufreq/scaling_cur_freq': '%d\n' % current_khz,
                          folder + '/cpufreq/scaling_min_freq': '%d\n' % lowest_khz,
                          folder + '/cpufreq/scaling_max_freq': '%d\n' % cap_khz,
                          folder + '/cpufreq/cpuinfo_max_freq': '%d\n' % cap_khz})
    return files


def _zones(zones):
    files = {}
    for number, (name, millidegrees) in enumerate(zones):
        folder = 'sys/class/thermal/thermal_zone%d' % number
        files.update({folder + '/type': name + '\n', folder + '/temp': '%d\n' % millidegrees})
    return files


def _cooling(devices):
    files = {}
    for number, (kind, state) in enumerate(devices):
        folder = 'sys/class/thermal/cooling_device%d' % number
        files.update({folder + '/type': kind + '\n', folder + '/cur_state': '%d\n' % state})
    return files


def _memory(total_kib, available_kib, swap_kib, swaps='', gpu_kib=None):
    lines = ['MemTotal: %15d kB' % total_kib, 'MemFree: %15d kB' % (available_kib // 2),
             'MemAvailable: %15d kB' % available_kib, 'SwapTotal: %15d kB' % swap_kib,
             'SwapFree: %15d kB' % (swap_kib * 3 // 4)]
    if gpu_kib is not None:
        lines.append('NvMapMemUsed: %15d kB' % gpu_kib)
    return {'proc/meminfo': '\n'.join(lines) + '\n',
            'proc/swaps': 'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n' + swaps}


def _nano():
    files = dict(iio_rails())
    files.update(_cpu(4, 102000, 1479000, 1224000))
    files.update(_zones([('AO-therm', 46000), ('CPU-therm', 40500), ('GPU-therm', 41000), ('PLL-therm', 39000),
                         ('PMIC-Die', 100000), ('thermal-fan-est', 41000)]))
    files.update(_cooling([('gpu-balanced', 0), ('cpu-balanced', 0), ('tegra-heavy', 0), ('pwm-fan', 3)]))
    files.update(_memory(4059360, 2411000, 6223976, '/swapfile file 4194300 0 -1\n/dev/zram0 partition 507416 0 5\n',
                         gpu_kib=301056))
    files.update({
        GPU + '/cur_freq': '460800000\n', GPU + '/min_freq': '76800000\n', GPU + '/max_freq': '921600000\n',
        GPU + '/available_frequencies': '76800000 153600000 460800000 921600000\n',
        'sys/devices/gpu.0/load': '345\n', 'sys/devices/pwm-fan/target_pwm': '120\n',
        'sys/kernel/debug/clk/override.emc/clk_rate': '1600000000\n',
        'sys/kernel/debug/tegra_bwmgr/emc_min_rate': '204000000\n',
        'sys/kernel/debug/tegra_bwmgr/emc_max_rate': '1600000000\n',
        'dev/kmsg': '6,1,0,-;Booting Linux on physical CPU 0x0\n4,339,5140900,-;soctherm: OC ALARM 0x00000000\n',
        'usr/lib/aarch64-linux-gnu/libnvinfer.so.8': '', 'usr/lib/aarch64-linux-gnu/libnvinfer.so.8.2.1': ''})
    return files


def _xavier():
    files = dict(_hwmon_rails(['VDD_IN', 'VDD_CPU_GPU_CV', 'VDD_SOC']))
    files.update(_cpu(6, 1190000, 1907000, 1907000, off=(4, 5)))
    files.update(_zones([('CPU-therm', 39500), ('GPU-therm', 37500), ('AUX-therm', 39000), ('AO-therm', 37500),
                         ('PMIC-Die', 50000), ('thermal-fan-est', 38000)]))
    files.update(_cooling([('cpu-balanced', 0), ('gpu-balanced', 0), ('pwm-fan', 1)]))
    files.update(_memory(7018000, 4366000, 3509000, '/dev/zram0 partition 3509000 0 5\n'))
    gpu = 'sys/devices/gpu.0/devfreq/17000000.gv11b'
    files.update({gpu + '/cur_freq': '510000000\n', gpu + '/min_freq': '510000000\n',
                  gpu + '/max_freq': '1109250000\n', gpu + '/available_frequencies': '114750000 1109250000\n',
                  'sys/devices/gpu.0/load': '0\n', 'sys/devices/pwm-fan/target_pwm': '64\n',
                  'sys/kernel/debug/bpmp/debug/clk/emc/rate': '1600000000\n',
                  'sys/kernel/debug/bpmp/debug/clk/emc/min_rate': '204000000\n',
                  'sys/kernel/debug/bpmp/debug/clk/emc/max_rate': '1866000000\n',
                  'sys/kernel/nvpmodel_emc_cap/emc_iso_cap': '1600000000\n',
                  'usr/lib/aarch64-linux-gnu/libnvinfer.so.8.5.2': ''})
    return files


def _orin():
    files = dict(_hwmon_rails(['VDD_IN', 'VDD_CPU_GPU_CV', 'NC']))
    files.update(_cpu(6, 729600, 1728000, 729600))
    files.update(_zones([('cpu-thermal', 46531), ('gpu-thermal', 48218), ('cv0-thermal', -256000),
                         ('soc2-thermal', 47312), ('tj-thermal', 48843)]))
    files.update(_cooling([('cpufreq-cpu0', 0), ('devfreq-17000000.gpu', 0), ('cpu-throttle-alert', 0),
                           ('pwm-fan', 1)]))
    files.update(_memory(7803000, 5282000, 3901000, '/dev/zram0 partition 3901000 0 5\n', gpu_kib=90000))
    gpu, fan, tacho = ('sys/class/devfreq/17000000.gpu', 'sys/class/hwmon/hwmon0', 'sys/class/hwmon/hwmon2')
    files.update({gpu + '/cur_freq': '305998489\n', gpu + '/min_freq': '305998489\n',
                  gpu + '/max_freq': '1019999000\n', gpu + '/device/load': '990\n',
                  fan + '/name': 'pwmfan\n', fan + '/pwm1': '51\n', tacho + '/name': 'pwm_tach\n',
                  tacho + '/rpm': '1650\n', 'sys/class/hwmon/hwmon3/name': 'soctherm_oc\n',
                  'sys/class/hwmon/hwmon3/oc1_event_cnt': '0\n', 'sys/class/hwmon/hwmon3/oc3_event_cnt': '0\n',
                  'usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0': ''})
    return files


def _pc():
    files = _cpu(8, 400000, 3600000, 1700000)
    files.update(_zones([('acpitz', 45000), ('acpitz', 43000), ('x86_pkg_temp', 52000)]))
    files.update(_cooling([('Processor', 0), ('Processor', 0), ('intel_powerclamp', -1), ('Fan', 1)]))
    files.update(_memory(16284000, 11200000, 2097148, '/dev/sda2 partition 2097148 0 -2\n'))
    return files
