"""The written choice: which way of running a bundle was fastest on this machine, measured and not guessed."""
import json
import os

from ..durable import atomic_write_json

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata

CHOICE_NAME = 'choice.json'

#: A choice is a page of text.
_MAX_BYTES = 256 * 1024

#: Part by which INT8 must be faster than the fastest of the others. It costs more accuracy than they do, and a few
#: per cent come and go with the temperature of the board.
INT8_MARGIN = 0.1


def machine_key(threads=0):
    """What a measurement holds for: another board, release, power mode or number of threads may choose otherwise.

    Args:
        threads (int): processor threads of one inference; 0 for every core this process may use.
    Returns:
        dict: ``board``, ``sm``, ``power_mode``, ``tensorrt`` as in `engines.machine_facts`; ``onnxruntime`` (str,
        ``''`` where it is not installed); ``threads`` (int).
    """
    from ..engines import machine_facts  # asks CUDA, which only those pay who follow or make a choice

    return dict(machine_facts(), onnxruntime=_onnxruntime(), threads=threads or len(os.sched_getaffinity(0)))


def _onnxruntime():
    """The installed release, without importing it: an engine runs without."""
    for name in ('onnxruntime-gpu', 'onnxruntime'):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ''


def write_choice(folder, document):
    """Keep a choice, whole, in place of an older one.

    Args:
        folder (str): the folder of engines.
        document (dict): ``bundle`` (identity), ``machine`` (`machine_key`), ``chosen`` (a candidate's name), and
            what was measured.
    Returns:
        str: the file.
    Raises:
        StorageError: the disk refused; an older choice stays.
    """
    path = os.path.join(folder, CHOICE_NAME)
    atomic_write_json(path, dict(document, schema=1))
    return path


def follow(folder, bundle_hash, names, threads=0):
    """The candidate that was chosen for this bundle on this machine.

    Args:
        folder (str): the folder of engines.
        bundle_hash (str): hash of the bundle's manifest.
        names (list of str): the candidates there are.
        threads (int): as for `machine_key`.
    Returns:
        tuple: (name or None, list of notes). A choice that does not apply is left alone and noted; where there is
        none there is nothing to note.
    """
    path = os.path.join(folder, CHOICE_NAME)
    try:
        with open(path, 'rb') as stream:
            document = json.loads(stream.read(_MAX_BYTES).decode('utf-8'))
        bundle, machine, chosen = document['bundle']['hash'], document['machine'], document['chosen']
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, [_ignored('choice-unreadable', '%s cannot be read as a choice' % path)]
    if bundle != bundle_hash:
        return None, [_ignored('choice-stale', 'The choice in %s was measured with another bundle' % path)]
    here = machine_key(threads)
    if machine != here:
        return None, [_ignored('choice-stale', 'The choice in %s was measured under other conditions (%s)'
                               % (path, _differences(machine, here)))]
    if chosen not in names:
        return None, [_ignored('choice-stale', 'The choice in %s is %s, which is not offered here any more'
                               % (path, chosen))]
    return chosen, []


def note(candidate, code, message):
    """What a report says of something that was passed over: JSON."""
    return {'candidate': candidate, 'code': code, 'message': message}


def fastest(rows):
    """The documented rule: the fastest median of those that may be chosen.

    Only what gave its golden answer here, agrees with FP32 on the measured frames as its variant promises, and
    states in the manifest how it differs from what it was made of, may be chosen. INT8 must be faster than the
    fastest other one by `INT8_MARGIN`.

    Args:
        rows (list of dict): as `measuring.measure` gives them.
    Returns:
        dict or None: the chosen row.
    """
    eligible = sorted((row for row in rows if not row['excluded']), key=lambda row: row['median_ms'])
    others = [row for row in eligible if row['precision'] != 'int8']
    int8 = [row for row in eligible if row['precision'] == 'int8']
    if int8 and (not others or int8[0]['median_ms'] < (1 - INT8_MARGIN) * others[0]['median_ms']):
        return int8[0]
    return others[0] if others else None


def _ignored(code, sentence):
    return note(CHOICE_NAME, code, sentence + ' and is not followed; measure again with thermoscreen choose --write.')


def _differences(there, here):
    if not isinstance(there, dict):
        return 'not stated'
    return ', '.join('%s: %s, here %s' % (name, there.get(name, 'not stated'), here[name])
                     for name in sorted(here) if there.get(name) != here[name]) or 'others'
