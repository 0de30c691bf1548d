"""Files that hold what opens them: a bad one of 55 MB, a pipe in the place of a file, a hanging disk.

Meanwhile the front page, ``/healthz`` and the live picture are looked at. The exit code is 1 if one of them takes
longer than a second (the picture: or twice as long as without an attack, where a busy machine is slower than that), or
a file is not answered in time.

    python -m benchmarks.attacks.opening
"""
import contextlib
import http.client
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from typing import Callable, List, Tuple

import click

from ..conditions import conditions
from .hanging_disk import NAME, hanging_disk
from .station import Watch, fetch, served, table

_NO_ATTACK = 'one good file'
#: Longest time for the page, its health and the next picture, in seconds.
BAR_S = 1.0
#: A file is answered within 15 s of being asked for, and 3 s may pass on a busy machine before and after.
ANSWER_S = 18.0

_BAD_BYTES = 55 * 1000 * 1000


@click.command()
def main() -> None:
    """Print how long everything took during each attack."""
    rows: List[Tuple[str, ...]] = []
    well = True
    with tempfile.TemporaryDirectory() as root, hanging_disk() as disk:
        _write(root)
        with served('--files-root', root) as port:
            attacks: List[Tuple[str, Callable[[], 'Counter[str]']]] = [
                (_NO_ATTACK, lambda: _together(port, 1, 'good.csv')),
                ('50 requests, one bad file of 55 MB', lambda: _together(port, 50, 'bad.csv')),
                ('a pipe takes turns with a file', lambda: _pipes(port, root))]
            for name, attack in attacks:
                well &= _look(rows, port, name, attack)
        if disk is None:
            print('The hanging disk was not tried: this user may not mount one.')
        else:
            with served('--files-root', disk) as port:
                well &= _look(rows, port, '6 requests for a file of a hanging disk', lambda: _together(port, 6, NAME))
                well &= _look(rows, port, '3 more', lambda: _together(port, 3, NAME))
    print(conditions('all'))
    print(table(('attack', '/ ms', '/healthz ms', 'picture ms', 'file s', 'answers'), rows))
    sys.exit(0 if well else 1)


def _look(rows: List[Tuple[str, ...]], port: int, name: str, attack: Callable[[], 'Counter[str]']) -> bool:
    with Watch(port) as watch:
        time.sleep(4)
        answers = attack()
        time.sleep(1)
    longest_s = watch.longest_s
    file_s = max(float(key.split()[-1]) for key in answers)
    told = Counter()  # type: Counter[str]
    for key, number in answers.items():
        told[key.rpartition(' ')[0]] += number
    rows.append((name,) + tuple('%.0f' % (1e3 * longest_s[what]) for what in ('/', '/healthz', 'live picture'))
                + ('%.1f' % file_s, ', '.join('%d x %s' % (told[key], key) for key in sorted(told))))
    if name == _NO_ATTACK:
        return True
    picture_bar_s = max(BAR_S, 2e-3 * float(rows[0][3]))
    return (max(longest_s['/'], longest_s['/healthz']) <= BAR_S and longest_s['live picture'] <= picture_bar_s
            and file_s <= ANSWER_S and 'none' not in told)


def _together(port: int, number: int, name: str) -> 'Counter[str]':
    """Requests for one file at the same moment: status (or ``none``) and seconds of each."""
    answers = Counter()  # type: Counter[str]

    def ask() -> None:
        answers[_ask(port, name)] += 1
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _ask(port: int, name: str) -> str:
    began_s = time.monotonic()
    status = 'none'
    with contextlib.suppress(OSError, http.client.HTTPException):
        status = str(fetch(port, '/open/result?path=' + name, 30.0)[0])
    return '%s %.1f' % (status, time.monotonic() - began_s)


def _pipes(port: int, root: str) -> 'Counter[str]':
    """Open a path again and again while it is a file and a pipe in turns."""
    path, stop = os.path.join(root, 'turns.csv'), threading.Event()

    def take_turns() -> None:
        while not stop.is_set():
            for kind in ('file', 'pipe'):
                with contextlib.suppress(FileExistsError):
                    os.link(os.path.join(root, '.' + kind), path + kind)
                os.replace(path + kind, path)
    thread = threading.Thread(target=take_turns, daemon=True)
    thread.start()
    answers = Counter()  # type: Counter[str]
    deadline_s = time.monotonic() + 40
    for _ in range(150):
        if time.monotonic() < deadline_s:
            answers[_ask(port, 'turns.csv')] += 1
    stop.set()
    thread.join()
    return answers


def _write(root: str) -> None:
    row = b';'.join([b'30.51'] * 160) + b'\n'
    with open(os.path.join(root, 'bad.csv'), 'wb') as stream:
        stream.write(row * (_BAD_BYTES // len(row)) + b'no number\n')
    with open(os.path.join(root, '.file'), 'wb') as stream:
        stream.write(row * 120)
    os.link(os.path.join(root, '.file'), os.path.join(root, 'good.csv'))
    os.mkfifo(os.path.join(root, '.pipe'))


if __name__ == '__main__':
    main()
