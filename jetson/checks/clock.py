"""Whether the time of day can be true."""
import datetime
import json
import os
import time

import service
from service.messages import OK, PROBLEM, Message

_DAY_S = 86400.0
#: systemd-timesyncd touches these files whenever it has set the clock; JetPack 4 to 6 have one or the other.
_SYNCED = ('var/lib/systemd/timesync/clock', 'var/lib/private/systemd/timesync/clock', 'var/lib/systemd/clock')
#: A clock this far after the program was made is as wrong as one before it.
_LONGEST_YEARS = 30
_MOST_BYTES = 1 << 20


def check(settings, root='/', now_s=None, program=service.__file__):
    """Compare the clock with times that have certainly passed.

    A Nano has no battery for its clock: it wakes in the past and stays there until it reaches a time server, which
    a clinic's network may not have. Records made then carry a wrong date.
    """
    now_s = time.time() if now_s is None else now_s
    passed = _passed(settings, root, program)
    said = datetime.datetime.fromtimestamp(now_s, datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    facts = {'now': said, 'passed': {name: round(moment_s) for name, moment_s in passed}}
    latest, moment_s = max(passed, key=lambda pair: pair[1], default=('', 0.0))
    # A bundle's date is that of its maker's day, which may be ahead of UTC.
    if now_s < moment_s - _DAY_S:
        return _wrong('%s is before %s, so the clock is wrong.' % (said, latest), facts)
    if moment_s and now_s > moment_s + _LONGEST_YEARS * 365 * _DAY_S:
        return _wrong('%s is decades after %s, so the clock is wrong.' % (said, latest), facts)
    return Message('clock-ok', 'It is %s.' % said, severity=OK, subject='clock', facts=facts)


def _wrong(sentence, facts):
    return Message('clock-wrong', sentence, 'Set it with: sudo date -s "YYYY-MM-DD HH:MM", or give the board a time '
                   'server; exams recorded before that carry a wrong date.', PROBLEM, 'clock', facts)


def _passed(settings, root, program):
    """(what, seconds since 1970) of moments that lie in the past for certain."""
    moments = [('the day this program was installed', _modified(program)),
               ('the day the bundle was made', _created(settings.bundle))]
    moments += [('the last time the clock was set from a server', _modified(os.path.join(root, path)))
                for path in _SYNCED]
    return [(name, moment_s) for name, moment_s in moments if moment_s is not None]


def _modified(path):
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _created(bundle):
    """When a bundle was made, or None; whether it is a good one is the business of another check."""
    try:
        with open(os.path.join(bundle, 'manifest.json'), 'rb') as stream:
            made = json.loads(stream.read(_MOST_BYTES).decode('utf-8'))['created']
        day = datetime.datetime.strptime(made[:10], '%Y-%m-%d').replace(tzinfo=datetime.timezone.utc)
        return day.timestamp()
    except (OSError, ValueError, KeyError, TypeError):
        return None
