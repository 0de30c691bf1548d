"""Passes on what an Orthanc got to another archive, however long that takes: ``routing.py URL MODALITY FILE``.

Run it from a timer every minute, on the machine of that Orthanc; it needs Python alone. What could not be passed on is
tried again by the next run, in the same order: SendToModality of Orthanc's Lua gives an object up at the first failure.
"""
import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any, List

#: Changes that are looked at together.
_MANY = 100
_SILENT_S = 300.0


def main(arguments: List[str]) -> int:
    """Pass on everything that is new; the exit code."""
    parser = argparse.ArgumentParser(description='Passes on what an Orthanc got to another archive.')
    parser.add_argument('url', help='of the Orthanc, such as http://127.0.0.1:8042')
    parser.add_argument('modality', help='name of the archive in its DicomModalities, such as pacs')
    parser.add_argument('file', help='remembers what was passed on')
    given = parser.parse_args(arguments)
    try:
        while pass_on(given.url.rstrip('/'), given.modality, given.file):
            pass
    except (OSError, ValueError) as error:
        print('Not everything could be passed on to %s: %s. The next run goes on there.' % (given.modality, error))
        return 1
    return 0


def pass_on(url: str, modality: str, path: str) -> bool:
    """Pass on some of what is new, and remember it; whether there is more.

    Raises:
        OSError, ValueError: one of the archives does not do what it should.
    """
    since = 0
    if os.path.exists(path):
        with open(path, encoding='ascii') as stream:
            since = int(stream.read())
    changes = _ask('%s/changes?since=%d&limit=%d' % (url, since, _MANY))
    new = [change['ID'] for change in changes['Changes'] if change['ChangeType'] == 'NewInstance']
    there = [name for name in new if _exists('%s/instances/%s' % (url, name))]
    if there:
        _ask('%s/modalities/%s/store' % (url, modality), {'Resources': there, 'Synchronous': True})
    with open(path + '.new', 'w', encoding='ascii') as stream:
        stream.write(str(changes['Last']))
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path + '.new', path)
    return not changes['Done']


def _ask(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode('ascii')
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=_SILENT_S) as answer:
        return json.loads(answer.read().decode('utf-8'))


def _exists(url: str) -> bool:
    try:
        _ask(url)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False
    return True


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
