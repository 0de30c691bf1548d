"""The self-test of a bundle on this station, and how it compares with the one that runs today, in words."""
import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from ..bundle import Bundle
from ..messages import OK, WARNING, BundleError, InputError, Message, ThermoscreenError, shown_size
from ..selection import Runtime

_LOGGER = logging.getLogger(__name__)

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM = 'from service.model_change.child import main; main()'

#: Longest wait for one bundle. A GPU's libraries alone take a minute from a cold card.
LIMIT_S = 240.0
#: Seconds between two looks at whether anybody still waits.
_POLL_S = 0.2
#: Of what the process said at its end, for the log.
_MAX_DETAIL = 2000

#: A bundle is called slower or larger from so many times today's.
_SLOWER, _LARGER = 1.5, 1.25

_TELL = 'Tell who delivered it.'


class Figures(NamedTuple):
    """What one bundle did; see `child.answer`."""

    backend: str
    name: str
    median_ms: float
    peak_bytes: int
    results: int
    frames: int
    passed_over: Tuple[str, ...]




def self_test(old: Optional[Bundle], new: Bundle, runtime: Runtime, abandoned: Callable[[], bool] = lambda: False
              ) -> Tuple[Message, ...]:
    """Try a new bundle on what will run it here, and today's in the same way.

    Args:
        old: the bundle of today; None where there is none.
        new: a bundle that was verified.
        runtime: of the station.
        abandoned: whether nobody waits any more.
    Returns:
        What is to be known of it, `OK` or `WARNING`.
    Raises:
        BundleError: the new one is refused: as by `prove`; ``self-test-numbers``; ``self-test-crashed``;
            ``self-test-silent``; ``self-test-results`` where it sees no patient in whom today's does.
        BackendError: nothing here runs it.
        InputError: ``model-cancelled``.
    """
    found = try_bundle(new.folder, runtime, abandoned)
    today = None
    if old is not None and old.manifest.sha256 != new.manifest.sha256:
        try:
            today = try_bundle(old.folder, runtime, abandoned)
        except InputError:
            raise
        except ThermoscreenError as error:  # that it does not work may be why another one is installed
            _LOGGER.warning('%s: %s', error, error.detail)
    if today is not None and today.results and not found.results:
        raise BundleError('self-test-results', 'The model sees none of %d simulated patients; that of today sees %d.'
                          % (found.frames, today.results), _TELL)
    return compared(found, today)


def compared(found: Figures, today: Optional[Figures]) -> Tuple[Message, ...]:
    """A bundle's figures in words, beside those of today's."""
    words = 'It gives its golden answer on %s and takes %s here' % (found.backend, _costs(found))
    if today is not None:
        words += '; that of today takes %s' % _costs(today)
    messages = [_noted('self-test-ok', words + '.', severity=OK)]
    if today is None:
        return tuple(messages)
    if found.median_ms > _SLOWER * today.median_ms:
        messages.append(_noted('model-slower', 'A picture takes %.1f times as long as today.'
                               % (found.median_ms / today.median_ms)))
    if found.peak_bytes > _LARGER * today.peak_bytes > 0:
        messages.append(_noted('model-larger', 'It takes %.1f times the memory of today.'
                               % (found.peak_bytes / today.peak_bytes)))
    if found.results < today.results:
        messages.append(_noted('model-fewer-results', 'It sees %d of %d simulated patients; that of today sees %d.'
                               % (found.results, found.frames, today.results)))
    if today.name == 'tensorrt' != found.name:
        messages.append(_noted('model-engine', 'There is no engine of it on this board yet.', 'One is built when the '
                               'station is switched off and on, which takes minutes; thermoscreen compile does it '
                               'before.'))
    messages += [_noted('model-passed-over', sentence) for sentence in found.passed_over]
    return tuple(messages)


def try_bundle(folder: str, runtime: Runtime, abandoned: Callable[[], bool]) -> Figures:
    """Run `child.answer` in a process of its own.

    Raises:
        BundleError, BackendError, InputError: as `self_test`.
    """
    answer = _asked({'folder': folder, 'runtime': asdict(runtime)}, abandoned)
    if 'refusal' in answer:
        refusal = answer['refusal']
        raise BundleError(refusal['code'], refusal['sentence'], refusal['next_step'], refusal['detail'])
    return Figures(**dict(answer, passed_over=tuple(answer['passed_over'])))


def _asked(request: Dict[str, Any], abandoned: Callable[[], bool]) -> Dict[str, Any]:
    paths = [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path]
    # Files in place of pipes: whatever it prints, it is never waited for.
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        asked.write(json.dumps(request).encode('utf-8'))
        asked.seek(0)
        try:
            process = subprocess.Popen([sys.executable, '-c', _PROGRAM], stdin=asked, stdout=printed, stderr=errors,
                                       env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)))
        except OSError as error:
            raise BundleError('self-test-crashed', 'The self-test cannot be started.', 'Restart the station.',
                              repr(error))
        _wait_for(process, abandoned)
        try:
            printed.seek(0)
            answer: Dict[str, Any] = json.loads(printed.read().decode('utf-8').splitlines()[-1])
            return answer
        except (ValueError, IndexError):
            errors.seek(0)
            raise BundleError('self-test-crashed', 'The self-test ended without an answer (exit code %d).'
                              % process.returncode, _TELL, errors.read().decode('utf-8', 'replace')[-_MAX_DETAIL:])


def _wait_for(process: 'subprocess.Popen[bytes]', abandoned: Callable[[], bool]) -> None:
    """Wait for the end of a process; it is ended where it takes too long, or nobody waits."""
    waited_s = 0.0
    try:
        while True:
            try:
                process.wait(_POLL_S)
                return
            except subprocess.TimeoutExpired:
                waited_s += _POLL_S
            if abandoned():
                raise cancelled()
            if waited_s > LIMIT_S:
                raise BundleError('self-test-silent', 'The self-test gave no answer within %.0f s.' % LIMIT_S, _TELL)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def cancelled() -> InputError:
    """The error for a change that was called off."""
    return InputError('model-cancelled', 'The change of the model was called off.')


def _costs(figures: Figures) -> str:
    memory = ' and %s of memory' % shown_size(figures.peak_bytes) if figures.peak_bytes else ''
    return '%.0f ms a picture%s' % (figures.median_ms, memory)


def _noted(code: str, sentence: str, next_step: str = '', severity: str = WARNING) -> Message:
    return Message(code, sentence, next_step, severity, 'model')


