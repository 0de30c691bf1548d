"""A folder of 50,000 files: how long each of its pages takes.

The exit code is 1 if a page takes longer than half a second, or shows other files than it should.

    python -m benchmarks.attacks.large_folder [--files 50000]
"""
import http.client
import os
import re
import sys
import tempfile
import time
from typing import List, Tuple

import click

from .station import GIVEN_UP_S, served, table

#: Longest time for a page.
BAR_S = 0.5

ROUNDS = 5


@click.command()
@click.option('--files', default=50000, help='Files in the folder.')
def main(files: int) -> None:
    """Print how long the first, the middle and the last page of the folder take."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, 'all'))
        for number in range(files):
            open(os.path.join(root, 'all', 'IR_%06d.csv' % number), 'w').close()
        pages = -(-files // 10)
        rows, well = [], True
        with served('--files-root', root) as port:
            for name, page in (('first', 1), ('middle', pages // 2), ('last', pages)):
                times_s, right = [], True
                for _ in range(ROUNDS):
                    took_s, shown = _page(port, page)
                    times_s.append(took_s)
                    right &= shown == list(range(10 * (page - 1), min(10 * page, files)))
                rows.append((name, page, '%.0f' % (1e3 * min(times_s)), '%.0f' % (1e3 * max(times_s)),
                             'yes' if right else 'NO'))
                well &= right and max(times_s) < BAR_S
    print('%d files, %d requests for each page; at most %.0f ms. Load %.1f on %d cores.'
          % (files, ROUNDS, 1e3 * BAR_S, os.getloadavg()[0], os.cpu_count() or 0))
    print(table(('page', 'number', 'shortest ms', 'longest ms', 'right files'), rows))
    sys.exit(0 if well else 1)


def _page(port: int, page: int) -> Tuple[float, List[int]]:
    """Seconds for one page of the folder, and the numbers of the files on it."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=6 * GIVEN_UP_S)
    try:
        connection.request('GET', '/open?path=all&page=%d' % page)
        text = connection.getresponse().read().decode('utf-8')
    finally:
        connection.close()
    return time.monotonic() - began_s, [int(number) for number in re.findall(r'<span>IR_(\d+)\.csv', text)]


if __name__ == '__main__':
    main()
