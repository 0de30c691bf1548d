"""The journal of our units, line by line, without anything that the program filled into its words.

systemd's own lines are whole. Of a line of the program stay the level, who wrote it, the codes of messages, and of a
traceback the places and the kind of the exception. `service.logbook` keeps more of what this process wrote.
"""
import functools
import json
import os
import re
from typing import Any, Dict, FrozenSet, List

from ..logbook import OWN, module_of
from ..machine import Runner, run_quietly
from ..messages import StorageError

UNITS = ('thermoscreen', 'thermoscreen-safe', 'thermoscreen-given-up', 'thermoscreen-audit', 'thermoscreen-engine',
         'thermoscreen-display', 'thermoscreen-kiosk')
LINES = 3000
_TIMEOUT_S = 20.0
_MAX_BYTES = 16 << 20

_LOGGER = re.compile(r'(DEBUG|INFO|WARNING|ERROR|CRITICAL) ((?:%s)(?:\.[a-z_0-9]+)*):' % '|'.join(OWN))
_FRAME = re.compile(r'\s*File "([^"]+)", line (\d+)')
_EXCEPTION = re.compile(r'(?:[a-z_]+\.)*([A-Z][A-Za-z]*(?:Error|Exception|Interrupt|Exit|Warning))(?::|\Z)')
_CODE = re.compile(r'\b[a-z]+(?:-[a-z0-9]+)+\b')
_LITERAL = re.compile(r"'([a-z]+(?:-[a-z0-9]+)+)'")
_HEADS = ('Traceback (most recent call last):', 'Fatal Python error:', 'Current thread', 'Thread 0x')


def read_journal(runner: Runner = run_quietly) -> List[Dict[str, Any]]:
    """The newest lines, oldest first: ``us`` since 1970, ``unit``, ``level`` (0 to 7), ``text``.

    Args:
        runner: runs journalctl.

    Raises:
        StorageError: ``journal-missing``: there is none here, or this user may not read it.
    """
    command = ['journalctl', '--output=json', '--no-pager', '--quiet', '--lines=%d' % LINES]
    text = runner(command + ['--unit=%s.service' % unit for unit in UNITS], _TIMEOUT_S)
    if not text:
        raise StorageError('journal-missing', 'The journal says nothing about the units of the station to this user.',
                           'Run thermoscreen support with sudo.')
    lines = []
    for line in text[-_MAX_BYTES:].splitlines():
        try:
            entry = json.loads(line)
            lines.append({'us': int(entry['__REALTIME_TIMESTAMP']), 'level': int(entry.get('PRIORITY', 6)),
                          'unit': _unit(entry), 'text': _text(entry)})
        except (ValueError, KeyError, TypeError):
            continue  # the first one may be cut
    return lines


def reduced(text: str) -> str:
    """A line of the program without what was filled into it."""
    frame, logger, exception = _FRAME.match(text), _LOGGER.match(text), _EXCEPTION.match(text)
    if frame:
        return '  %s:%s' % (module_of(frame.group(1)), frame.group(2))
    if exception:
        return exception.group(1)
    head = next((head for head in _HEADS if text.startswith(head)), '')
    parts = ([' '.join(logger.groups())] if logger else []) + ([head] if head else [])
    parts += ['[%s]' % code for code in _CODE.findall(text) if code in codes()]
    return ' '.join(parts + ['...'])


@functools.lru_cache(maxsize=None)
def codes() -> FrozenSet[str]:
    """Every code that the program has in its text, so that no other word with a hyphen is taken for one."""
    found = set()
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (package, os.path.join(os.path.dirname(package), 'jetson')):
        for where, _, names in os.walk(folder):
            for name in names:
                if name.endswith('.py'):
                    with open(os.path.join(where, name), encoding='utf-8') as stream:
                        found.update(_LITERAL.findall(stream.read()))
    return frozenset(found)


def _unit(entry: Dict[str, Any]) -> str:
    named = str(entry.get('_SYSTEMD_UNIT', '')), str(entry.get('UNIT', ''))
    return next((unit for unit in UNITS for name in named if name == unit + '.service'), 'systemd')


def _text(entry: Dict[str, Any]) -> str:
    text = entry['MESSAGE']
    if isinstance(text, list):  # bytes that are no text
        text = bytes(text).decode('utf-8', 'replace')
    # Fields with an underscore are the journal's own; a program cannot write them.
    return str(text) if entry.get('_PID') == '1' else reduced(str(text))
