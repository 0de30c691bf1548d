"""The locale that Python 3.6 cannot do without."""
import os
import sys

#: Comes with every Debian and Ubuntu, and asks for no language.
_LOCALE = 'C.UTF-8'
_MODULE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), '__main__.py')


def speak_utf8():
    """Start the program again in a UTF-8 locale, where Python 3.6 was started without one, as systemd and cron do.

    There click refuses to run, and names of files would be damaged. Newer Pythons see to it themselves (PEP 538). The
    process stays the same one, which systemd's watchdog counts on. Returns where there is nothing to do, and where the
    process is not this program but another that calls it.
    """
    if sys.version_info >= (3, 7) or sys.getfilesystemencoding() != 'ascii' or os.environ.get('LC_ALL') == _LOCALE:
        return
    started = _how_started(sys.argv[0])
    if started:
        os.environ['LC_ALL'] = _LOCALE
        os.execv(sys.executable, [sys.executable] + started + sys.argv[1:])


def _how_started(path):
    """Words that make this interpreter the program: its installed script, or ``python -m service``."""
    if os.path.abspath(path) == _MODULE:
        return ['-m', 'service']
    return [path] if os.path.basename(path) == 'thermoscreen' and os.path.isfile(path) else []
