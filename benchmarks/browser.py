"""Memory of the kiosk's browser while it shows the live page: `kiosk-browser.sh` with its own flags on a real X server.

Every minute: the proportional share (PSS) and the resident memory of all processes of the browser, summed. What the
kernel may drop (pages of the program's files) stands beside what it cannot (anonymous and shared memory). The browser's
program is copied first, so that another Chromium on this machine shares none of its pages.

    python -m benchmarks.browser [--minutes 90] [--flags '--disable-gpu'] [--network]

Needs Xorg with its drivers `dummy` and `inputtest`, and Chromium. Without `--network` a stub takes the place of the
network, so that a busy machine shows more pictures.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import click

from jetson.bench.statistics import slope
from service.cameras.registry import open_camera
from service.live import LiveLoop
from service.pipeline import Pipeline
from service.settings import SHIPPED_BUNDLE, Settings
from service.web.app import create_app
from service.web.server import Server
from tests.fakes.pipelines import stub_pipeline
from tests.service.web.kiosk_on_x import ROOT, xorg

from .attacks.station import free_port, table
from .conditions import conditions

#: The aim of the design, for a shift of so many hours.
AIM_MB, SHIFT_H = 300.0, 8.0

#: Until then what is loaded once is still being loaded.
SETTLED_MIN = 15

#: A browser that has shown nothing new for so long counts as one that stands.
_STANDS_S = 120.0
#: What the kernel cannot drop; the rest falls and rises with what else the machine does, and no line goes on.
_KEPT = ('anonymous', 'shared')
_PARTS = {'Rss': 'rss', 'Pss': 'pss', 'Pss_Anon': 'anonymous', 'Pss_Shmem': 'shared', 'Pss_File': 'files'}


def memory_mb(mark: str) -> Dict[str, float]:
    """Memory of all processes that have `mark` in their command line, in MB (10^6 bytes) by the names of `_PARTS`.

    ``processes`` is how many there are. Shells do not count.
    """
    found = dict.fromkeys(_PARTS.values(), 0.0)
    found['processes'] = 0
    for folder in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            words = (folder / 'cmdline').read_bytes()
            if mark.encode() not in words or b'sh' in (folder / 'comm').read_bytes().split(b'\n')[0][-2:]:
                continue
            for line in (folder / 'smaps_rollup').read_text().splitlines()[1:]:
                name, _, size = line.partition(':')
                if name in _PARTS:
                    found[_PARTS[name]] += int(size.split()[0]) * 1024 / 1e6
            found['processes'] += 1
    return found


@contextlib.contextmanager
def kiosk(folder: str, display: str, port: int, flags: str) -> Iterator[str]:
    """The kiosk's script, whose browser is a copy of this machine's: the name of its profile."""
    program = os.path.join(folder, 'chromium')
    shutil.copytree(os.path.dirname(os.path.realpath('/usr/lib/chromium/chromium')), program)
    tools = Path(folder, 'bin')
    tools.mkdir()
    browser = Path(tools, 'chromium-browser')
    # As root Chromium has no sandbox of its own.
    browser.write_text('#!/bin/sh\nexec %s/chromium %s %s "$@"\n' % (
        program, '' if os.getuid() else '--no-sandbox', flags))
    browser.chmod(0o755)
    profile = os.path.join(folder, 'profile')
    process = subprocess.Popen(
        ['bash', str(ROOT / 'systemd/kiosk/kiosk-browser.sh')], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, env=dict(os.environ, DISPLAY=display, PATH='%s:%s' % (tools, os.environ['PATH']),
                                         KIOSK_URL='http://127.0.0.1:%d/' % port, KIOSK_PROFILE=profile))
    try:
        yield profile
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def told(samples: List[Tuple[float, Dict[str, float]]], pictures: int) -> str:
    """Start, five minutes later, end, and growth of every kind of memory, as text.

    Args:
        samples: minutes since the first picture, and memory then.
        pictures: shown in all.
    """
    rows = []
    later = [(minute / 60, of) for minute, of in samples if minute >= SETTLED_MIN]
    for part in _PARTS.values():
        values = [of[part] for _, of in samples]
        fifth = min(samples, key=lambda sample: abs(sample[0] - 5))[1][part]
        line = slope([hour for hour, _ in later], [of[part] for _, of in later])
        growth = grown = '-'
        if line is not None:
            growth = '%+.1f (%+.1f to %+.1f)' % line
            if part in _KEPT:
                grown = '%.0f (%.0f to %.0f)' % tuple(later[0][1][part] + one * SHIFT_H for one in line)
        figures = ['%.0f' % value for value in (values[0], fifth, values[-1], max(values))]
        rows.append([part] + figures + [growth, grown])
    return ('%s\n%.0f minutes, %d pictures, %d processes. Growth by least squares after %d minutes, n = %d, '
            'neighbouring minutes taken as independent. What %d hours would give is extrapolated. Aim: %d MB.' % (
                table(['MB', 'start', '5 min', 'end', 'highest', 'MB an hour', '%d hours' % SHIFT_H], rows),
                samples[-1][0], pictures, samples[-1][1]['processes'], SETTLED_MIN, len(later), SHIFT_H, AIM_MB))


@click.command()
@click.option('--minutes', default=90.0, help='How long to watch.')
@click.option('--every-s', default=60.0, help='Seconds between two looks.')
@click.option('--flags', default='', help='More flags of the browser, to try them.')
@click.option('--network', is_flag=True, help='With the shipped network in place of a stub.')
def main(minutes: float, every_s: float, flags: str, network: bool) -> None:
    """Print the browser's memory."""
    print(conditions(1))
    print('load average before %.1f, flags besides the station\'s: %s' % (os.getloadavg()[0], flags or 'none'),
          flush=True)
    settings = Settings(port=free_port())
    samples: List[Tuple[float, Dict[str, float]]] = []
    with tempfile.TemporaryDirectory(prefix='browser-') as folder, xorg(folder) as display, \
            (Pipeline.from_folder(SHIPPED_BUNDLE, threads=1) if network else stub_pipeline()) as pipeline, \
            LiveLoop(pipeline, lambda: open_camera('sim:1')) as live:
        app = create_app(pipeline, live, settings)
        server = Server(app, settings.host, settings.port, on_stop=live.dismiss)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            with kiosk(folder, display, settings.port, flags) as profile:
                while not app.extensions['screen'].shown.get('picture'):
                    time.sleep(0.5)
                first, last, new_s = app.extensions['screen'].shown['picture'], 0, time.monotonic()
                began_s = time.monotonic()
                print('minute  picture  ' + '  '.join(_PARTS.values()))
                while not samples or samples[-1][0] < minutes:
                    time.sleep(max(0.0, began_s + len(samples) * every_s - time.monotonic()))
                    shown = app.extensions['screen'].shown
                    samples.append(((time.monotonic() - began_s) / 60, memory_mb(profile)))
                    if shown['picture'] != last:
                        last, new_s = shown['picture'], time.monotonic()
                    elif time.monotonic() - new_s > _STANDS_S:
                        raise click.ClickException('the browser stands still: %s' % shown)
                    print('%6.1f  %7d  %s' % (samples[-1][0], last, '  '.join(
                        '%.1f' % samples[-1][1][part] for part in _PARTS.values())), flush=True)
        finally:
            server.stop()
            thread.join(60)
    print(told(samples, last - first))
    print('load average after %.1f' % os.getloadavg()[0])


if __name__ == '__main__':
    main()
