"""The table of wire formats in docs/cameras.md: ``python -m service.cameras.wire`` prints it."""
from typing import Optional, Tuple

from . import FORMATS, WireFormat

_HEAD = ('format', 'camera', 'USB', 'stream', 'bytes', 'picture', 'delivers', 'step', 'Hz', 'NETD', 'accuracy')


def markdown_table() -> str:
    """Every wire format as a Markdown table."""
    rows = [_HEAD, ('---',) * len(_HEAD)] + [_row(wire) for wire in FORMATS.values()]
    return ''.join('| %s |\n' % ' | '.join(row) for row in rows)


def _row(wire: WireFormat) -> Tuple[str, ...]:
    height, width = wire.shape
    return ('`%s`' % wire.name, wire.camera, ', '.join(_ids(*ids) for ids in wire.usb) or 'network',
            '`%s` %dx%d' % (wire.fourcc, wire.width, wire.height), str(wire.frame_bytes), '%dx%d' % (width, height),
            '°C' if wire.unit == 'celsius' else 'counts', '%g °C' % wire.quantum_c if wire.quantum_c else '-',
            '%g' % wire.rate_hz, '%g mK' % wire.netd_mk if wire.netd_mk else '?', wire.accuracy)


def _ids(vendor: int, product: Optional[int]) -> str:
    return '%04x:%s' % (vendor, 'any' if product is None else '%04x' % product)


if __name__ == '__main__':
    print(markdown_table(), end='')
