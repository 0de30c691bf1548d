"""The other process: it builds and runs engines, so that what ends it does not end the caller.

`process.ask` starts a Python of its own that calls `main`; never a fork, which CUDA does not survive.

Protocol: standard input holds one JSON object, the request, and then ends. Standard output carries JSON objects, one a
line: ``{"doing": ...}`` what TensorRT is at, ``{"begin": title}`` and ``{"end": true}`` around what takes long,
``{"say": ...}`` a sentence for the screen, ``{"note": ...}`` one for the report too, and at the end ``{"answer": ...}``
or ``{"error": ...}``. A child that ends without either has crashed. Standard error is the log. The engine is a file
that the request names; everything that matters to the caller is in the answer.

The child ends with its parent, however that ends.
"""
import contextlib
import faulthandler
import hashlib
import json
import os
import resource
import signal
import sys
import threading
import time
from dataclasses import asdict
from typing import Any, Callable, Dict, Iterator, Optional, TextIO

from service.backends.cuda import CudaContext
from service.backends.tensorrt_api import LogLines, import_tensorrt, make_logger, tells_of_timeout
from service.bundle import Bundle, open_bundle
from service.durable import atomic_write
from service.messages import BackendError, BundleError, ThermoscreenError

from .build import TimingCache, build_plan, prove_plan
from .progress import TIMING, Listener
from .ranges import Ranges, load_ranges
from .routes import Route, read_abilities

#: Added to the score by which the kernel chooses what to kill when memory runs out (proc(5)): the build can be
#: repeated, the station and the parent cannot.
_OOM_SCORE = 500

#: Seconds between two messages that are no news of a layer; in between TensorRT logs thousands.
_INTERVAL_S = 0.2

#: Lines of TensorRT that the log takes. Without its verbose ones a build has some hundred.
_LOGGED_LINES = 20000


class Channel(Listener):
    """What a child tells its parent while it works.

    The methods are called from TensorRT's threads too, where an exception would end the process: none raises.

    Args:
        stream: takes the lines of the protocol.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gate = threading.Lock()
        self._doing, self._told_s, self._logged = '', 0.0, 0

    def say(self, sentence: str) -> None:
        """A sentence for the screen."""
        self._send(say=sentence)

    def note(self, sentence: str) -> None:
        """A sentence for the screen and for the report."""
        self._send(note=sentence)

    @contextlib.contextmanager
    def watching(self, title: str) -> Iterator[None]:
        """See `Listener.watching`."""
        self._send(begin=title)
        try:
            yield
        finally:
            self._send(end=True)

    def heard(self, message: str) -> None:
        """A message of TensorRT. The layer that is being timed is always told: it may be the last news."""
        now_s = time.monotonic()
        is_layer = TIMING.search(message) is not None
        if message == self._doing or not (is_layer or now_s - self._told_s >= _INTERVAL_S):
            return
        self._doing, self._told_s = message, now_s
        self._send(doing=message)

    def log(self, severity: str, message: str) -> None:
        """A message of TensorRT for the log; verbose ones are left out."""
        if severity == 'VERBOSE' or self._logged >= _LOGGED_LINES:
            return
        self._logged += 1
        try:
            sys.stderr.write('[%s] %s\n' % (severity[:1], message))
            sys.stderr.flush()
        except (OSError, ValueError):
            pass  # a full disk must not end the build

    def finish(self, **outcome: Any) -> None:
        """The last line: ``answer`` or ``error``."""
        self._send(**outcome)

    def lost(self, reason: str) -> None:
        """CUDA's context is lost: report it and end, since to release anything could hang."""
        code = 'engine-timeout' if tells_of_timeout(reason) else 'cuda-lost'
        error = BackendError(code, 'The engine was built and failed when it ran (%s).' % reason)
        self.finish(error=dict(error.to_dict(), kind='BackendError'))
        sys.stderr.flush()
        os._exit(0)

    def _send(self, **fields: Any) -> None:
        with self._gate:
            try:
                self._stream.write(json.dumps(fields) + '\n')
                self._stream.flush()
            except (OSError, ValueError):
                pass  # the parent is gone, and so is this process in a moment


def answer(request: Dict[str, Any], channel: Channel) -> Dict[str, Any]:
    """Do what a request asks.

    Args:
        request: ``task`` is ``'abilities'`` with ``sm``; ``'build'`` as `_build` reads it; ``'prove'`` with ``plan``
            (a file), ``sha256``, ``precision``, ``variant`` and ``record``. The last two have ``bundle``,
            ``bundle_hash`` and ``classifier`` (which of two networks), and all ``cuda``, how CUDA is reached.
    Returns:
        What `process.ask` gives its caller.
    Raises:
        ThermoscreenError: what is wrong.
    """
    return _TASKS[request['task']](request, channel)


def _abilities(request: Dict[str, Any], channel: Channel) -> Dict[str, Any]:
    trt = _tensorrt()
    with CudaContext(request['cuda']):
        return asdict(read_abilities(trt, trt.Builder(make_logger(trt, LogLines(channel.heard))), request['sm']))


def _build(request: Dict[str, Any], channel: Channel) -> Dict[str, Any]:
    """Build, prove and write an engine.

    Args:
        request: ``route`` (precision, variant, method), ``timing_cache`` (a file), ``workspace_mib``, ``no_cublas``,
            ``ranges`` (as `Ranges.to_dict`, or None) and ``plan``, the file to write.
    """
    trt, bundle = _tensorrt(), _bundle(request)
    route = Route(**request['route'])
    lines = LogLines(channel.heard, channel.log)
    ranges: Optional[Ranges] = load_ranges(request['ranges'], bundle, request['cuda'])
    # The builder's context is gone before the proof creates its own: a board of 4 GB has no room for both.
    with CudaContext(request['cuda']):
        built = build_plan(trt, make_logger(trt, lines), lines, bundle.read_model(route.variant), route,
                           TimingCache(request['timing_cache'], channel.note), request['workspace_mib'],
                           request['no_cublas'], ranges, channel)
    if lines.problem is not None:
        channel.note('Some messages of TensorRT were lost (%s).' % lines.problem)
    channel.say('Proving it on the golden pair.')
    proof, latency = prove_plan(bundle, built.plan, route.precision, route.variant, on_lost=channel.lost,
                                cuda=request['cuda'])
    atomic_write(request['plan'], built.plan)
    return {'sha256': hashlib.sha256(built.plan).hexdigest(), 'seconds': built.seconds, 'proof': proof,
            'tactic_sources': list(built.tactic_sources), 'latency_ms': latency, 'warnings': sorted(lines.warnings),
            'low_memory': sorted(lines.low_memory), 'low_workspace': sorted(lines.low_workspace)}


def _prove(request: Dict[str, Any], channel: Channel) -> Dict[str, Any]:
    with open(request['plan'], 'rb') as stream:
        plan = stream.read()
    if hashlib.sha256(plan).hexdigest() != request['sha256']:
        raise BackendError('engine-tampered', '%s was changed while it was read.' % request['plan'],
                           'Build it again with thermoscreen compile.')
    proof, latency = prove_plan(_bundle(request), plan, request['precision'], request['variant'], request['record'],
                                channel.lost, request['cuda'])
    return {'proof': proof, 'latency_ms': latency}


_TASKS: Dict[str, Callable[[Dict[str, Any], Channel], Dict[str, Any]]] = {
    'abilities': _abilities, 'build': _build, 'prove': _prove}


def _tensorrt() -> Any:
    return import_tensorrt('There is nothing to compile; the bundle runs on ONNX Runtime instead.')


def _bundle(request: Dict[str, Any]) -> Bundle:
    """The bundle that the parent opened, or its classifier.

    Its signature was checked there, and its hash says that it is the same.
    """
    bundle = open_bundle(request['bundle'], study=True)
    if bundle.manifest.identity['hash'] != request['bundle_hash']:
        raise BundleError('bundle-changed', 'The bundle in %s was changed while it was compiled.' % bundle.folder,
                          'Compile it again.')
    return bundle.networks[request['classifier']]


def main() -> int:
    """Answer the request on standard input.

    Returns:
        The exit code: 0 with an answer or an error in the last line.
    """
    # Ctrl-C ends parent and child, and at once: Python would notice only when TensorRT returns, minutes later.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    text = sys.stdin.read()
    if not text:
        return 1
    request = json.loads(text)
    _be_expendable()
    faulthandler.enable()
    channel = Channel(_take_standard_output())
    try:
        channel.finish(answer=answer(request, channel))
    except ThermoscreenError as error:
        channel.finish(error=dict(error.to_dict(), kind=type(error).__name__))
    # Python's own end would release what a failed library may no longer be able to release.
    sys.stderr.flush()
    os._exit(0)


def _be_expendable() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open('/proc/self/oom_score_adj', 'w', encoding='ascii') as stream:
            stream.write(str(_OOM_SCORE))
    except OSError:
        pass  # it would only be the kernel's own choice


def _take_standard_output() -> TextIO:
    """A stream for the protocol. What libraries print on standard output goes to the log from now on."""
    stream = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    return stream

