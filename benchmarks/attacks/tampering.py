"""Somebody who can write the disk changes the audit log, a model or a sealed file: is it noticed, and rightly named?

A log of 400 entries has a checkpoint at every 50th, and a signed exam that knows of the last entry. Each attack is
tried at random places, with the public key alone and with the key of the station too. An attack that is not noticed, or
that is answered with 'cannot say', ends the script with 1; so does a changed, missing or cut entry whose number is
wrong. A model is noticed where the file that was changed is named; of its manifest and signature, that either is.

    python -m benchmarks.attacks.tampering [--tries 100]
"""
import os
import random
import shutil
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import click

from service.bundle import Trust, open_bundle
from service.clock import Clock
from service.messages import BundleError
from service.operators import Anchor, Audit, Signer, Verdict, verify
from service.operators.chain import decode, encode, head_of, mac_of, segments
from service.operators.verification import BROKEN
from service.sealing import Sealer, SealError
from service.settings import SHIPPED_BUNDLE, Settings

from .station import table

ENTRIES, CHECKPOINT_EVERY = 400, 50
#: Files of a bundle whose change may be told of the other one, and what is told then.
_SIGNED = ('manifest.json', 'signature.json')
_SIGNED_CODES = ('bundle-signature', 'bundle-unsigned', 'bundle-key', 'signature-unreadable')
_KEY = b'k' * 32

Lines = List[bytes]
#: The lines after an attack on entry N, and the number that the verdict has to say; None where only a bound is known.
Attack = Callable[[Lines, int, random.Random], Tuple[Lines, Optional[int]]]


class Log(NamedTuple):
    """A whole log, and what is known of it elsewhere."""

    folder: str
    path: str
    lines: Lines
    anchors: Dict[str, Anchor]
    public_key: bytes


def make_log(folder: str) -> Log:
    """Write the log."""
    clock, log = Clock(synchronised=lambda: True), os.path.join(folder, 'audit')
    signer = Signer(os.path.join(folder, 'signer'), log, clock)
    with Audit(log, clock, signer, _KEY) as audit:
        for number in range(2, ENTRIES + 1):
            audit.append('exam-viewed', 'op-%d' % (number % 7), exam='%016x' % number)
            if number % CHECKPOINT_EVERY == 0:
                audit.checkpoint()
        anchors = {'the exam': audit.anchor}
    (_, path), = segments(log)
    with open(path, 'rb') as stream:
        return Log(log, path, stream.read().splitlines(), anchors, signer.public_key)


def linked(lines: Lines, start: int, key: Optional[bytes]) -> Lines:
    """The lines with numbers and hashes made to fit from line `start` on, and marks too where the key is known."""
    fitting = lines[:start]
    for line in lines[start:]:
        entry = dict(decode(line), seq=len(fitting) + 1, prev=head_of(fitting[-1]) if fitting else '0' * 64)
        fitting.append(encode(dict(entry, mac=mac_of(key, entry) if key else entry['mac'])))
    return fitting


def flip(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """One bit of an entry."""
    changed = bytearray(lines[number - 1])
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(7)
    return lines[:number - 1] + bytes(changed).split(b'\n') + lines[number:], number


def remove(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """Up to five entries in a row, not the last one."""
    return lines[:number - 1] + lines[min(number - 1 + chance.randint(1, 5), ENTRIES - 1):], number


def exchange(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """An entry and its neighbour."""
    return lines[:number - 1] + [lines[number], lines[number - 1]] + lines[number + 1:], number


def cut(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """The end of the log, from an entry on."""
    return lines[:number - 1], number


def put_back(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """The end of the log, and as many entries from elsewhere in it."""
    return linked(lines[:number - 1] + chance.choices(lines, k=len(lines) - number + 1), number - 1, None), None


def rewrite(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """Another operator in one entry, and everything after it made to fit, without the station's key."""
    entry = dict(decode(lines[number - 1]), operator='op-9')
    return linked(lines[:number - 1] + [encode(entry)] + lines[number:], number - 1, None), None


def rewrite_with_key(lines: Lines, number: int, chance: random.Random) -> Tuple[Lines, Optional[int]]:
    """The same with the station's key."""
    entry = dict(decode(lines[number - 1]), operator='op-9')
    return linked(lines[:number - 1] + [encode(entry)] + lines[number:], number - 1, _KEY), None


ATTACKS: Dict[str, Attack] = {
    'a bit of an entry flipped': flip, 'entries taken out': remove, 'two entries exchanged': exchange,
    'the end cut off': cut, 'the end replaced': put_back, 'rewritten without the key': rewrite,
    'rewritten with the key': rewrite_with_key}


def attack_log(log: Log, tries: int, chance: random.Random) -> List[Tuple[Any, ...]]:
    """For each attack: its name, how often tried, noticed, and named with the right entry."""
    rows: List[Tuple[Any, ...]] = []
    for name, attack in ATTACKS.items():
        noticed = right = 0
        for index in range(tries):
            number = chance.randint(2, ENTRIES - 1)
            lines, expected = attack(log.lines, number, chance)
            with open(log.path, 'wb') as stream:
                stream.write(b''.join(line + b'\n' for line in lines))
            verdict = verify(log.folder, log.anchors, log.public_key, _KEY if index % 2 else None)
            noticed += verdict.answer == BROKEN
            right += verdict.answer == BROKEN and is_right(verdict, number, expected)
        rows.append((name, tries, noticed, right))
    os.unlink(log.path)
    found = [verify(log.folder, log.anchors, log.public_key)]
    os.symlink('/nowhere', log.path)
    found.append(verify(log.folder, log.anchors, log.public_key))
    shutil.rmtree(log.folder)
    found += [verify(log.folder, log.anchors, log.public_key), verify(log.folder, {}, None, _KEY)]
    rows.append(('log deleted: alone, a link in its place, its folder, every anchor too', len(found), *[sum(
        verdict[:3] == (BROKEN, 1, 'cut') for verdict in found)] * 2))
    return rows


def attack_bundle(folder: str, tries: int, chance: random.Random) -> Tuple[Any, ...]:
    """A file of the model that ships flipped, cut, taken out, replaced, or another one added."""
    trust, noticed, right = Trust.from_settings(Settings()), 0, 0
    shutil.copytree(SHIPPED_BUNDLE, folder)
    files = sorted(os.listdir(folder))
    for _ in range(tries):
        name = chance.choice(files + ['more.onnx'])
        path = os.path.join(folder, name)
        before = _read(path)
        changed = _changed(before, chance)
        if changed is None:
            os.unlink(path)
        else:
            with open(path, 'wb') as stream:
                stream.write(changed)
        try:
            open_bundle(folder, trust=trust)
        except BundleError as error:
            noticed += 1
            right += name in error.message.sentence or (name in _SIGNED and error.code in _SIGNED_CODES)
        if before is not None:
            with open(path, 'wb') as stream:
                stream.write(before)
        elif changed is not None:
            os.unlink(path)
    return 'a file of the model flipped, cut, taken out, replaced or added', tries, noticed, right


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, 'rb') as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def _changed(data: Optional[bytes], chance: random.Random) -> Optional[bytes]:
    """What stands in the place of a file afterwards; None for nothing."""
    if data is None:
        return b'more'
    place, flipped = chance.randrange(len(data)), bytearray(data)
    flipped[place] ^= 1 << chance.randrange(8)
    return chance.choice((bytes(flipped), data[:place], None, b'other' + data[5:]))


def is_right(verdict: Verdict, number: int, expected: Optional[int]) -> bool:
    """Whether a verdict names the entry; of a rewritten one, at most back to the checkpoint before it."""
    if expected is not None:
        return verdict.seq == expected
    return number - CHECKPOINT_EVERY < verdict.seq <= number


def attack_file(tries: int, chance: random.Random) -> Tuple[Any, ...]:
    """A sealed file of 2.5 MiB with a bit flipped, cut, or with bytes added."""
    sealer, noticed = Sealer(_KEY), 0
    sealed = sealer.seal(os.urandom(5 << 19), 'e/0001.tscap')
    for _ in range(tries):
        place, changed = chance.randrange(len(sealed)), bytearray(sealed)
        changed[place] ^= 1 << chance.randrange(8)
        try:
            sealer.open(chance.choice((bytes(changed), sealed[:place], sealed + sealed[place:])), 'e/0001.tscap')
        except SealError:
            noticed += 1
    return 'a sealed file flipped, cut or prolonged', tries, noticed, noticed


@click.command()
@click.option('--tries', default=100, show_default=True, type=click.IntRange(min=2), help='Of each attack.')
@click.option('--seed', default=1, show_default=True, help='Of everything that is drawn.')
def main(tries: int, seed: int) -> None:
    """Change the audit log, a model and a sealed file, and print what was noticed."""
    began, chance, folder = time.monotonic(), random.Random(seed), tempfile.mkdtemp(prefix='thermoscreen-tampering-')
    try:
        rows = attack_log(make_log(folder), tries, chance) + [
            attack_bundle(os.path.join(folder, 'bundle'), tries, chance), attack_file(tries, chance)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('A log of %d entries, a checkpoint at every %dth, seed %d, Python %d.%d, %.0f s'
          % (ENTRIES, CHECKPOINT_EVERY, seed, sys.version_info[0], sys.version_info[1], time.monotonic() - began))
    print(table(('attack', 'tries', 'noticed', 'right entry'), rows))
    sys.exit(0 if all(row[1] == row[2] == row[3] for row in rows) else 1)


if __name__ == '__main__':
    main()
