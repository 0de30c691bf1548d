"""A fake kernel: it reads and fills structures at the byte offsets a C compiler gives, not through ours.

Numbers and offsets are those that gcc printed from linux/videodev2.h on x86-64; aarch64 has the same.
"""
import ctypes
import errno
import os
import struct

QUERYCAP, ENUM_FMT, S_FMT, REQBUFS = 0x80685600, 0xC0405602, 0xC0D05605, 0xC0145608
QUERYBUF, QBUF, DQBUF, STREAMON, STREAMOFF = 0xC0585609, 0xC058560F, 0xC0585611, 0x40045612, 0x40045613
S_PARM, S_CTRL = 0xC0CC5616, 0xC008561C
ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0xC02C564A, 0xC034564B
UVC_CTRL_QUERY, USB_CONTROL = 0xC0107521, 0xC0185500
USB_BULK, SET_INTERFACE, CLAIM_INTERFACE, RELEASE_INTERFACE = 0xC0185502, 0x80085504, 0x8004550F, 0x80045510

MONOTONIC, ERROR = 0x2000, 0x40


def error(number):
    return OSError(number, os.strerror(number))


class Mapped:
    """A mapped buffer that must not be used after it was closed."""

    def __init__(self, memory):
        self.memory = memory

    def __getitem__(self, index):
        return bytes(self.memory[index])

    def close(self):
        self.memory = None


class FakeKernel:
    """One video device under one path, with the calls of `KernelCalls`.

    Attributes:
        offers (list): (fourcc, width, height, rates in Hz).
        coming (list): frames that the device will send: (time, data, sequence, flags, stamp).
        refuse (dict): request number to the error number that it is answered with.
        log (list): what was asked, in order.
    """

    def __init__(self, clock, path='/dev/video0', offers=(('Y16 ', 160, 122, (9.0,)), ('YUYV', 160, 120, (9.0,)))):
        self.clock = clock
        self.path = path
        self.offers = list(offers)
        self.coming, self.filled, self.queued = [], [], []
        self.refuse, self.log, self.controls, self.xu, self.usb = {}, [], {0x009A090D: 0}, [], []
        self.capabilities = 0x84A00001, 0x04200001
        self.format = None
        self.maps, self.streaming, self.open_count = [], False, 0
        self.gone = False

    # The calls.

    def now(self):
        return self.clock.now()

    def open(self, path):
        if self.gone or path not in (self.path, '/dev/bus/usb/001/004'):
            raise error(errno.ENOENT)
        if 'open' in self.refuse:
            raise error(self.refuse['open'])
        self.open_count += 1
        return 40 + self.open_count if path == self.path else 90

    def close(self, descriptor):
        self.open_count -= 1
        if self.gone:
            raise error(errno.ENODEV)

    def map(self, descriptor, length, offset):
        index = offset // 4096
        self.maps[index] = Mapped(bytearray(length))
        return self.maps[index]

    def wait(self, descriptor, timeout_s):
        self._deliver()
        if not self.filled and not self.gone:
            due = min([frame[0] for frame in self.coming] or [self.clock.now() + timeout_s + 1])
            self.clock.sleep(max(min(due - self.clock.now(), timeout_s), 0))
            self._deliver()
        return bool(self.filled) or self.gone

    def ioctl(self, descriptor, request, structure):
        self.log.append(request)
        if self.gone:
            raise error(errno.ENODEV)
        if request in self.refuse:
            raise error(self.refuse[request])
        assert request >> 16 & 0x3FFF == ctypes.sizeof(structure)
        raw = bytearray(bytes(structure))
        handlers = {QUERYCAP: self._querycap, ENUM_FMT: self._enum_fmt, S_FMT: self._s_fmt, REQBUFS: self._reqbufs,
                    QUERYBUF: self._querybuf, QBUF: self._qbuf, DQBUF: self._dqbuf, STREAMON: self._streamon,
                    STREAMOFF: self._streamoff, S_PARM: self._s_parm, S_CTRL: self._s_ctrl,
                    ENUM_FRAMESIZES: self._sizes, ENUM_FRAMEINTERVALS: self._intervals, UVC_CTRL_QUERY: self._xu,
                    USB_CONTROL: self._usb}
        handlers[request](raw)
        ctypes.memmove(ctypes.addressof(structure), bytes(raw), len(raw))

    # What the device does.

    def send(self, data, sequence, at_s=None, flags=MONOTONIC, stamp_s=None):
        at_s = self.clock.now() if at_s is None else at_s
        self.coming.append((at_s, data, sequence, flags, at_s if stamp_s is None else stamp_s))

    def _deliver(self):
        for frame in [frame for frame in self.coming if frame[0] <= self.clock.now()]:
            self.coming.remove(frame)
            if self.streaming and self.queued:
                self.filled.append((self.queued.pop(0), frame))

    # The requests.

    def _querycap(self, raw):
        raw[0:8], raw[16:24], raw[48:60] = b'uvcvideo', b'PureTher', b'usb-70090000'
        struct.pack_into('<III', raw, 80, 0x040900, *self.capabilities)

    def _enum_fmt(self, raw):
        index, kind = struct.unpack_from('<II', raw)
        codes = sorted({offer[0] for offer in self.offers})
        if kind != 1 or index >= len(codes):
            raise error(errno.EINVAL)
        raw[44:48] = codes[index].encode()

    def _sizes(self, raw):
        index, = struct.unpack_from('<I', raw)
        sizes = [offer[1:3] for offer in self.offers if offer[0].encode() == bytes(raw[4:8])]
        if index >= len(sizes):
            raise error(errno.EINVAL)
        struct.pack_into('<III', raw, 8, 1, *sizes[index])

    def _intervals(self, raw):
        index, = struct.unpack_from('<I', raw)
        size = struct.unpack_from('<II', raw, 8)
        rates = next(offer[3] for offer in self.offers if offer[0].encode() == bytes(raw[4:8]) and offer[1:3] == size)
        if index >= len(rates):
            raise error(errno.EINVAL)
        struct.pack_into('<III', raw, 16, 1, round(1e7 / rates[index]), 10000000)

    def _s_fmt(self, raw):
        if self.maps:
            raise error(errno.EBUSY)
        kind, width, height = struct.unpack_from('<I4xII', raw)
        assert kind == 1
        wish = raw[16:20].decode(), width, height
        found = next((offer for offer in self.offers if offer[:3] == wish), self.offers[0])
        self.format = found[:3]
        raw[16:20] = found[0].encode()
        struct.pack_into('<II', raw, 8, found[1], found[2])
        struct.pack_into('<II', raw, 24, 2 * found[1], 2 * found[1] * found[2])

    def _s_parm(self, raw):
        self.interval = struct.unpack_from('<II', raw, 12)
        struct.pack_into('<II', raw, 12, 1111111, 10000000)

    def _reqbufs(self, raw):
        count, kind, memory = struct.unpack_from('<III', raw)
        assert (kind, memory) == (1, 1) and not self.streaming
        assert all(mapped is None or mapped.memory is None for mapped in self.maps), 'buffers freed while mapped'
        self.maps, self.queued, self.filled = [None] * count, [], []

    def _querybuf(self, raw):
        index, kind = struct.unpack_from('<II', raw)
        assert kind == 1
        size = 2 * self.format[1] * self.format[2]
        struct.pack_into('<II', raw, 64, 4096 * index, 0)
        struct.pack_into('<I', raw, 72, size)

    def _qbuf(self, raw):
        index, kind = struct.unpack_from('<II', raw)
        assert kind == 1 and struct.unpack_from('<I', raw, 60) == (1,) and index not in self.queued
        self.queued.append(index)

    def _dqbuf(self, raw):
        if not self.streaming:
            raise error(errno.EINVAL)
        if not self.filled:
            raise error(errno.EAGAIN)
        index, (_, data, sequence, flags, stamp_s) = self.filled.pop(0)
        memory = self.maps[index].memory
        memory[:len(data)] = data[:len(memory)]
        struct.pack_into('<I4xII', raw, 0, index, len(data), flags)
        struct.pack_into('<qq', raw, 24, int(stamp_s), int(stamp_s % 1 * 1e6))
        struct.pack_into('<I', raw, 56, sequence)

    def _streamon(self, raw):
        assert struct.unpack('<i', raw) == (1,) and len(self.queued) == len(self.maps) > 0
        self.streaming = True

    def _streamoff(self, raw):
        self.streaming = False

    def _s_ctrl(self, raw):
        number, value = struct.unpack('<Ii', raw)
        if number not in self.controls:
            raise error(errno.EINVAL)
        self.controls[number] = value

    def _xu(self, raw):
        unit, selector, kind, size, address = struct.unpack('<BBBxH2xQ', raw)
        self.xu.append((unit, selector, kind, ctypes.string_at(address, size)))
        if kind == 0x81:
            ctypes.memmove(address, bytes(range(1, size + 1)), size)

    def _usb(self, raw):
        *fields, length, timeout_ms, address = struct.unpack('<BBHHHIxxxxQ', raw)
        assert timeout_ms > 0
        self.usb.append(tuple(fields) + (ctypes.string_at(address, length),))
