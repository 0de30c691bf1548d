"""Two USB sticks under one path, of the same name, size, date and inode: whose sentence and whose picture are shown.

A page opens the file of one stick; the sticks are exchanged; the page asks for another layer of its picture, and a
second page opens the file of the other stick. The exit code is 1 if anything shown belongs to the other patient.

    python -m benchmarks.attacks.two_sticks [--rounds 20]
"""
import json
import os
import sys
import tempfile
from typing import Any, Dict, List
from urllib.parse import urlencode

import click
import numpy as np

from service.simulator import make_phantom

from .station import fetch, served, table

_NAMES = ('first', 'second')


@click.command()
@click.option('--rounds', default=20, help='Exchanges.')
def main(rounds: int) -> None:
    """Print how many values and pictures belonged to the other patient."""
    wrong = {'values': 0, 'picture': 0}
    with tempfile.TemporaryDirectory() as root:
        for seed, name in enumerate(_NAMES, 1):
            os.mkdir(os.path.join(root, name))
            _write(root, name, make_phantom(seed).celsius)
        os.mkdir(os.path.join(root, 'stick'))
        contents = [_read(root, name) for name in _NAMES]
        if len(contents[0]) != len(contents[1]):
            raise SystemExit('The two files differ in size.')
        with served('--files-root', root) as port:
            right = []
            for name in _NAMES:
                values = _values(port, name)
                right.append((_sentences(values), {layer: _picture(port, name, values, layer)
                                                   for layer in ('original', 'regions')}))
            for number in range(rounds):
                here, other = number % 2, 1 - number % 2
                _insert(root, contents[here])
                values = _values(port, 'stick')
                wrong['values'] += _sentences(values) != right[here][0]
                wrong['picture'] += _picture(port, 'stick', values, 'original') != right[here][1]['original']
                _insert(root, contents[other])  # the page is still open and shows the first patient
                wrong['picture'] += _picture(port, 'stick', values, 'regions') != right[here][1]['regions']
    print('%d exchanges of two sticks with the same name, size, date and inode' % rounds)
    print(table(('shown', 'asked for', "the other patient's"),
                [('values', rounds, wrong['values']), ('picture', 2 * rounds, wrong['picture'])]))
    sys.exit(1 if any(wrong.values()) else 0)


def _write(root: str, folder: str, pixels: np.ndarray) -> None:
    np.save(os.path.join(root, folder, 'frontal.npy'), pixels.astype(np.float32))


def _read(root: str, folder: str) -> bytes:
    with open(os.path.join(root, folder, 'frontal.npy'), 'rb') as stream:
        return stream.read()


def _insert(root: str, content: bytes) -> None:
    path = os.path.join(root, 'stick', 'frontal.npy')
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)  # the inode stays
    with os.fdopen(descriptor, 'wb') as stream:
        stream.write(content)
    os.utime(path, (1000000000, 1000000000))


def _values(port: int, folder: str) -> Dict[str, Any]:
    values: Dict[str, Any] = json.loads(fetch(port, '/open/result?path=%s/frontal.npy' % folder)[1].decode('utf-8'))
    return values


def _sentences(values: Dict[str, Any]) -> List[Any]:
    return [values.get(name) for name in ('sentences', 'regions', 'code')]


def _picture(port: int, folder: str, values: Dict[str, Any], layer: str) -> bytes:
    """As the page asks for it: by the id of its values, or by the path where there is no id."""
    query = {'id': values['id']} if 'id' in values else {'path': folder + '/frontal.npy'}
    return fetch(port, '/open/layer.png?' + urlencode(dict(query, layer=layer, span='20,40')))[1]


if __name__ == '__main__':
    main()
