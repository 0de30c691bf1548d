"""One build: network, configuration, timings, plan, proof. It runs on any TensorRT from 8.0 to 11.

It runs in a process of its own (`child`): TensorRT may abort.

What a release offers is asked of its module, not looked up by its number: JetPack's and a PC's differ in patches.
"""
import os
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from service.backends import Backend, FromLogits, TensorRTBackend, Tensors
from service.backends.cuda import end_process
from service.backends.tensorrt_api import LogLines, tells_of_memory, tells_of_timeout
from service.bundle import Bundle, prove
from service.durable import atomic_write
from service.messages import BackendError, BundleError, ThermoscreenError
from service.selection import proof_variant

from ..checks.memory import build_advice
from .progress import Listener, make_monitor
from .ranges import Ranges, check_calibrator
from .routes import Route

#: Tactic sources that TensorRT before 11 can do without. Each is a library that is loaded as soon as its kernels are
#: considered: on a Nano cuBLAS takes 156 to 160 MiB and cuDNN 240 MiB (builder logs of TensorRT 8.2).
DROPPABLE = ('CUBLAS', 'CUBLAS_LT', 'CUDNN')

_NO_TACTIC = 'Could not find any implementation for node'
_NEEDS_INT8 = 'require hardware with Int8 support'

#: How often each kernel is timed at least, and over how many runs. The first runs are slow while the GPU's clock still
#: rises, and with TensorRT's own 2 and 1 they decide. The values of jetson-inference (`tensorNet.cpp`: "allow time for
#: GPU to spin up"); from 10 on TensorRT decides the first by itself.
MIN_TIMINGS, TIMING_RUNS = 3, 2

#: Runs that are timed after the proof. They tell a later start whether a stored engine has become slow, and are no
#: benchmark.
TIMED_RUNS = 20

#: The precision to build where an engine of this one does not prove itself.
_INSTEAD = {'int8': 'fp16', 'fp16': 'fp32'}

#: A larger file is not a timing cache of a network of this size.
_MAX_CACHE_BYTES = 64 << 20


@dataclass(frozen=True)
class Built:
    """A plan that has not been proven yet.

    Attributes:
        plan: for TensorRT only.
        seconds: time of the build.
        tactic_sources: where kernels were taken from.
    """

    plan: bytes
    seconds: float
    tactic_sources: Tuple[str, ...]


class TimingCache:
    """TensorRT's timing cache: kernels that were measured once need not be measured again.

    It only saves time, so nothing that is wrong with it stops a build.

    Args:
        path: its file.
        say: called with a sentence where the file cannot be used or kept.
    """

    def __init__(self, path: str, say: Callable[[str], None]) -> None:
        self.path = path
        self._say = say

    def attach(self, config: Any) -> None:
        """Give a `tensorrt.IBuilderConfig` the stored timings, or an empty cache."""
        data = self._read()
        cache = config.create_timing_cache(data)
        # A mismatch of the device must not be ignored: its timings would choose the wrong kernels.
        if (cache is None or not config.set_timing_cache(cache, False)) and data:
            self._say('The timing cache %s is of another device or TensorRT; everything is timed anew.' % self.path)
            cache = config.create_timing_cache(b'')
            if cache is not None:
                config.set_timing_cache(cache, False)

    def keep(self, config: Any) -> None:
        """Write what the build has timed."""
        cache = config.get_timing_cache()
        if cache is None:
            return
        try:
            atomic_write(self.path, bytes(cache.serialize()))
        except ThermoscreenError as error:
            self._say('The timings were not kept: %s' % error.message.text)

    def _read(self) -> bytes:
        try:
            with open(self.path, 'rb') as stream:
                data = stream.read(_MAX_CACHE_BYTES + 1)
        except OSError:
            return b''
        return data if len(data) <= _MAX_CACHE_BYTES else b''


def timing_cache_path(folder: str, facts: Dict[str, Any]) -> str:
    """File of this machine's timings in the engine store; those of another device or release choose badly.

    Args:
        folder: the engine store's.
        facts: `service.engines.machine_facts`.
    """
    name = 'timing-%s-sm%s-trt%s.cache' % (facts['board'], facts['sm'], facts['tensorrt'])
    return os.path.join(folder, re.sub(r'[^A-Za-z0-9._-]+', '_', name))


def droppable_sources(trt: Any) -> Tuple[str, ...]:
    """Names of the tactic sources that can be dropped here; none from 11 on."""
    return tuple(name for name in DROPPABLE if hasattr(trt.TacticSource, name))


def build_plan(trt: Any, logger: Any, lines: LogLines, model: bytes, route: Route, timing_cache: TimingCache,
               workspace_mib: int, no_cublas: bool, ranges: Optional[Ranges], progress: Listener) -> Built:
    """Compile an ONNX file.

    Args:
        trt: the `tensorrt` module.
        logger: as `make_logger` made it.
        lines: where the logger writes.
        model: the ONNX file.
        route: how the precision is reached.
        timing_cache: read before, written after.
        workspace_mib: memory that one kernel may take.
        no_cublas: drop `DROPPABLE`.
        ranges: INT8 ranges, for a route that needs them.
        progress: shows the build.
    Raises:
        BackendError: ``engine-parse`` with the node; ``engine-no-tactic`` where there is no kernel for a node, on a
            Nano often the ArgMax ([Bourrieau2024]); ``engine-timeout`` where CUDA stopped a kernel that ran too long;
            ``engine-memory``; ``precision-unsupported``; ``engine-build`` with TensorRT's first error.
        InputError, StorageError: the ranges cannot be used, measured or kept.
    """
    lines.errors.clear()
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise _parse_error(trt, parser, lines)
    config = builder.create_builder_config()
    _set_workspace(trt, config, workspace_mib << 20)
    _set_timings(config)
    _set_precision(trt, builder, config, route)
    if no_cublas and droppable_sources(trt):
        config.set_tactic_sources(config.get_tactic_sources() & ~_mask(trt, droppable_sources(trt)))
    sources = _sources(trt, config)
    timing_cache.attach(config)
    # Calibrator and monitor must stay alive until the builder is done.
    calibrator = None
    if ranges is not None:
        calibrator = config.int8_calibrator = ranges.calibrator(trt, network)
    monitor = make_monitor(trt, progress)
    if monitor is not None:
        config.progress_monitor = monitor
    started = time.monotonic()
    try:
        with progress.watching('Building %s' % route):
            memory = builder.build_serialized_network(network, config)
    except Exception as error:  # std::bad_alloc arrives as MemoryError, others as RuntimeError
        if calibrator is not None:
            check_calibrator(calibrator)
        raise _build_error(trt, lines, '%s: %s' % (type(error).__name__, error))
    if calibrator is not None:
        check_calibrator(calibrator)
    if memory is None:
        raise _build_error(trt, lines, '')
    seconds = time.monotonic() - started
    timing_cache.keep(config)
    return Built(bytes(memory), seconds, sources)


def prove_plan(bundle: Bundle, plan: bytes, precision: str, variant: str, record: Optional[Dict[str, Any]] = None,
               on_lost: Callable[[str], None] = end_process,
               cuda: str = 'auto') -> Tuple[Dict[str, float], Dict[str, Any]]:
    """Run a plan on the bundle's golden pair.

    Args:
        plan: as built, or as `EngineStore.find` read it.
        precision: what it was built for.
        variant: the bundle's variant it was compiled from.
        record: its record, if it has one.
        on_lost, cuda: as of `TensorRTBackend`.
    Returns:
        What the golden pair measured; and ``n``, ``median``, ``p90`` and ``worst`` of the first inferences in
        milliseconds, copies to and from the GPU included.
    Raises:
        BackendError: ``engine-refused`` and others of the backend; ``engine-not-finite`` for NaN or infinity;
            ``engine-unproven`` for another answer than the golden one.
    """
    backend: Backend = TensorRTBackend(plan, bundle.inputs, bundle.variants[variant].outputs, precision, record,
                                       on_lost, cuda)
    if not bundle.variants[variant].answers:
        backend = FromLogits(backend, bundle.outputs)
    feeds: List[Tensors] = []
    with backend:
        def infer(feed: Tensors) -> Tensors:
            outputs = backend.infer(feed)
            _check_finite(outputs, precision)
            feeds.append(feed)
            return outputs

        try:
            measured = prove(bundle, infer, proof_variant(bundle, precision))
        except BundleError as error:
            if error.code != 'golden-mismatch':
                raise
            raise BackendError('engine-unproven', 'The %s engine does not give the golden answer (%s) and is not used.'
                               % (precision.upper(), error.detail), _instead(precision), detail=error.detail)
        return measured, _latency(backend, feeds[0])


def _check_finite(outputs: Tensors, precision: str) -> None:
    broken = sorted(name for name, array in outputs.items()
                    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all())
    if broken:
        raise BackendError('engine-not-finite', 'The %s engine gives values that are not finite (%s) and is not used.'
                           % (precision.upper(), ', '.join(broken)), _instead(precision))


def _instead(precision: str) -> str:
    instead = _INSTEAD.get(precision)
    return 'Build with --precision %s.' % instead if instead else 'Report this with the output of --debug.'


def _latency(backend: Backend, feed: Tensors) -> Dict[str, Any]:
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        backend.infer(feed)
        times.append(1000 * (time.perf_counter() - started))
    return {'n': len(times), 'median': round(float(np.median(times)), 3),
            'p90': round(float(np.percentile(times, 90)), 3), 'worst': round(max(times), 3)}


def _network_flags(trt: Any) -> int:
    """Explicit batch, where it is still a choice; strong typing, where the builder has no precision flags."""
    flags, offered = 0, trt.NetworkDefinitionCreationFlag
    if hasattr(offered, 'EXPLICIT_BATCH'):
        flags |= 1 << int(offered.EXPLICIT_BATCH)
    if hasattr(offered, 'STRONGLY_TYPED') and not hasattr(trt.BuilderFlag, 'FP16'):
        flags |= 1 << int(offered.STRONGLY_TYPED)
    return flags


def _set_workspace(trt: Any, config: Any, size_bytes: int) -> None:
    if hasattr(config, 'set_memory_pool_limit'):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size_bytes)
    else:
        config.max_workspace_size = size_bytes


def _set_timings(config: Any) -> None:
    for name, least in (('min_timing_iterations', MIN_TIMINGS), ('avg_timing_iterations', TIMING_RUNS)):
        if hasattr(config, name):
            setattr(config, name, max(least, getattr(config, name)))


def _set_precision(trt: Any, builder: Any, config: Any, route: Route) -> None:
    flags = trt.BuilderFlag
    if route.precision == 'fp32':
        # By default Ampere and later compute convolutions in TF32, with 10 bits of mantissa.
        if hasattr(flags, 'TF32'):
            config.clear_flag(flags.TF32)
    elif hasattr(flags, 'FP16'):
        if route.precision == 'int8':
            config.set_flag(flags.INT8)
        # With INT8 too: a layer without a range is then run in FP16 and not in FP32.
        if route.precision == 'fp16' or builder.platform_has_fast_fp16:
            config.set_flag(flags.FP16)


def _mask(trt: Any, names: Sequence[str]) -> int:
    return sum(1 << int(getattr(trt.TacticSource, name)) for name in names)


def _sources(trt: Any, config: Any) -> Tuple[str, ...]:
    names = DROPPABLE + ('EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS')
    return tuple(name for name in names if hasattr(trt.TacticSource, name)
                 and config.get_tactic_sources() & _mask(trt, [name]))


def _parse_error(trt: Any, parser: Any, lines: LogLines) -> BackendError:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    if not errors:
        return BackendError('engine-parse', 'TensorRT %s cannot read the model: %s.'
                            % (trt.__version__, lines.reason()))
    reports = ['node %s: %s' % (_node(error), ' '.join(str(error.desc()).split())[:300]) for error in errors]
    if any(_NEEDS_INT8 in text for text in reports + lines.errors):
        return _needs_int8(trt, '\n'.join(reports))
    return BackendError('engine-parse', 'TensorRT %s cannot read the model at %s.'
                        % (trt.__version__, reports[0].rstrip('. ')),
                        'Run thermoscreen check on the workstation, which names every such node.',
                        detail='\n'.join(reports))


def _node(error: Any) -> str:
    """The node of a parser's error; from 10 on with its name and operator."""
    words: List[str] = [str(error.node())]
    words += [str(getattr(error, name)()) for name in ('node_name', 'node_operator') if hasattr(error, name)]
    return ' '.join(word for word in words if word)


def _build_error(trt: Any, lines: LogLines, raised: str) -> BackendError:
    """The error of a build.

    Args:
        raised: class and text of the exception; ``''`` where TensorRT returned None.
    """
    detail = '\n'.join(lines.errors + [raised]).strip()
    reason = (raised or lines.reason())[:300]
    if _NEEDS_INT8 in detail:
        return _needs_int8(trt, detail)
    if _NO_TACTIC in detail:
        line = next(line for line in detail.split('\n') if _NO_TACTIC in line)
        return BackendError('engine-no-tactic', 'TensorRT %s has no kernel for part of the network: %s.'
                            % (trt.__version__, line[:300].rstrip('. ')),
                            'Allow kernels more memory with --workspace, which may help.', detail=detail)
    if tells_of_timeout(detail):
        line = next(line for line in detail.split('\n') if tells_of_timeout(line))
        return BackendError('engine-timeout', 'CUDA stopped a kernel that ran too long: %s.' % line[:300].rstrip('. '),
                            detail=detail)
    if tells_of_memory(detail):
        return BackendError('engine-memory', 'There was not enough memory to build the engine (%s).' % reason,
                            build_advice(), detail=detail)
    return BackendError('engine-build', 'TensorRT %s did not build the engine: %s.'
                        % (trt.__version__, reason.rstrip('. ')), detail=detail)


def _needs_int8(trt: Any, detail: str) -> BackendError:
    return BackendError('precision-unsupported', 'TensorRT %s refuses the model: it holds INT8 ranges (Q/DQ), and this '
                        'GPU does not compute in INT8.' % trt.__version__, 'Build with --precision fp16.',
                        detail=detail)
