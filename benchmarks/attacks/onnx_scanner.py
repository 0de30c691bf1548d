"""Hidden content and slow files for the scanner of ONNX files.

A file must not show the scanner one network and a runtime another, and must not keep the scanner busy: every trick
below is refused, and the time grows no faster than the file. Exit code 1 where that is not so.

    python -m benchmarks.attacks.onnx_scanner
"""
import sys
import time
from typing import Callable, Dict, List, Tuple

from service.bundle import load, scan_onnx
from service.messages import BundleError

STATED = {'opset': 13, 'ir_version': 7}

#: Sizes of the slow files in MB.
SIZES_MB = (0.125, 0.25, 0.5, 1.0, 2.0)

#: The bars: processor seconds for one MB, and how many times as long twice the size may take.
MAX_S_PER_MB, MAX_GROWTH = 5.0, 3.0

#: A size that takes longer is the last one; old scanners need a quarter of an hour for 2 MB.
GIVEN_UP_S = 20.0


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _chunk(field: int, data: bytes, beyond: int = 0) -> bytes:
    """A field of bytes; `beyond` is what its key has above 32 bits."""
    return _varint(field << 3 | 2 | beyond << 32) + _varint(len(data)) + data


def _model(nodes: bytes = b'', opset: bytes = b'') -> bytes:
    good = _chunk(1, _chunk(1, b'x') + _chunk(2, b'y') + _chunk(4, b'Identity'))
    return _number(1, 7) + _chunk(7, good + nodes) + (opset or _chunk(8, _number(2, 13)))


def hidden() -> Dict[str, bytes]:
    """Files whose content a runtime sees and a careless scanner does not."""
    foreign = _chunk(1, _chunk(4, b'Evil') + _chunk(7, b'com.example'))
    location = _chunk(1, b'location') + _chunk(2, b'/etc/passwd')
    external = _chunk(5, _number(2, 1) + _chunk(13, location) + _number(14, 1))
    newer = _number(2, 17)
    return {
        'foreign operator behind bit 32 of a key': _model() + _chunk(7, foreign, 1),
        'external data behind bit 32 of a key': _model() + _chunk(7, external, 1),
        'opset 17 behind bit 32 of a key': _model() + _chunk(8, newer, 1),
        'opset 17 beside opset 13': _model() + _chunk(8, newer),
        'opset 0 before opset 17': _model(opset=_chunk(8, _number(2, 0)) + _chunk(8, newer)),
        'foreign operator in a second graph': _model() + _chunk(7, foreign),
        'external data in training information': _model() + _chunk(20, _chunk(1, external)),
        'external data at a location of 2 to the 32': _model(_chunk(5, _number(14, (1 << 32) + 1))),
        'a file in the format of ONNX Runtime': _chunk(15, b'\0\0ORTM' + bytes(73)) + _model(),
    }


def slow(size_mb: float) -> Dict[str, bytes]:
    """Files of a size that cost the scanner much."""
    many: List[bytes] = []
    size = 0
    while size < size_mb * 1e6:
        node = _chunk(1, _chunk(4, b'Op%d' % len(many)) + _chunk(7, b'domain%d' % len(many)))
        many.append(node)
        size += len(node)
    return {'nodes, each of its own domain': _model(b''.join(many)),
            'numbers of two bytes': _model(_number(9, 1) * int(size_mb * 5e5))}


def _is_seen(data: bytes) -> str:
    try:
        load.check_model(data, STATED)
    except BundleError as error:
        return error.code
    return ''


def _time_s(scan: Callable[[bytes], object], data: bytes) -> float:
    started = time.process_time()
    try:
        scan(data)
    except BundleError:
        pass
    return time.process_time() - started


def main() -> int:
    """Print the tables; the number of bars that do not hold."""
    broken = 0
    if _is_seen(_model()):
        raise RuntimeError('the file that the tricks are played with is not a good one')
    for name, data in hidden().items():
        code = _is_seen(data)
        broken += not code
        print('%-46s %s' % (name, 'refused: ' + code if code else 'HIDDEN'))
    for name in slow(0.001):
        times: List[Tuple[float, float]] = []
        for size_mb in SIZES_MB:
            times.append((size_mb, _time_s(scan_onnx, slow(size_mb)[name])))
            print('%-46s %5.3f MB  %8.2f s  %7.2f s/MB' % ((name,) + times[-1] + (times[-1][1] / size_mb,)))
            if times[-1][1] > GIVEN_UP_S:
                break
        per_mb = times[-1][1] / times[-1][0]
        growth = times[-1][1] / times[-2][1]
        broken += per_mb > MAX_S_PER_MB or growth > MAX_GROWTH
    print('%d bars do not hold.' % broken)
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
