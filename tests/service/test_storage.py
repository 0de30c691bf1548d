"""What the disk of a folder promises, read from recorded kernels, and its room."""
import errno
import os

import pytest

from service.doctor import CHECKS, check_storage
from service.messages import INFO, OK, PROBLEM, WARNING
from service.settings import Settings
from service.storage import Disks, Room, examine_storage, find_disk, removable_disks, room_for_exam
from tests.fakes.disks import EXT4, RecordedDisks, card, module, mounted, stick

GIB, MIB = 1 << 30, 1 << 20


def without(*names):
    return [option for option in EXT4 if option.split('=')[0] not in names]


def test_a_good_card_is_good_and_named():
    found = examine_storage('/var/lib/thermoscreen/exams', card())
    assert [message.code for message in found] == ['storage-ok'] and found[0].severity == OK
    assert found[0].sentence == '/var/lib/thermoscreen/exams is on SD card mmcblk0p1, ext4.'
    assert found[0].facts['write_cache'] == 'write through' and found[0].facts['drive'] == 'mmcblk0'


@pytest.mark.parametrize('disks, code, severity, word', [
    (card(*(without('data') + ['data=writeback'])), 'storage-writeback', PROBLEM, 'tune2fs -o journal_data'),
    (card(*without('data'), system='rw'), 'storage-no-journal', PROBLEM, 'tune2fs -j /dev/mmcblk0p1'),
    (card(*(without('barrier') + ['nobarrier'])), 'storage-no-barrier', PROBLEM, '/etc/fstab'),
    (card(*(without('barrier') + ['barrier=0'])), 'storage-no-barrier', PROBLEM, '/etc/fstab'),
    (card(*(without('errors') + ['errors=continue'])), 'storage-errors-continue', INFO, 'tune2fs -e remount-ro'),
    (card(*without('commit'), 'commit=600'), 'storage-ok', OK, ''),
    (card(mount='ro,relatime'), 'storage-read-only', PROBLEM, 'fsck'),
    (card(system='ro,data=ordered'), 'storage-read-only', PROBLEM, 'fsck'),
    (card(**{'sys/fs/ext4/mmcblk0p1/errors_count': '3'}), 'storage-errors', PROBLEM, 'exchange the SD card'),
    (card(**{'proc/fs/ext4/mmcblk0p1/options': None, 'proc/self/mountinfo':
             '21 1 179:1 / / rw - ext4 /dev/root rw,nobarrier\n'}), 'storage-no-barrier', PROBLEM, '/etc/fstab'),
    (module('0x01 0x09'), 'storage-worn', WARNING, 'Plan its exchange'),
    (module(spare='0x02'), 'storage-worn', WARNING, 'Plan its exchange'),
    (module('0x0b 0x02'), 'storage-worn', PROBLEM, 'Back up now'),
    (module(spare='0x03'), 'storage-worn', PROBLEM, 'Back up now'),
    (module('0x08 0x01'), 'storage-ok', OK, ''),
    (module('unknown', ''), 'storage-ok', OK, ''),
    (mounted('tmpfs'), 'storage-memory', PROBLEM, 'ext4'),
    (mounted('ramfs'), 'storage-memory', PROBLEM, 'ext4'),
    (mounted('overlay', 'rw,lowerdir=/a,upperdir=/b'), 'storage-memory', PROBLEM, 'ext4'),
    (mounted('nfs4', source='server:/exams'), 'storage-network', PROBLEM, 'ext4'),
    (stick(), 'storage-kind', PROBLEM, 'ext4'),
    (stick('exfat'), 'storage-kind', PROBLEM, 'ext4'),
    (mounted('minix'), 'storage-kind', WARNING, 'ext4'),
    (mounted('ext2'), 'storage-no-journal', PROBLEM, 'tune2fs -j'),
    (mounted('f2fs'), 'storage-ok', OK, ''),
    (RecordedDisks('9:9', {}), 'storage-unknown', WARNING, 'exams_folder'),
])
def test_what_it_does_not_promise_is_said_with_the_remedy(disks, code, severity, word):
    found = examine_storage('/media/station/exams', disks)
    assert [(message.code, message.severity, message.subject) for message in found] == [(code, severity, 'storage')]
    assert word in found[0].next_step and bool(found[0].next_step) == (severity != OK)


def test_the_gravest_comes_first():
    found = examine_storage('/e', card(*(without('errors', 'data') + ['errors=continue', 'data=writeback'])))
    assert [message.code for message in found] == ['storage-writeback', 'storage-errors-continue']


def test_the_medium_is_named():
    assert [find_disk('/media/station', disks).medium for disks in (card(), module(), stick(), mounted('tmpfs'))] == [
        'SD card', 'eMMC module', 'USB medium', '']
    disk = mounted('ext4', number='259:2', link='../../devices/pci0000:00/nvme/nvme0/block/nvme0n1/nvme0n1p2')
    assert find_disk('/media/station', disk).medium == 'disk'


def test_the_mount_that_the_folder_is_under_counts():
    """Bind mounts and mounts over mounts have the same device; a name that merely begins alike is another folder."""
    lines = ['21 1 8:1 / / rw - ext4 /dev/sda1 rw', '22 1 8:1 /a /data rw - ext4 /dev/sda1 rw',
             '23 1 8:1 /b /data/exams ro - ext4 /dev/sda1 rw', '24 1 8:1 /b /data/exams rw - ext4 /dev/sda1 rw',
             '25 1 8:1 / /a\\040b ro - ext4 /dev/sda1 rw', 'nonsense', '']
    disks = RecordedDisks('8:1', {'proc/self/mountinfo': '\n'.join(lines)})
    assert [find_disk(folder, disks).mount_point for folder in
            ('/data/exams/1', '/data/exams2', '/database', '/a b/c')] == ['/data/exams', '/data', '/', '/a b']
    assert 'ro' not in find_disk('/data/exams', disks).options


def test_a_system_that_does_not_tell_is_no_trouble():
    class Silent(Disks):
        def device(self, folder):
            raise OSError(errno.EACCES, 'no')
    assert find_disk('/', Silent()) is None


def test_what_may_be_pulled_out_is_found_and_the_system_is_not():
    (found,) = removable_disks(stick())
    assert (found.mount_point, found.kind, found.name, found.medium) == ('/media/station', 'vfat', 'sda1', 'USB medium')
    assert removable_disks(card()) == removable_disks(mounted('tmpfs')) == []
    disks = stick()
    disks.texts['proc/self/mountinfo'] += '41 21 8:1 / /mnt rw - vfat /dev/sda1 rw\n'
    assert [disk.mount_point for disk in removable_disks(disks)] == ['/media/station', '/mnt']
    disks = stick()
    disks.texts['proc/self/mountinfo'] = '21 1 8:1 / / rw - ext4 /dev/sda1 rw\n' + disks.texts['proc/self/mountinfo']
    assert removable_disks(disks) == [], 'a station that starts from USB'


@pytest.mark.parametrize('free_mib, code, severity', [
    (5000, None, None), (4096, None, None), (4095, 'room-soon', INFO), (1023, 'room-low', WARNING),
    (255, 'room-none', PROBLEM), (0, 'room-none', PROBLEM)])
def test_three_thresholds_of_room(free_mib, code, severity):
    message = room_for_exam('/exams', disks=card(room=Room(59 * GIB, free_mib * MIB)))
    assert (message and message.code, message and message.severity) == (code, severity)
    if message:
        assert message.subject == 'room' and message.next_step and message.facts['exams'] == free_mib // 128


def test_the_thresholds_are_settings():
    settings = Settings(room_soon_mib=900, room_low_mib=800, room_least_mib=700)
    assert room_for_exam('/e', settings.room_thresholds(), card(room=Room(GIB, 699 * MIB))).code == 'room-none'
    assert room_for_exam('/e', settings.room_thresholds(), card(room=Room(GIB, 1000 * MIB))) is None


def test_a_disk_without_files_left_has_no_room():
    assert room_for_exam('/exams', disks=card(room=Room(59 * GIB, 40 * GIB, 999))).code == 'room-none'


def test_a_disk_that_does_not_answer_has_no_room():
    message = room_for_exam('/exams', disks=card(room=OSError(errno.EIO, 'Input/output error')))
    assert (message.code, message.severity) == ('room-unknown', PROBLEM)


def test_this_machine(tmp_path):
    disks, folder = Disks(), str(tmp_path / 'exams' / 'not yet there')
    room, disk = disks.room(folder), find_disk(folder)
    assert 0 <= room.free_bytes <= room.total_bytes == os.statvfs(str(tmp_path)).f_blocks * os.statvfs(
        str(tmp_path)).f_frsize
    assert disk is not None and str(tmp_path).startswith(disk.mount_point) and disk.kind and disk.options
    assert examine_storage(folder) and disks.link('proc/none') == '' and disks.read('proc/none') is None


def test_the_doctor_tells_all_of_it():
    assert check_storage(Settings()).code == 'exams-not-kept'
    settings = Settings(exams_folder='/media/station/exams')
    good = check_storage(settings, card())
    assert (good.code, good.severity, good.next_step) == ('storage-ok', OK, '')
    bad = check_storage(settings, card(*without('errors'), 'errors=continue', room=Room(59 * GIB, 200 * MIB)))
    assert bad.severity == PROBLEM and bad.code == 'room-none' and bad.subject == 'storage'
    assert bad.facts['codes'] == ['storage-errors-continue', 'room-none']
    assert 'errors=continue' in bad.sentence and '200 MiB' in bad.sentence
    assert ('storage', check_storage) in CHECKS

