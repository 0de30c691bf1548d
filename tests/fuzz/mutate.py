"""Damages bytes at random: the same seed damages them in the same way on every machine and Python."""
import random
import struct

#: Numbers at which sizes, offsets and signs turn over.
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
          0xFFFFFFFF)
#: What turns numbers of a text into something else.
_WORDS = (b'', b'-', b'+', b'e', b'E9', b'e999', b'nan', b'inf', b'_', b'.', b',', b';', b'\t', b' ', b'\r', b'\n',
          b'"', b'\0', b'\xff', b'\xef\xbb\xbf', b'1' * 400, b'{', b'[' * 50, b'","', b'\nFrame 2,', b'\nAxis,0,1,2',
          b'unit: K')
#: Most of what can be wrong with a file is at its start.
_HEAD_BYTES = 600


class Mutator:
    """Damages bytes.

    Args:
        seed (int): of the random numbers.
        others (list of bytes): files from which pieces are taken.
        keeps_size (bool): most results are as long as what went in.
    """

    def __init__(self, seed, others, keeps_size=False):
        self._random = random.Random(seed)
        self._others = others
        self._in_place = (self._flip, self._byte, self._edge, self._edge, self._fill, self._word_over, self._piece_over)
        self._resizing = (self._cut, self._drop, self._repeat, self._insert, self._word_in)
        self._keeps_size = keeps_size

    def choose(self, things):
        """One of a sequence."""
        return things[self._number(len(things))]

    def damage(self, data):
        """`data` (bytes) after one to eight mutations."""
        data = bytearray(data)
        for _ in range(min(8, 1 + int(self._random.expovariate(0.7)))):
            resizes = self._random.random() < (0.05 if self._keeps_size else 0.4)
            self.choose(self._resizing if resizes else self._in_place)(data)
            if not data:
                break
        return bytes(data)

    def _number(self, below):
        # Not randrange: how many random bits that uses differs between versions of Python.
        return int(self._random.random() * below)

    def _place(self, data):
        return self._number(min(len(data), _HEAD_BYTES) if self._random.random() < 0.5 else len(data))

    def _range(self, data):
        start = self._place(data)
        return start, min(len(data), start + 1 + int(self._random.expovariate(1 / 40.0)))

    def _flip(self, data):
        data[self._place(data)] ^= 1 << self._number(8)

    def _byte(self, data):
        data[self._place(data)] = self._number(256)

    def _edge(self, data):
        letter, order = self.choose('BHI'), self.choose('<>')
        packed = struct.pack(order + letter, self.choose(_EDGES) & (256 ** struct.calcsize(letter) - 1))
        self._over(data, self._place(data), packed)

    def _fill(self, data):
        start, end = self._range(data)
        data[start:end] = bytes([self.choose((0, 0xFF, 0x80, 0x20))]) * (end - start)

    def _word_over(self, data):
        self._over(data, self._place(data), self.choose(_WORDS))

    def _piece_over(self, data):
        other = self.choose(self._others)
        start, end = self._range(other)
        self._over(data, self._place(data), other[start:end])

    def _over(self, data, start, piece):
        end = min(len(data), start + len(piece))
        data[start:end] = piece[:end - start]

    def _cut(self, data):
        del data[self._place(data):]

    def _drop(self, data):
        start, end = self._range(data)
        del data[start:end]

    def _repeat(self, data):
        start, end = self._range(data)
        data[start:start] = data[start:end] * (1 + self._number(20))

    def _insert(self, data):
        other = self.choose(self._others)
        start, end = self._range(other)
        place = self._place(data)
        data[place:place] = other[start:end]

    def _word_in(self, data):
        place = self._place(data)
        data[place:place] = self.choose(_WORDS)
