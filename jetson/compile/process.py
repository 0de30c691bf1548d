"""The parent's side of a build: it asks another process, shows what that one tells, and explains how it ended."""
import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any, Callable, Deque, Dict, Iterator, Type

from service import messages
from service.backends.tensorrt_api import tells_of_timeout
from service.durable import storage_error
from service.messages import BackendError, ThermoscreenError

from ..checks.memory import build_advice
from .progress import Progress

#: The slowest published build on a Nano took 84 minutes (EfficientDet-D3, TensorRT 8.0.1). The unit that builds at the
#: first start allows two hours.
LIMIT_S = 6600.0

#: Characters of the end of a log that are looked at, and lines that go into an error's detail.
_LOG_CHARACTERS, _LOG_LINES = 65536, 20

#: The last messages of TensorRT that are added to the log of a child that crashed.
_LAST_MESSAGES = 30

#: Seconds that a child may take to end after its last word.
_ENDING_S = 30.0

#: The folder that the packages are imported from.
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

#: What the other Python runs; its argument is the parent's process id. Before it loads anything that takes time it asks
#: the kernel to kill it when the parent dies (prctl(2), PR_SET_PDEATHSIG), and ends if that has happened.
_PROGRAM = '''
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
from jetson.compile.child import main
sys.exit(main())
'''

Request = Dict[str, Any]
Answer = Dict[str, Any]


def ask(request: Request, progress: Progress, note: Callable[[str], None], log_path: str,
        limit_s: float = LIMIT_S) -> Answer:
    """Have a request answered by another process, and wait for it.

    Args:
        request: as `child.answer`.
        progress: shows what the child is doing.
        note: called with sentences for the report.
        log_path: file that takes the child's log, in place of an older one.
        limit_s: after which the child is ended.
    Raises:
        ThermoscreenError: the child's own error.
        BackendError: ``engine-aborted`` where the child ended by a signal or without an answer; ``engine-killed`` for
            SIGKILL, which is mostly the kernel's answer to a lack of memory; ``engine-timeout`` where a kernel or the
            build took too long. Its message's facts name the ``log``.
        StorageError: the log cannot be written.
    """
    try:
        log = open(log_path, 'wb')
    except OSError as error:
        raise storage_error(error, log_path)
    with log:
        child = subprocess.Popen(
            [sys.executable, '-c', _PROGRAM, str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, cwd=_HOME, env=dict(os.environ, PYTHONPATH=os.pathsep.join(
                [_HOME] + [path for path in [os.environ.get('PYTHONPATH', '')] if path])))
        overdue = threading.Event()

        def end_overdue() -> None:
            overdue.set()
            child.kill()

        timer = threading.Timer(limit_s, end_overdue)
        timer.daemon = True
        timer.start()
        conversation = _Conversation(progress, note)
        try:
            _send(child, request)
            conversation.follow(child)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_ENDING_S)
        finally:
            timer.cancel()
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
    outcome = conversation.outcome
    if 'answer' in outcome:
        answer: Answer = outcome['answer']
        return answer
    if 'error' in outcome:
        raise _its_error(outcome['error'], log_path)
    raise _crash(child.returncode, limit_s if overdue.is_set() else 0.0, conversation, log_path)


class _Conversation:
    """Reads what a child tells, until its standard output ends.

    Attributes:
        outcome: ``{'answer': ...}`` or ``{'error': ...}``; empty while there is neither.
        last: its last messages of TensorRT, the newest at the end.
    """

    def __init__(self, progress: Progress, note: Callable[[str], None]) -> None:
        self.outcome: Dict[str, Any] = {}
        self.last: Deque[str] = collections.deque(maxlen=_LAST_MESSAGES)
        self._progress, self._note = progress, note

    def follow(self, child: 'subprocess.Popen[bytes]') -> None:
        assert child.stdout is not None
        with contextlib.ExitStack() as watches:
            for line in child.stdout:
                for name, value in _fields(line):
                    if name == 'begin':
                        watches.enter_context(self._progress.watching(str(value)))
                    elif name == 'end':
                        watches.close()
                    elif name in ('answer', 'error'):
                        self.outcome = {name: value}
                    else:
                        self._take(name, str(value))

    def _take(self, name: str, text: str) -> None:
        if name == 'doing':
            self.last.append(text)
            self._progress.heard(text)
        elif name == 'say':
            self._progress.say(text)
        elif name == 'note':
            self._note(text)


def _fields(line: bytes) -> Iterator[Any]:
    """Name and value of each field of a line; nothing for a line that was cut off."""
    try:
        yield from json.loads(line.decode('utf-8')).items()
    except (ValueError, AttributeError):
        return


def _send(child: 'subprocess.Popen[bytes]', request: Request) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended before it read; how it ended says more
        child.stdin.write(json.dumps(request).encode('utf-8'))
        child.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()


def _its_error(fields: Dict[str, Any], log_path: str) -> ThermoscreenError:
    """The error that the child raised, as if it had been raised here."""
    kind: Type[ThermoscreenError] = getattr(messages, fields['kind'], BackendError)
    error = kind(fields['code'], fields['sentence'], fields['next_step'], fields['detail'])
    error.message = replace(error.message, facts=dict(fields.get('facts', {}), log=log_path))
    return error


def _crash(status: int, limit_s: float, conversation: _Conversation, log_path: str) -> BackendError:
    """The error of a child that ended without an answer.

    Args:
        status: its return code; the negative of a signal.
        limit_s: the limit that it was ended for; 0 where it was not.
    """
    _append(log_path, list(conversation.last))
    log = _read_end(log_path)
    doing = _doing(conversation)
    ending = _signal_name(-status) if status < 0 else 'exit code %d' % status
    next_step = 'Its log is %s.' % log_path
    if limit_s:
        code, sentence = 'engine-timeout', 'The build was ended after %.0f s%s.' % (limit_s, doing)
    elif tells_of_timeout(log):
        code = 'engine-timeout'
        sentence = ('CUDA stopped a kernel that ran too long (the launch timed out), and the build ended with %s%s.'
                    % (ending, doing))
    elif status == -signal.SIGKILL:
        code = 'engine-killed'
        sentence = 'The build was killed%s, most likely by the kernel because memory ran out.' % doing
        next_step = '%s %s' % (build_advice(), next_step)
    else:
        code, sentence = 'engine-aborted', 'The build ended with %s and without an answer%s.' % (ending, doing)
    error = BackendError(code, sentence, next_step, detail='\n'.join(log.strip().split('\n')[-_LOG_LINES:]))
    error.message = replace(error.message, facts={'log': log_path, 'ended': ending})
    return error


def _doing(conversation: _Conversation) -> str:
    if not conversation.last:
        return ''
    return ' (its last message: %s)' % conversation.last[-1][:120].rstrip('. ')


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return 'signal %d' % number


def _append(log_path: str, lines: Any) -> None:
    """Add the last messages to a log; a full disk loses them."""
    with contextlib.suppress(OSError):
        with open(log_path, 'ab') as stream:
            stream.write(''.join('[last] %s\n' % line for line in lines).encode('utf-8', 'replace'))


def _read_end(log_path: str) -> str:
    try:
        with open(log_path, 'rb') as stream:
            stream.seek(max(0, os.path.getsize(log_path) - _LOG_CHARACTERS))
            return stream.read().decode('utf-8', 'replace')
    except OSError:
        return ''
