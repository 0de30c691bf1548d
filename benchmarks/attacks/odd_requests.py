"""Odd requests: how many end in a fault of the station, and how many answers lack the security headers.

Methods, targets, headers, arguments and contents are drawn from what is odd, unusual or wrong, with a seed, and sent as
bytes over connections of their own. Every route of the program is among the targets; with --operators most requests
are those of a supervisor who is logged in, and forms have their token. A refusal is right; an answer from 500 to 599 is
a fault, but for a 503 that gives its reason: what asks whether the station is ready must hear when it is not. The exit
code is 1 for any fault, for any answer without the headers, and where the station does not answer afterwards.

    python -m benchmarks.attacks.odd_requests [--count 4000] [--seed 1] [--operators]
"""
import collections
import contextlib
import os
import random
import re
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Counter, List, NamedTuple, Tuple

import click
from flask import Blueprint, Flask

from service.web import app as application

from .station import Operator, fetch, served, table

_METHODS = ['GET'] * 30 + ['HEAD'] * 4 + ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH', 'get',
    'G\tT', '',
                                          'X' * 300, 'G\xc9T', 'PRI']
_PATHS = ['/', '/open', '/open/result', '/open/layer.png', '/live/values', '/healthz', '/readiness', '/metrics',
    '/status',
          '/status/timing', '/status/nothing', '/about', '/about/model', '/about/\xe9', '/static/css/theme.css',
              '/static/',
          '/static/../app.py', '/static/%2e%2e/app.py', '//', '/%00', '/%ff', '/%', '*', '/' * 200, '/\xff\xfe',
              '/open/', '/.',
          '/' + 'a' * 5000, 'http://evil.example/', 'http://[::1/', '/%F0%9F%92%A9', '/live/events/x', '/try-again/1',
          '/api/v1/status', '/api/v1/bundle', '/api/v1/benchmark', '/api/v1/results', '/api/v1/openapi.json',
          '/api/v1/\xe9', '/api/v1/results/..', '/api/v1/', '/api/v1/exams', '/api/v1/exams/0123456789abcdef', '/login',
          '/setup', '/lock', '/session', '/operators']
_PLACES = ['', '..', '../..', '/', '/etc/passwd', 'a.csv', 'a.csv/x', '%00', '\xff', '%ff', '%u2022', 'a' * 2000,
    '~', 'odd.txt',
           '%E2%80%AE', '%0a', 'folder', 'folder/', 'folder/../a.csv', '.', './a.csv', '%2e%2e/']
_NUMBERS = ['1', '0', '-1', '1e3', 'nan', 'inf', '+1', ' 1', '1_0', '%D9%A1', '%EF%BC%91', '9' * 400, '', '0x1',
    '1;2', '%00']
_NAMES = ['', 'x', '\xe9', '%00', 'celsius', 'centikelvin', 'iron', 'regions', 'original', '..', 'a' * 3000]
_ARGUMENTS = {'path': _PLACES, 'frame': _NUMBERS, 'page': _NUMBERS, 'scale': _NAMES, 'layer': _NAMES,
    'palette': _NAMES,
              'id': _NAMES, '': _NAMES, 'a[]': _NAMES, '%': _NUMBERS}
_HEADERS = {
    'Host': ['127.0.0.1:PORT'] * 3 + ['a..b', 'x' * 64 + '.example', '', '[::1', 'a:b:c', '\xe9', '127.0.0.1',
        ':PORT', 'localhost:PORT',
                                      '127.0.0.1:PORT, evil.example', '.', 'xn--a', '127.0.0.1:99999999',
                                          '[fe80::1%25eth0]:PORT'],
    'Accept': ['*/*', 'application/openmetrics-text;version=a', 'application/openmetrics-text;version=1.0.0',
        'text/plain;version=\xb2',
               ';;;', 'application/openmetrics-text;version=', 'text/plain;version=1.0.0;escaping=x', ',' * 500,
                   '\xff'],
    'Accept-Encoding': ['gzip', 'br;q=x', '*;q=-1', '\xff'],
    'Accept-Language': ['de', '*' * 400], 'Cookie': ['a=b', 'thermoscreen=', 'thermoscreen=e30.x.y',
               'thermoscreen=.\xff.', '=' * 300, 'a="\xff'], 'Authorization': ['Basic !',
        'Digest x', 'Bearer \xff', 'Bearer ' + 'a' * 43, 'bearer', 'Bearer  x y', 'Bearer ' + '=' * 9000],
    'Range': ['bytes=0-', 'bytes=9-1', 'bytes=-', 'x', 'bytes=' + '0-1,' * 300], 'If-Modified-Since': ['x',
        'Thu, 01 Jan 1970 00:00:00 GMT'],
    'If-None-Match': ['*', '"x', 'W/'], 'If-Range': ['x', '"', '\xff'], 'Content-Type': ['multipart/form-data',
        'a/b; charset=x', '\xff', ';', 'application/x-www-form-urlencoded',
                     'application/x-www-form-urlencoded; charset=x'],
    'Content-Length': ['0', '5', '26', '500', '-1', '+5', '1_0', 'x', '70000', '9' * 40,
                       '5, 5'], 'Transfer-Encoding': ['chunked',
        'gzip', 'x, chunked', ''],
    'Expect': ['100-continue', 'x'], 'Connection': ['close', 'keep-alive', 'upgrade', 'x' * 200], 'Upgrade': ['h2c',
        'websocket'],
    'Sec-Fetch-Site': ['none', 'same-origin', 'cross-site', '\xff'], 'Origin': ['null', 'http://127.0.0.1:PORT',
        'https://evil.example', 'x'],
    'X-Forwarded-For': ['1.2.3.4'], 'X-Forwarded-Host': ['evil.example'], 'Forwarded': ['for=x;host=y'],
        'X': ['x' * 17000, ' ', '\x00', '\x0b'],
    'a b': ['c'], '': ['x'], 'X-\xe9': ['x']}
_CONTENTS = ['', 'csrf=x&who=op-1&pin=123456', 'csrf=%00&who=%ff&pin=' + '1' * 500, '&=&;%',
             'hello', '5\r\nhello\r\n0\r\n\r\n', 'x\r\n', '--x--\r\n', '\x00' * 100, 'G']
#: Fields of forms, also of the pad that asks for the PIN once more.
_FIELDS = ['patient_id', 'patient_name', 'birth_date', 'role', 'number', 'frame', 'room_c', 'notes', 'reason', 'text',
           'query', 'after', 'date_confirmed', 'who', 'name', 'pin', 'again', 'passphrase', 'key', 'group-1', 'act-pin',
           'act-asked']
_VERSIONS = [' HTTP/1.1'] * 12 + [' HTTP/1.0', ' HTTP/2.0', ' HTTP/9.9', '', ' HTTP/1.1 x', ' http/1.1']

#: An answer has come by then, or the station waits for the rest of a request that has none.
WAIT_S = 1.0

#: Requests at the same time.
_AT_ONCE = 8

#: Not an answer yet.
_GO_ON = b'HTTP/1.1 100 Continue\r\n\r\n'

#: The code of a message, in JSON or on a page.
_REASON = re.compile(rb'(?:"code": "|class="code">\[?)([a-z-]+)')

#: Header that every answer has, and safe mode's and the server's own refusals too.
_SIGN = b'content-security-policy:'


@click.command()
@click.option('--count', default=4000, help='Requests.')
@click.option('--seed', default=1, help='Of what is drawn.')
@click.option('--operators', is_flag=True, help='A station that keeps exams, with a supervisor who is logged in.')
def main(count: int, seed: int, operators: bool) -> None:
    """Print how many answers there were of each class, and how many lacked the headers."""
    draw = random.Random(seed)
    answers: Counter[str] = collections.Counter()
    faults: Counter[str] = collections.Counter()
    reasons: Counter[str] = collections.Counter()
    bare = 0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, 'folder'))
        for name in ('a.csv', 'odd.txt'):
            with open(os.path.join(root, name), 'w') as stream:
                stream.write('30;31\n')
        with open(os.path.join(root, 'settings.toml'), 'w') as stream:
            stream.write('[exams]\nexams_folder = "%s"\n' % os.path.join(root, 'exams') if operators else '')
        with served('--files-root', root, '--settings', os.path.join(root, 'settings.toml')) as port:
            operator = Operator(port)
            if operators and not operator.first('Ann Lind', '274911'):
                raise SystemExit('The first supervisor was not made.')
            known = _Known(_routes(), operator.cookie, operator.csrf)
            requests = [_request(draw, port, known) for _ in range(count)]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                answered = list(pool.map(lambda request: _send(port, request), requests))
            for request, (status, head, body) in zip(requests, answered):
                answers[status[:1] + 'xx' if status else 'none'] += 1
                reason = _REASON.search(body) if status == '503' else None
                if reason is not None:
                    reasons['503 ' + reason.group(1).decode('ascii')] += 1
                elif status.startswith('5'):
                    faults['%s %s %s' % (status, ascii(request[:100]), ascii(body[:200]))] += 1
                bare += bool(status) and _SIGN not in head.lower()
            well = fetch(port, '/', cookie=known.cookie)[0] == 200 == fetch(port, '/healthz')[0]
    print('%d odd requests, seed %d, %.0f s' % (count, seed, time.monotonic() - began_s))
    print(table(('answer', 'number'), sorted(answers.items()) + sorted(reasons.items())))
    print(table(('what must not be', 'number'), [('faults (5xx but a 503 with its reason)', sum(faults.values())),
                                                ('answers without the headers', bare),
                                                ('no page afterwards', int(not well))]))
    for fault, number in faults.most_common(5):
        print('  %d x %s' % (number, fault))
    sys.exit(0 if well and not faults and not bare else 1)


class _Known(NamedTuple):
    """Rules of all routes, and the cookie and the token of forms of who is logged in; empty for nobody."""

    rules: List[str]
    cookie: str
    csrf: str


def _routes() -> List[str]:
    every = Flask('service.web.app')
    for found in vars(application).values():
        if isinstance(found, Blueprint):
            every.register_blueprint(found)
    return sorted(rule.rule for rule in every.url_map.iter_rules())


def _request(draw: random.Random, port: int, known: _Known) -> bytes:
    if draw.random() < 0.5:
        return _odd(draw, port, known)
    path = re.sub('<[^>]+>', lambda _: draw.choice(['1', '0123456789abcdef', 'op-1', 'note', 'sign'] + _PLACES),
                  draw.choice(known.rules))
    named = draw.sample(_FIELDS, draw.choice((0, 1, 2, 4, 8)))
    form = '&'.join('%s=%s' % (name, draw.choice(_NUMBERS + _NAMES + _PLACES)) for name in named)
    # Who locks the station would be alone with closed doors.
    token = 'csrf=%s&' % known.csrf if path != '/lock' and draw.random() < 0.9 else ''
    method, content = draw.choice(['POST', 'POST', 'GET', 'HEAD']), (token + form).encode('latin-1')
    if method != 'POST':
        path, content = path + '?' + form, b''
    lines = [method + ' ' + path + ' HTTP/1.1', 'Host: 127.0.0.1:%d' % port,
             'Content-Type: application/x-www-form-urlencoded', 'Content-Length: %d' % len(content)]
    lines += ['Cookie: ' + known.cookie] if draw.random() < 0.9 else []
    return '\r\n'.join(lines + ['', '']).encode('latin-1') + content


def _odd(draw: random.Random, port: int, known: _Known) -> bytes:
    names = draw.sample(sorted(_ARGUMENTS), draw.choice((0, 0, 1, 1, 2, 3)))
    query = '&'.join('%s=%s' % (name, draw.choice(_ARGUMENTS[name])) for name in names)
    target = draw.choice(_PATHS) + ('?' + query if names or draw.random() < 0.05 else '')
    # Most requests have their right host, so that they come as far as the pages.
    lines = ['Host: 127.0.0.1:PORT'] if draw.random() < 0.7 else []
    lines += ['Cookie: ' + known.cookie] if known.cookie and draw.random() < 0.5 else []
    for name in draw.sample(sorted(_HEADERS), draw.choice((0, 1, 1, 2, 4))):
        if name != 'Host' or not lines:
            lines.append('%s: %s' % (name, draw.choice(_HEADERS[name])))
    end = draw.choice(['\r\n'] * 20 + ['\n', '\r', '\r\n\t'])
    first = draw.choice(_METHODS) + ' ' + target + draw.choice(_VERSIONS)
    text = ''.join(line + end for line in [first] + lines) + end
    return (text + draw.choice(_CONTENTS)).replace('PORT', str(port)).encode('latin-1')


def _send(port: int, request: bytes) -> Tuple[str, bytes, bytes]:
    """Status, head and, of a fault, body of the answer; empty where the connection was closed without one."""
    received = b''
    with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(('127.0.0.1', port), 5.0)) as wire:
        wire.sendall(request)
        wire.settimeout(WAIT_S)
        while b'\r\n\r\n' not in received or received.startswith((b'HTTP/1.1 5', b'HTTP/1.0 5')):
            part = wire.recv(65536)
            if not part:
                break
            received = (received + part).replace(_GO_ON, b'')
    head, _, body = received.partition(b'\r\n\r\n')
    words = head.split(b' ', 2)
    return (words[1].decode('latin-1') if len(words) > 1 and words[0].startswith(b'HTTP/') else ''), head, body


if __name__ == '__main__':
    main()
