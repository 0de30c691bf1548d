"""A disk that tells what is on it and never gives a byte of it: a file system of this process, as FUSE offers them.

What reads from it hangs as at a dying disk, also when it is killed, until the disk is unplugged.
"""
import contextlib
import ctypes
import os
import stat
import struct
import tempfile
import threading
from typing import Iterator, Optional, Union

#: Name and size of its only file.
NAME, SIZE = 'frontal.csv', 1 << 20

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _RELEASE, _FLUSH = 1, 2, 3, 14, 15, 18, 25
_INIT, _OPENDIR, _READDIR, _RELEASEDIR, _INTERRUPT, _FORGETS = 26, 27, 28, 29, 36, 42
#: Requests that are not answered: the one that hangs, and those that expect none.
_SILENT = (_READ, _FORGET, _INTERRUPT, _FORGETS)
_ENOENT, _ENOSYS = 2, 38
_MNT_FORCE, _MNT_DETACH = 1, 2
_ATTRIBUTES = struct.Struct('=6Q3I7I')
_VALID_S = 3600


@contextlib.contextmanager
def hanging_disk() -> Iterator[Optional[str]]:
    """The folder of the disk, which is unplugged in the end; None where this user may not mount one."""
    library = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            device = os.open('/dev/fuse', os.O_RDWR)
        except OSError:
            yield None
            return
        options = 'fd=%d,rootmode=40000,user_id=%d,group_id=%d' % (device, os.getuid(), os.getgid())
        if library.mount(b'hanging', folder.encode(), b'fuse', 0, options.encode()):
            os.close(device)
            yield None
            return
        thread = threading.Thread(target=_serve, args=(device,), daemon=True)
        thread.start()
        try:
            yield folder
        finally:
            library.umount2(folder.encode(), _MNT_FORCE)  # whatever hangs gets an error
            library.umount2(folder.encode(), _MNT_DETACH)
            thread.join()
            os.close(device)


def _serve(device: int) -> None:
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError:
            return
        _, opcode, unique, node = struct.unpack_from('=IIQQ', request)
        if opcode in _SILENT:
            continue
        answer = _answer(opcode, node, request[40:])
        error = 0 if isinstance(answer, bytes) else -answer
        body = answer if isinstance(answer, bytes) else b''
        with contextlib.suppress(OSError):
            os.write(device, struct.pack('=IiQ', 16 + len(body), error, unique) + body)


def _answer(opcode: int, node: int, body: bytes) -> Union[bytes, int]:
    """The body of an answer, or the number of an error."""
    if opcode == _INIT:
        return struct.pack('=4I2H2I2H8I', 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, *[0] * 8)
    if opcode == _LOOKUP:
        if body.rstrip(b'\0').decode() != NAME:
            return _ENOENT
        return struct.pack('=4Q2I', 2, 0, _VALID_S, _VALID_S, 0, 0) + _attributes(2)
    if opcode == _GETATTR:
        return struct.pack('=Q2I', _VALID_S, 0, 0) + _attributes(node)
    if opcode in (_OPEN, _OPENDIR):
        return struct.pack('=Q2I', 1, 0, 0)
    if opcode == _READDIR:
        offset = struct.unpack_from('=2Q', body)[1]
        name = NAME.encode().ljust(-(-len(NAME) // 8) * 8, b'\0')
        return b'' if offset else struct.pack('=2Q2I', 2, 1, len(NAME), stat.S_IFREG >> 12) + name
    if opcode in (_RELEASE, _RELEASEDIR, _FLUSH):
        return b''
    return _ENOSYS


def _attributes(node: int) -> bytes:
    mode, size = (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o644, SIZE)
    return _ATTRIBUTES.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, os.getuid(), os.getgid(), 0, 4096, 0)
