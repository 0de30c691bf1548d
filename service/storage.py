"""What the disk under a folder really promises, and whether it has room for another exam.

The list of mounts alone does not tell: it does not show that a journal is missing, or that data may reach a card after
the names of its files, if the card was formatted so. The kernel says these elsewhere, and here it is read.
"""
import os
import re
from dataclasses import asdict, dataclass
from typing import List, NamedTuple, Optional, Tuple

from .machine import read_text
from .messages import INFO, OK, PROBLEM, SEVERITIES, WARNING, Message, shown_size

_MIB = 1024 * 1024
#: The most that one exam takes: a dynamic series of 100 frames of 640x480 with results and overlays, rounded up.
EXAM_MIB = 128

#: What is written to these goes to memory, or to a layer that may be thrown away.
_FLEETING = {'tmpfs': 'in memory', 'ramfs': 'in memory', 'rootfs': 'in memory',
             'overlay': 'on an overlay, which is often kept in memory', 'squashfs': 'on an image that cannot change'}
_NETWORK = ('nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', '9p', 'fuse.sshfs')
#: No journal and no permissions.
_STICKS = ('vfat', 'msdos', 'exfat', 'fuseblk', 'fuse.exfat', 'ntfs', 'ntfs3', 'hfsplus')
_EXT = ('ext2', 'ext3', 'ext4')
_OTHERS = ('xfs', 'btrfs', 'f2fs', 'zfs')

#: Wear of an eMMC module in tenths, from which it is told, and at which its makers promise no more.
_WORN, _WORN_OUT = 9, 11
#: What a module says about its spare blocks: 1 is normal, 2 that four fifths are used, 3 that it is urgent.
_SPARE_LOW, _SPARE_URGENT = 2, 3
#: An exam is some dozens of files; a file system may run out of these while it has room.
_LEAST_FILES = 1000


class Room(NamedTuple):
    """Room of a file system.

    Attributes:
        total_bytes: its size.
        free_bytes: what an ordinary user may still write.
        free_files: how many more files it takes; None where it has no limit.
    """

    total_bytes: int
    free_bytes: int
    free_files: Optional[int] = None


@dataclass(frozen=True)
class Thresholds:
    """Free room in MiB below which it is told, below which it is pressing, and below which no exam starts."""

    room_soon_mib: int = 4096
    room_low_mib: int = 1024
    room_least_mib: int = 256


class Disks:
    """The disks of this machine, as its kernel describes them; tests use recorded ones."""

    def device(self, folder: str) -> str:
        """Numbers of the device that a folder is on, such as ``'179:1'``, or would be once it is made.

        Raises:
            OSError: the system does not tell.
        """
        number = os.stat(_existing(folder)).st_dev
        return '%d:%d' % (os.major(number), os.minor(number))

    def room(self, folder: str) -> Room:
        """Room of the file system that a folder is on, or would be once it is made.

        Raises:
            OSError: the system does not tell.
        """
        told = os.statvfs(_existing(folder))
        return Room(told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize,
                    told.f_favail if told.f_files else None)

    def read(self, path: str) -> Optional[str]:
        """Text of a file of the kernel, None where there is none."""
        return read_text('/', path)

    def link(self, path: str) -> str:
        """Where a symbolic link of the kernel leads, empty where there is none."""
        try:
            return os.readlink(os.path.join('/', path))
        except OSError:
            return ''


@dataclass(frozen=True)
class Disk:
    """The file system that a folder is on.

    Attributes:
        mount_point: folder where it begins.
        kind: its type, such as ``'ext4'``.
        options: of the mount and of the file system, also those that the list of mounts leaves out.
        complete: whether `options` are all of them.
        name: of its device, such as ``'mmcblk0p1'``; empty where it is on none.
        drive: the whole device, such as ``'mmcblk0'``.
        medium: in words, such as ``'SD card'``; empty where it is on no device.
        errors: how many errors the file system found since it was last repaired.
        wear_tenths: how much of its life a module has used, in tenths; 11 is more than all. 0 where it does not tell.
        spare: what a module says about its spare blocks, 1 to 3. 0 where it does not tell.
    """

    mount_point: str
    kind: str
    options: Tuple[str, ...]
    complete: bool = False
    name: str = ''
    drive: str = ''
    medium: str = ''
    errors: int = 0
    wear_tenths: int = 0
    spare: int = 0


def find_disk(folder: str, disks: Optional[Disks] = None) -> Optional[Disk]:
    """The file system that a folder is on, or would be once it is made; None where the system does not tell.

    Args:
        folder: it need not exist.
        disks: by default this machine's.
    """
    disks = disks or Disks()
    try:
        number = disks.device(folder)
    except OSError:
        return None
    mounts = _mounts(disks.read('proc/self/mountinfo') or '')
    place = os.path.realpath(folder)
    # Among several mounts of one device (bind mounts) the one that the folder is under; of two there, the later one.
    under = [mount for mount in mounts if mount[0] == number and (place + '/').startswith(mount[1].rstrip('/') + '/')]
    if not under:
        return None
    _, mount_point, kind, options = max(enumerate(under), key=lambda pair: (len(pair[1][1]), pair[0]))[1]
    return _disk(disks, number, mount_point, kind, options)


def removable_disks(disks: Optional[Disks] = None) -> List[Disk]:
    """Every mount of what may be pulled out: on USB, or in a drive whose medium comes out; never that of the system.

    Args:
        disks: by default this machine's.
    """
    disks = disks or Disks()
    mounts = _mounts(disks.read('proc/self/mountinfo') or '')
    system = {_drive(disks, number) for number, place, _, _ in mounts if place == '/'}
    found = []
    for number, place, kind, options in mounts:
        drive = _drive(disks, number)
        comes_out = ('/usb' in disks.link('sys/dev/block/' + number)
                     or _number(disks.read('sys/block/%s/removable' % drive)) == 1)
        if drive and drive not in system and comes_out:
            found.append(_disk(disks, number, place, kind, options))
    return sorted(found, key=lambda disk: disk.mount_point)


def examine_storage(folder: str, disks: Optional[Disks] = None) -> List[Message]:
    """What the disk of a folder promises less than exams need, gravest first.

    Args:
        folder: where exams are kept or will be; it need not exist.
        disks: by default this machine's.

    Returns:
        Messages of the subject ``storage``; one ``storage-ok`` where nothing is wrong. `INFO` is for the integrator.
    """
    disks = disks or Disks()
    disk = find_disk(folder, disks)
    if disk is None:
        return [Message('storage-unknown', 'The system does not say which disk %s is on.' % folder,
                        'Set exams_folder to a folder on a disk of this machine.', WARNING, 'storage')]
    facts = dict(asdict(disk), folder=folder,
                 write_cache=disks.read('sys/block/%s/queue/write_cache' % disk.drive) or '' if disk.drive else '')
    found = _kind(disk, folder) + _options(disk, folder) + _health(disk)
    if not found:
        found = [('storage-ok', '%s is on %s, %s.' % (folder, _shown(disk), disk.kind), '', OK)]
    found.sort(key=lambda parts: -SEVERITIES.index(parts[3]))
    return [Message(code, sentence, next_step, severity, 'storage', facts)
            for code, sentence, next_step, severity in found]


def room_for_exam(folder: str, thresholds: Optional[Thresholds] = None, disks: Optional[Disks] = None
                  ) -> Optional[Message]:
    """Whether there is room for another exam: None for plenty.

    Args:
        folder: where exams are kept.
        thresholds: by default those of `Thresholds`.
        disks: by default this machine's.

    Returns:
        A message of the subject ``room``. With the severity `PROBLEM` no exam may start; nothing is deleted to make
        room.
    """
    thresholds = thresholds or Thresholds()
    try:
        room = (disks or Disks()).room(folder)
    except OSError as error:
        return Message('room-unknown', 'The system does not say how much room %s has (%s).' % (folder, error.strerror),
                       'Check the disk. New exams are refused until it answers.', PROBLEM, 'room')
    facts = dict(room._asdict(), folder=folder, exams=max(0, room.free_bytes // (EXAM_MIB * _MIB)))
    sentence = '%s are free for exams in %s.' % (shown_size(room.free_bytes), folder)
    if room.free_files is not None and room.free_files < _LEAST_FILES:
        return Message('room-none', 'The disk of %s takes no more than %d files.' % (folder, room.free_files),
                       'New exams are refused. Back up, and delete files that are not needed.', PROBLEM, 'room', facts)
    free_mib = room.free_bytes / _MIB
    if free_mib < thresholds.room_least_mib:
        return Message('room-none', sentence, 'New exams are refused. Back up, then make room or use a larger disk; '
                       'exams are never deleted for room.', PROBLEM, 'room', facts)
    if free_mib < thresholds.room_low_mib:
        return Message('room-low', sentence, 'Make room today; below %d MiB new exams are refused.'
                       % thresholds.room_least_mib, WARNING, 'room', facts)
    if free_mib < thresholds.room_soon_mib:
        return Message('room-soon', sentence, 'Plan for more room.', INFO, 'room', facts)
    return None


def _disk(disks: Disks, number: str, mount_point: str, kind: str, options: List[str]) -> Disk:
    """What is known of a mount, by the numbers of its device."""
    parts = disks.link('sys/dev/block/' + number).partition('/block/')[2].split('/')
    name, drive = parts[-1], parts[0]
    told = (disks.read('proc/fs/ext4/%s/options' % name) or '').split() if name and kind in _EXT else []
    wear = (disks.read('sys/block/%s/device/life_time' % drive) or '').split() if drive else []
    return Disk(mount_point, kind, tuple(sorted(set(options) | set(told))), bool(told), name, drive,
                _medium(disks, number, drive),
                _number(disks.read('sys/fs/ext4/%s/errors_count' % name)) if told else 0,
                max(map(_number, wear), default=0),
                _number(disks.read('sys/block/%s/device/pre_eol_info' % drive)) if drive else 0)


def _drive(disks: Disks, number: str) -> str:
    """The whole device by the numbers of it or of a partition; empty where there is none."""
    return disks.link('sys/dev/block/' + number).partition('/block/')[2].split('/')[0]


#: Code, sentence, next step and severity.
_Found = List[Tuple[str, str, str, str]]


def _kind(disk: Disk, folder: str) -> _Found:
    """What the type of the file system says."""
    elsewhere = 'Set exams_folder to a folder on a disk with ext4.'
    if disk.kind in _FLEETING:
        return [('storage-memory', '%s is %s (%s): after a restart all exams would be gone.'
                 % (folder, _FLEETING[disk.kind], disk.kind), elsewhere, PROBLEM)]
    if disk.kind in _NETWORK:
        return [('storage-network', '%s is on another machine (%s), where the database of exams cannot be kept safely.'
                 % (folder, disk.kind), elsewhere, PROBLEM)]
    if disk.kind in _STICKS:
        return [('storage-kind', '%s is on %s (%s), which has neither a journal nor permissions.'
                 % (folder, _shown(disk), disk.kind), elsewhere, PROBLEM)]
    if disk.kind not in _EXT + _OTHERS:
        return [('storage-kind', '%s is on %s. This program does not know what that promises in a power cut.'
                 % (folder, disk.kind), elsewhere, WARNING)]
    return []


def _options(disk: Disk, folder: str) -> _Found:
    """What the options of the file system say."""
    found: _Found = []
    device = '/dev/' + (disk.name or 'DEVICE')
    options = dict(option.partition('=')[::2] for option in disk.options)
    if 'ro' in options and disk.kind not in _FLEETING:
        found.append(('storage-read-only', '%s is on a disk that is mounted read-only; a kernel does so when it finds '
                      'errors.' % folder, 'Back up now. Then check the disk with fsck, or exchange it.', PROBLEM))
    if options.get('data') == 'writeback':
        found.append(('storage-writeback', 'After a power cut files of %s may hold what was in other files before '
                      '(data=writeback).' % disk.mount_point,
                      'Run tune2fs -o journal_data_ordered %s and remove data=writeback from /etc/fstab, then restart.'
                      % device, PROBLEM))
    if (disk.complete or disk.kind == 'ext2') and 'data' not in options:
        found.append(('storage-no-journal', 'The file system of %s has no journal: a power cut may leave it damaged.'
                      % disk.mount_point, 'Unmount it, run tune2fs -j %s, and mount it again.' % device, PROBLEM))
    if 'nobarrier' in options or options.get('barrier') == '0':
        found.append(('storage-no-barrier', 'What was written to %s may still be lost in a power cut (nobarrier).'
                      % disk.mount_point, 'Remove nobarrier from /etc/fstab and restart.', PROBLEM))
    if options.get('errors') == 'continue':
        found.append(('storage-errors-continue', 'The file system of %s goes on after it found damage '
                      '(errors=continue).' % disk.mount_point, 'Run tune2fs -e remount-ro %s.' % device, INFO))
    return found


def _health(disk: Disk) -> _Found:
    """What the file system and the module say about themselves."""
    found: _Found = []
    if disk.errors:
        found.append(('storage-errors', 'The file system of %s reported damage (%d times).'
                      % (disk.mount_point, disk.errors), 'Back up now, and exchange the %s.' % (disk.medium or 'disk'),
                      PROBLEM))
    if disk.wear_tenths >= _WORN_OUT or disk.spare >= _SPARE_URGENT:
        found.append(('storage-worn', 'The %s is worn out.' % disk.medium, 'Back up now, and exchange it.', PROBLEM))
    elif disk.wear_tenths >= _WORN or disk.spare >= _SPARE_LOW:
        found.append(('storage-worn', 'The %s has used at least %d %% of its life.'
                      % (disk.medium, (_WORN - 1) * 10), 'Plan its exchange.', WARNING))
    return found


def _mounts(text: str) -> List[Tuple[str, str, str, List[str]]]:
    """Device numbers, mount point, type and options of every line of mountinfo (see proc(5))."""
    mounts = []
    for line in text.splitlines():
        mount, _, system = line.partition(' - ')
        fields, rest = mount.split(' '), system.split(' ')
        if len(fields) >= 6 and len(rest) >= 3:
            mounts.append((fields[2], re.sub(r'\\([0-7]{3})', lambda code: chr(int(code.group(1), 8)), fields[4]),
                           rest[0], fields[5].split(',') + rest[2].split(',')))
    return mounts


def _medium(disks: Disks, number: str, drive: str) -> str:
    if drive.startswith('mmcblk'):
        return 'SD card' if disks.read('sys/block/%s/device/type' % drive) == 'SD' else 'eMMC module'
    if not drive:
        return ''
    if '/usb' in disks.link('sys/dev/block/' + number):
        return 'USB medium'
    return 'disk'


def _shown(disk: Disk) -> str:
    """The medium with its name."""
    return '%s %s' % (disk.medium, disk.name) if disk.name else disk.mount_point


def _number(text: Optional[str]) -> int:
    """A number as the kernel writes it, decimal or with 0x; 0 where it is none."""
    try:
        return int(text or '', 0)
    except ValueError:
        return 0


def _existing(folder: str) -> str:
    """A folder, or the nearest one above it that is there."""
    folder = os.path.realpath(folder)
    while not os.path.exists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder
