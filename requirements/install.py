"""Install requirements files and say what is going on: ``python requirements/install.py FILE...``.

pip is silent for minutes where it says little and floods the screen where it says all. This prints a line for each
package with its size, a sign of life every ten seconds in which nothing else happens, and what was loaded in the end.
Every line begins with ``pip: ``, by which tests/run_all.py finds them.

Where `uv` is on the PATH it comes first: it unpacks PyTorch in 30 s of processor time instead of pip's 80 s and more.
pip follows where uv cannot; it reads pip's own configuration, such as a hospital's mirror, which uv does not.
"""
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

#: Seconds without a line before a sign of life.
SILENCE_S = 10.0

#: How pip names a file that it loads, has in its cache or finds in a folder, in all releases from 18 on.
_FILE = re.compile(r'\s*(Downloading|Using cached|Processing) ((?:\S*/)?([A-Za-z0-9_.]+?)-(\d[^-\s]*?)'
                   r'(?:-\S+\.whl|\.tar\.gz|\.zip))(?: \(([\d.]+) ?([kMG]?)B\))?(?: |$)')
_ORIGINS = {'Downloading': '', 'Using cached': ' from the cache', 'Processing': ' from this machine'}
#: How uv begins what is worth a line.
_OF_UV = ('Resolved', 'Downloading ', 'Prepared', 'Installed', 'error: ', '  cause: ')
_MB = {'': 1e-6, 'k': 1e-3, 'M': 1.0, 'G': 1e3}


class Report:
    """What is said of pip's output.

    Args:
        say: prints a line.
        clock: seconds that only grow.
    """

    def __init__(self, say, clock=time.monotonic):
        self._say = say
        self._clock = clock
        self._began_s = clock()
        self._doing = 'looking for packages'
        self.loaded_mb = 0.0
        self.packages = 0

    def line(self, text):
        """Take a line of pip."""
        found = _FILE.match(text)
        if found:
            how, _, name, version, number, unit = found.groups()
            self.packages += 1
            size = ''
            if number:
                size_mb = float(number) * _MB[unit]
                self.loaded_mb += size_mb if how == 'Downloading' else 0
                size = ', %s MB' % _mb(size_mb)
            self._doing = 'after %s' % name
            self._say('%s %s%s%s' % (name, version, size, _ORIGINS[how]))
        elif text.startswith('Installing collected packages: '):
            names = text.split(': ', 1)[1].split(', ')
            self._doing = 'unpacking'
            self._say('unpacking %d packages' % len(names))
        elif text.startswith(_OF_UV):
            self._say(text)

    def silence(self):
        """Nothing has happened for a while."""
        self._say('%s (%.0f s)' % (self._doing, self._clock() - self._began_s))

    def end(self, status):
        """Pip has ended."""
        counted = '; packages: %d, loaded: %s MB' % (self.packages, _mb(self.loaded_mb)) if self.packages else ''
        self._say('%s after %.0f s%s' % ('ready' if status == 0 else 'failed', self._clock() - self._began_s, counted))


def _mb(size_mb):
    return '%.0f' % size_mb if size_mb >= 10 else '%.1f' % size_mb


def ways():
    """Commands that install, the one to try first first."""
    uv = shutil.which('uv') if sys.version_info >= (3, 8) else None  # older ones it refuses
    if uv:
        yield [uv, 'pip', 'install', '--no-cache', '--python', sys.executable], subprocess.STDOUT
    yield [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '--progress-bar', 'off',
           '--no-compile'], None  # what is imported is compiled then, and the most is never imported


def install(files, report, command, errors=None, silence_s=SILENCE_S):
    """Run a command of `ways` on requirements files; its exit code."""
    process = subprocess.Popen(command + [word for path in files for word in ('-r', path)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=errors, universal_newlines=True, bufsize=1)
    lines = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines.put), daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=silence_s)
        except queue.Empty:
            report.silence()
            continue
        if line is None:
            break
        report.line(line)
    status = process.wait()
    process.stdout.close()
    report.end(status)
    return status


def _read(stream, put):
    for line in stream:
        put(line.rstrip('\n'))
    put(None)


def _say(text):
    print('pip: ' + text)
    sys.stdout.flush()


if __name__ == '__main__':
    for way in ways():
        status = install(sys.argv[1:], Report(_say), *way)
        if status == 0:
            break
    sys.exit(status)
