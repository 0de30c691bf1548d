"""``thermoscreen bench cold``: from the start of a process to the first picture."""
import json
import os
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Optional

import click
import numpy as np

from service.cli.options import load_settings
from service.engines import EngineStore
from service.messages import BackendError, ThermoscreenError
from service.selection import Runtime
from service.settings import Settings

from ..platform import Platform, RealPlatform
from ..telemetry import read_line
from .environment import environment, utc_now
from .first_result import STEPS
from .formatting import describe_backend, milliseconds, table
from .options import Progress, measuring_options, until_stopped
from .record import COLD, SCHEMAS, Document, check_document, prepare_folder, write_document

#: Longest wait for one start: loading the libraries of a GPU from an SD card takes tens of seconds.
TIMEOUT_S = 300.0
_PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

#: Options of `first_result` by name; None for one that is not given.
StartOptions = Dict[str, Any]


@click.command()
@click.option('--starts', type=click.IntRange(1, 1000), default=5, show_default=True, metavar='N',
              help='Number of processes to start, one after the other.')
@measuring_options('cold.json')
def cold(starts: int, camera: Optional[str], out: Optional[str], bundle: Optional[str], threads: Optional[int],
         settings_path: Optional[str], as_json: bool) -> None:
    """Start the program several times and time it up to the first picture.

    Each start is a new process: interpreter and libraries, bundle with its signature, engine with its golden proof,
    camera, first frame. Files may still be in memory from the start before; only the first start after the machine was
    switched on reads them all from the disk. If a TensorRT engine runs, its build time is shown too.

    \b
    Example:
      thermoscreen bench cold --starts 10
    """
    settings = load_settings(settings_path, bundle=bundle, threads=threads, camera=camera)
    if out:
        prepare_folder(out, COLD)
    options = {'settings': settings_path, 'bundle': bundle, 'camera': camera, 'threads': threads}
    progress = Progress()
    with RealPlatform(tegrastats=read_line) as platform, until_stopped():
        document = measure_cold(starts, options, settings, platform, Runtime.from_settings(settings).engines,
                                progress=progress)
    progress.end()
    check_document(document)
    if as_json:
        click.echo(json.dumps(document, indent=1))
    else:
        _print(document)
    if out:
        click.echo('Written: %s' % write_document(out, document), err=True)


def measure_cold(starts: int, options: StartOptions, settings: Settings, platform: Platform, engines: str = '',
                 launch: Optional[Callable[[StartOptions], Document]] = None,
                 progress: Callable[[str], None] = lambda text: None) -> Document:
    """Start the program several times, one after the other.

    Args:
        starts: how many times.
        options: for `first_result`.
        settings: in force, for the record.
        platform: the machine; the caller closes it.
        engines: folder of engines, for the build time; ``''`` for none.
        launch: does one start; None for `start_once`.
        progress: called with a short text before each start.
    Raises:
        ThermoscreenError: a start failed, with the reason that it gave.
    """
    about = {'measured_at': utc_now(), 'environment': environment(platform, settings)}
    answers = []
    for number in range(1, starts + 1):
        progress('Start %d of %d' % (number, starts))
        answers.append((launch or start_once)(options))
    medians = {step: float(np.median([answer['steps_ms'][step] for answer in answers])) for step in STEPS}
    document = dict(about, schema=SCHEMAS[COLD], kind=COLD, source=settings.camera, bundle=answers[0]['bundle'],
                    backend=answers[0]['backend'],
                    starts=[{name: answer[name] for name in ('steps_ms', 'total_ms', 'outcome')}
                            for answer in answers],
                    median={'steps_ms': medians,
                            'total_ms': float(np.median([answer['total_ms'] for answer in answers]))})
    build = engine_build(engines, answers[0]['backend'])
    return dict(document, engine_build=build) if build else document


def start_once(options: StartOptions, timeout_s: float = TIMEOUT_S) -> Document:
    """One start in a process of its own, as of `first_result.first_result`.

    Raises:
        ThermoscreenError: the error that it reported; ``cold-failed`` or ``cold-hung`` where it reported none.
    """
    arguments = [word for name, value in sorted(options.items()) if value is not None
                 for word in ('--' + name, str(value))]
    path = os.pathsep.join([_PACKAGES] + [entry for entry in [os.environ.get('PYTHONPATH')] if entry])
    process = subprocess.Popen([sys.executable, '-m', 'jetson.bench.first_result', '--since', repr(time.monotonic())]
                               + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ, PYTHONPATH=path))
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise BackendError('cold-hung', 'A start gave no picture within %g s.' % timeout_s,
                           'Run: thermoscreen doctor') from error
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    try:
        answer: Document = json.loads(output.decode('utf-8'))
    except ValueError as error:
        lines = errors.decode('utf-8', 'replace').strip().splitlines()
        raise BackendError('cold-failed', 'A start ended with code %d and without a result (%s).'
                           % (process.returncode, lines[-1][:200] if lines else 'no output'),
                           'Run: thermoscreen doctor') from error
    if 'error' in answer:
        told = answer['error']
        failure = ThermoscreenError(told['code'], told['sentence'], told['next_step'], told['detail'])
        failure.exit_code = told['exit_code']
        raise failure
    return answer


def engine_build(engines: str, backend: Document) -> Optional[Document]:
    """How long building the running engine took: ``engine``, ``seconds``, ``built_at``; None for no engine.

    Args:
        engines: folder of engines; ``''`` for none.
        backend: its description.
    """
    name = backend.get('engine')
    if not name or not engines:
        return None
    record = next((entry.record for entry in EngineStore(engines).list() if entry.name == name and entry.record), None)
    return {'engine': name, 'seconds': record['seconds'], 'built_at': record['built_at']} if record else None


def _print(document: Document) -> None:
    click.echo('%s\n%s %s on %s; source %s\n' % (document['environment']['machine'], document['bundle']['id'],
                                                 document['bundle']['version'],
                                                 describe_backend(document['backend']), document['source']))
    named = [('%d' % number, start) for number, start in enumerate(document['starts'], 1)]
    rows: List[List[str]] = []
    for name, start in named + [('median', document['median'])]:
        rows.append([name] + [milliseconds(start['steps_ms'][step]) for step in STEPS]
                    + [milliseconds(start['total_ms'])])
    click.echo('\n'.join(table(['start, ms'] + list(STEPS) + ['to the first picture'], rows)))
    click.echo('\nstart: process and imports; engine: loaded and proven; camera: opened, first frame received.')
    if 'engine_build' in document:
        click.echo('The engine %(engine)s was built in %(seconds).0f s (%(built_at)s).' % document['engine_build'])
