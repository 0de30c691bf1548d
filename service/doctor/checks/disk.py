"""Whether results can be written, and for how long."""
import os
import shutil
import tempfile

from ...messages import OK, PROBLEM, WARNING, Message

_MIB = 1024 * 1024
#: One analysed 640x480 frame takes half a MiB; below this there is no room for a day's work.
_LITTLE_BYTES = 2048 * _MIB
_NONE_BYTES = 200 * _MIB


def check(settings):
    """Look at the free space of the working folder and write a byte to it."""
    folder = os.getcwd()
    free = shutil.disk_usage(folder).free
    facts = {'folder': folder, 'free_bytes': free}
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b'\0')
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Message('disk-unwritable', '%s cannot be written (%s).' % (folder, error.strerror),
                       'Change to a folder that can be written, or check whether the disk is mounted read-only.',
                       PROBLEM, 'disk', facts)
    status, next_step = room(free)
    return Message('disk-ok' if status == OK else 'disk-low', '%.1f GiB are free for results in %s.'
                   % (free / float(1024 * _MIB), folder), next_step, status, 'disk', facts)


def room(free_bytes):
    """How much room that is: (status, next step or an empty text)."""
    if free_bytes < _NONE_BYTES:
        return PROBLEM, 'Move results away before the next one.'
    if free_bytes < _LITTLE_BYTES:
        return WARNING, 'Move results away soon.'
    return OK, ''
