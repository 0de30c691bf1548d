"""Disks as a kernel described them, recorded from boards and PCs."""
from service.storage import Disks, Room

#: Options of ext4 as Linux 4.9 of JetPack 4.6 lists them.
EXT4 = ('rw', 'delalloc', 'barrier', 'user_xattr', 'acl', 'resuid=0', 'resgid=0', 'errors=remount-ro', 'commit=5',
        'data=ordered')
PLENTY = Room(59 << 30, 40 << 30, 3000000)

_OTHER_MOUNTS = ('22 1 0:6 / /dev rw,relatime shared:2 - devtmpfs none rw,size=1919560k\n'
                 '23 1 0:4 / /proc rw,relatime - proc proc rw\n')


class RecordedDisks(Disks):
    """What one machine said.

    Args:
        number: of the device that every folder is on.
        texts: by path; links too.
        room: of it; an `OSError` is raised.
    """

    def __init__(self, number, texts, room=PLENTY):
        self.number, self.texts, self.told = number, texts, room

    def device(self, folder):
        return self.number

    def room(self, folder):
        if isinstance(self.told, OSError):
            raise self.told
        return self.told

    def read(self, path):
        return self.texts.get(path)

    def link(self, path):
        return self.texts.get(path, '')


def card(*options, mount='rw,relatime', system='rw,data=ordered', room=PLENTY, **changes):
    """A Nano's SD card; `options` in place of `EXT4`, other files by name in `changes`."""
    return RecordedDisks('179:1', dict({
        'proc/self/mountinfo': _OTHER_MOUNTS + '21 1 179:1 / / %s shared:1 - ext4 /dev/root %s\n' % (mount, system),
        'sys/dev/block/179:1': '../../devices/sdhci-tegra.0/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0/mmcblk0p1',
        'sys/block/mmcblk0/device/type': 'SD', 'sys/block/mmcblk0/queue/write_cache': 'write through',
        'proc/fs/ext4/mmcblk0p1/options': '\n'.join(options or EXT4),
        'sys/fs/ext4/mmcblk0p1/errors_count': '0'}, **changes), room)


def module(life_time='0x01 0x01', spare='0x01'):
    """A board with an eMMC module."""
    return card(**{'sys/block/mmcblk0/device/type': 'MMC', 'sys/block/mmcblk0/device/life_time': life_time,
                   'sys/block/mmcblk0/device/pre_eol_info': spare})


def mounted(kind, options='rw', source='none', number='0:40', link='', room=PLENTY):
    """Something else that is mounted on /media/station."""
    line = '40 21 %s / /media/station rw,relatime - %s %s %s\n' % (number, kind, source, options)
    texts = {'proc/self/mountinfo': _OTHER_MOUNTS + '21 1 179:1 / / rw - ext4 /dev/root rw\n' + line}
    return RecordedDisks(number, dict(texts, **({'sys/dev/block/' + number: link} if link else {})), room)


def stick(kind='vfat', room=PLENTY):
    """A memory stick with one partition."""
    return mounted(kind, 'rw,fmask=0022', '/dev/sda1', '8:1', '../../devices/70090000.xusb/usb1/1-2/1-2.1/1-2.1:1.0/'
                   'host0/target0:0:0/0:0:0:0/block/sda/sda1', room)
