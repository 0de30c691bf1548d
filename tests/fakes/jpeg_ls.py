"""JPEG-LS written step by step as ITU-T T.87 describes it, slowly; no byte comes from a library or a camera."""
import struct

import numpy as np

_RUN_ORDERS = [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4, 4, 5, 5, 6, 6, 7, 7] + list(range(8, 16))


def jpeg_ls(counts, bits=16, preset=None, spiff=False, planes=1, scan=(0, 0, 0)):
    """A stream.

    Args:
        counts (ndarray): HxW of whole numbers.
        bits (int): of a count.
        preset (tuple): largest count, T1, T2, T3, reset; written as they are, zeros meaning defaults. None writes none.
        spiff (bool): with the header that FLIR's programs write.
        planes (int): as the header says.
        scan (tuple): loss, order of planes and shift, as the header says.
    """
    height, width = counts.shape
    head = b'\xff\xd8'
    if spiff:
        head += segment(0xE8, struct.pack('>6sHBBIIBBBBII', b'SPIFF\0', 0x0200, 0, 1, height, width, 8, bits, 6, 1,
                                          300, 300)) + segment(0xE8, struct.pack('>IH', 1, 0xFFD8))
    head += segment(0xF7, struct.pack('>BHHB', bits, height, width, planes) + b'\1\x11\0' * planes)
    if preset is not None:
        head += segment(0xF8, struct.pack('>B5H', 1, *preset))
    packed = _packed(_Encoder(bits, preset or (0,) * 5).encode(counts.astype(int).tolist()))
    return head + segment(0xDA, struct.pack('>6B', 1, 1, 0, *scan)) + packed + b'\xff\xd9'


def segment(marker, body):
    """A marker with its length and body."""
    return struct.pack('>BBH', 0xFF, marker, len(body) + 2) + body


def _packed(bits):
    """Bytes of a string of 0 and 1; after a byte of ones a zero is stuffed."""
    packed, position = bytearray(), 0
    while position < len(bits):
        length = 7 if packed[-1:] == b'\xff' else 8
        packed.append(int(bits[position:position + length].ljust(length, '0'), 2))
        position += length
    if packed[-1:] == b'\xff':
        packed.append(0)
    return bytes(packed)


class _Encoder:
    """The state of an encoder; names as in the standard, annex A."""

    def __init__(self, bits, preset):
        self.maxval = preset[0] or (1 << bits) - 1
        self.range = self.maxval + 1
        self.qbpp = len(bin(self.maxval)) - 2
        self.limit = 2 * (self.qbpp + max(8, self.qbpp))
        factor = (min(self.maxval, 4095) + 128) // 256
        self.thresholds = [preset[1] or factor + 2, preset[2] or 4 * factor + 3, preset[3] or 17 * factor + 4]
        self.reset = preset[4] or 64
        start = max(2, (self.range + 32) // 64)
        self.a, self.b, self.c, self.n = [start] * 367, [0] * 367, [0] * 367, [1] * 367
        self.nn, self.run_index, self.bits = {365: 0, 366: 0}, 0, []

    def encode(self, rows):
        """Bits, as a string, of a picture that is given as lists of numbers."""
        width, above = len(rows[0]), [0] * (len(rows[0]) + 2)
        for row in rows:
            line, x = [above[1]] + row + [0], 1
            while x <= width:
                ra, rb, rc, rd = line[x - 1], above[x], above[x - 1], above[x + 1]
                gradients = (rd - rb, rb - rc, rc - ra)
                if any(gradients):
                    self._regular(line[x], ra, rb, rc, gradients)
                    x += 1
                else:
                    end = x
                    while end <= width and line[end] == ra:
                        end += 1
                    self._run(end - x, end > width)
                    if end <= width:
                        self._interruption(line[end], ra, above[end])
                    x = end + 1
            above = line
            above[-1] = above[width]
        return ''.join(self.bits)

    def _golomb(self, k, value, limit):
        if value >> k < limit - self.qbpp - 1:
            self.bits.append('0' * (value >> k) + '1')
            self._plain(value & ((1 << k) - 1), k)
        else:
            self.bits.append('0' * (limit - self.qbpp - 1) + '1')
            self._plain(value - 1, self.qbpp)

    def _plain(self, value, length):
        if length:
            self.bits.append(format(value, '0%db' % length))

    def _wrapped(self, error):
        """An error modulo the range, nearest to zero."""
        error %= self.range
        return error - self.range if error >= (self.range + 1) // 2 else error

    def _order(self, a, n):
        k = 0
        while n << k < a:
            k += 1
        return k

    def _quantised(self, difference):
        size = sum(abs(difference) >= threshold for threshold in [1] + self.thresholds)
        return -size if difference < 0 else size

    def _regular(self, ix, ra, rb, rc, gradients):
        q1, q2, q3 = (self._quantised(gradient) for gradient in gradients)
        context = 81 * q1 + 9 * q2 + q3
        sign, q = (-1, -context) if context < 0 else (1, context)
        px = sorted((ra, rb, ra + rb - rc))[1]
        px = min(self.maxval, max(0, px + sign * self.c[q]))
        error = self._wrapped(sign * (ix - px))
        k = self._order(self.a[q], self.n[q])
        mapped = 2 * error if error >= 0 else -2 * error - 1
        if k == 0 and 2 * self.b[q] <= -self.n[q]:
            mapped = 2 * error + 1 if error >= 0 else -2 * (error + 1)
        self._golomb(k, mapped, self.limit)
        self.b[q] += error
        self.a[q] += abs(error)
        if self.n[q] == self.reset:
            self.a[q], self.b[q], self.n[q] = self.a[q] >> 1, self.b[q] >> 1, self.n[q] >> 1
        self.n[q] += 1
        if self.b[q] <= -self.n[q]:
            self.b[q] = max(self.b[q] + self.n[q], 1 - self.n[q])
            self.c[q] = max(self.c[q] - 1, -128)
        elif self.b[q] > 0:
            self.b[q] = min(self.b[q] - self.n[q], 0)
            self.c[q] = min(self.c[q] + 1, 127)

    def _run(self, length, to_the_end):
        while length >= 1 << _RUN_ORDERS[self.run_index]:
            self.bits.append('1')
            length -= 1 << _RUN_ORDERS[self.run_index]
            self.run_index = min(31, self.run_index + 1)
        if not to_the_end:
            self.bits.append('0')
            self._plain(length, _RUN_ORDERS[self.run_index])
        elif length:
            self.bits.append('1')

    def _interruption(self, ix, ra, rb):
        same = int(ra == rb)
        error = self._wrapped(ix - ra if same else (rb - ix if ra > rb else ix - rb))
        q = 365 + same
        k = self._order(self.a[q] + (self.n[q] >> 1 if same else 0), self.n[q])
        more_negative = 2 * self.nn[q] >= self.n[q]
        flag = int(error > 0 if k == 0 and not more_negative else error < 0)
        mapped = 2 * abs(error) - same - flag
        self._golomb(k, mapped, self.limit - _RUN_ORDERS[self.run_index] - 1)
        self.nn[q] += error < 0
        self.a[q] += (mapped + 1 - same) >> 1
        if self.n[q] == self.reset:
            self.a[q], self.n[q], self.nn[q] = self.a[q] >> 1, self.n[q] >> 1, self.nn[q] >> 1
        self.n[q] += 1
        self.run_index = max(0, self.run_index - 1)


def awkward_counts(height=60, width=80):
    """A picture in which every way to code a pixel is taken: noise, steps, long runs and values at both ends."""
    rng = np.random.RandomState(0)
    counts = np.full((height, width), 20000)
    counts[5:25, 10:] = 20000 + rng.randint(-3, 4, (20, width - 10))
    counts[30:40] = rng.randint(0, 65536, (10, width))
    counts[40:45, ::7] = 65535
    counts[45:50, 3::11] = 0
    counts[52:] = 20001 + (np.arange(width) // 9) % 2
    return counts.astype(np.uint16)
