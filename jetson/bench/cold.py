"""From the call to the first picture, in processes that have just begun."""
import json
import os
import subprocess
import sys
import time

import numpy as np

from service.messages import BackendError, ThermoscreenError

from .environment import environment, utc_now
from .first_result import STEPS
from .record import COLD, SCHEMA

#: Longest wait for one start: libraries of a GPU from a cold SD card take tens of seconds.
TIMEOUT_S = 300.0
_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def measure_cold(starts, options, settings, platform, engines='', launch=None, progress=lambda words: None):
    """Start the program several times, one after the other.

    Args:
        starts (int): how many times.
        options (dict): words of the command line of `first_result` by option, None for those not given.
        settings (Settings): what is in force, for the record.
        platform (Platform): the machine; the caller closes it.
        engines (str): folder in which the build time of an engine is looked up; ``''`` for none.
        launch (callable): ``launch(options) -> dict`` does one start. Default: `start_once`.
        progress (callable): called with a few words before each start.
    Returns:
        dict: the document.
    Raises:
        ThermoscreenError: a start failed, with the reason that it gave.
    """
    about = {'measured_at': utc_now(), 'environment': environment(platform, settings)}
    found = []
    for number in range(1, starts + 1):
        progress('Start %d of %d' % (number, starts))
        found.append((launch or start_once)(options))
    medians = {step: float(np.median([start['steps_ms'][step] for start in found])) for step in STEPS}
    document = dict(about, schema=SCHEMA, kind=COLD, source=settings.camera, bundle=found[0]['bundle'],
                    backend=found[0]['backend'],
                    starts=[{'steps_ms': start['steps_ms'], 'total_ms': start['total_ms'],
                             'outcome': start['outcome']} for start in found],
                    median={'steps_ms': medians,
                            'total_ms': float(np.median([start['total_ms'] for start in found]))})
    built = engine_build(engines, found[0]['backend'])
    return dict(document, engine_build=built) if built else document


def start_once(options, timeout_s=TIMEOUT_S):
    """One start in a process of its own.

    Args:
        options (dict): as for `measure_cold`.
        timeout_s (float): longest wait.
    Returns:
        dict: as `first_result.first_result`.
    Raises:
        ThermoscreenError: with code and sentence of what it said; ``cold-failed`` or ``cold-hung`` where it said
            nothing.
    """
    words = [word for name, value in sorted(options.items()) if value is not None
             for word in ('--' + name, str(value))]
    path = os.pathsep.join([_PACKAGES] + [entry for entry in [os.environ.get('PYTHONPATH')] if entry])
    process = subprocess.Popen([sys.executable, '-m', 'jetson.bench.first_result', '--since', repr(time.monotonic())]
                               + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ, PYTHONPATH=path))
    try:
        said, complained = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise BackendError('cold-hung', 'A start gave no picture within %g s; try thermoscreen doctor.' % timeout_s)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    try:
        answer = json.loads(said.decode('utf-8'))
    except ValueError:
        lines = complained.decode('utf-8', 'replace').strip().splitlines()
        raise BackendError('cold-failed', 'A start ended with code %d and without an answer (%s); try thermoscreen '
                           'doctor.' % (process.returncode, lines[-1][:200] if lines else 'it said nothing'))
    if 'error' in answer:
        error = ThermoscreenError(answer['error']['code'], answer['error']['sentence'],
                                  detail=answer['error']['detail'])
        error.exit_code = answer['error']['exit_code']
        raise error
    return answer


def engine_build(engines, backend):
    """What building the engine took that runs, where it is one of the store.

    Args:
        engines (str): folder of engines; ``''`` for none.
        backend (dict): its description.
    Returns:
        dict or None: ``engine``, ``seconds``, ``built_at``.
    """
    name = backend.get('engine')
    if not name or not engines:
        return None
    from service.engines import EngineStore  # for those alone who run one

    record = next((entry.record for entry in EngineStore(engines).list() if entry.name == name and entry.record), None)
    return record and {'engine': name, 'seconds': record['seconds'], 'built_at': record['built_at']}
