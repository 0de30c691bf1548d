"""Whether the time of day can be right."""
import datetime
import json
import os
import time
from typing import Any, Dict, List, Optional, Tuple

import service
from service.messages import OK, PROBLEM, Message
from service.settings import Settings

_DAY_S = 86400.0
#: systemd-timesyncd updates one of these files whenever it has set the clock; which one depends on the JetPack.
_SYNCED = ('var/lib/systemd/timesync/clock', 'var/lib/private/systemd/timesync/clock', 'var/lib/systemd/clock')
#: A clock this far after the installation is as wrong as one before it.
_MAX_YEARS = 30
_MAX_BYTES = 1 << 20


def check_clock(settings: Settings, root: str = '/', now_s: Optional[float] = None,
                program: str = service.__file__) -> Message:
    """Compare the clock with moments that have certainly passed.

    A Nano has no battery for its clock: it starts in the past and stays there until it reaches a time server, which the
    network of a clinic may not have. Exams recorded until then carry a wrong date.

    Args:
        settings: in force, for the bundle.
        root: folder that stands for ``/``.
        now_s: seconds since 1970; None for the clock's.
        program: file whose modification time is that of the installation.
    """
    now_s = time.time() if now_s is None else now_s
    past = _past_moments(settings, root, program)
    now = datetime.datetime.fromtimestamp(now_s, datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    facts = {'now': now, 'passed': {name: round(moment_s) for name, moment_s in past}}
    latest, latest_s = max(past, key=lambda pair: pair[1], default=('', 0.0))
    # The date of a bundle is that of its maker's time zone, which may be ahead of UTC.
    if now_s < latest_s - _DAY_S:
        return _wrong('%s is before %s, so the clock is wrong.' % (now, latest), facts)
    if latest_s and now_s > latest_s + _MAX_YEARS * 365 * _DAY_S:
        return _wrong('%s is decades after %s, so the clock is wrong.' % (now, latest), facts)
    return Message('clock-ok', 'It is %s.' % now, severity=OK, subject='clock', facts=facts)


def _wrong(sentence: str, facts: Dict[str, Any]) -> Message:
    return Message('clock-wrong', sentence, 'Set it with: sudo date -s "YYYY-MM-DD HH:MM", or give the board a time '
                   'server. Exams recorded before that carry a wrong date.', PROBLEM, 'clock', facts)


def _past_moments(settings: Settings, root: str, program: str) -> List[Tuple[str, float]]:
    """(name, seconds since 1970) of moments that are certainly in the past."""
    moments = [('the day this program was installed', _modified_s(program)),
               ('the day the bundle was made', _created_s(settings.bundle))]
    moments += [('the last time the clock was set from a server', _modified_s(os.path.join(root, path)))
                for path in _SYNCED]
    return [(name, moment_s) for name, moment_s in moments if moment_s is not None]


def _modified_s(path: str) -> Optional[float]:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _created_s(bundle: str) -> Optional[float]:
    """When a bundle was made; None where its manifest does not say, which is the concern of another check."""
    try:
        with open(os.path.join(bundle, 'manifest.json'), 'rb') as stream:
            created = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))['created']
        day = datetime.datetime.strptime(created[:10], '%Y-%m-%d').replace(tzinfo=datetime.timezone.utc)
        return day.timestamp()
    except (OSError, ValueError, KeyError, TypeError):
        return None
