"""One build: network, configuration, plan, on any TensorRT from 8.0 to 11 by what it offers."""
import time
from dataclasses import dataclass

from service.backends.tensorrt_api import tells_of_memory
from service.messages import BackendError

from .progress import make_monitor
from .ranges import check_calibrator

#: Sources that TensorRT before 11 can do without. Each is a library of its own that is loaded as soon as its
#: kernels are considered: on a Nano cuBLAS 156 to 160 MiB and cuDNN 240 MiB (builder logs of TensorRT 8.2).
DROPPABLE = ('CUBLAS', 'CUBLAS_LT', 'CUDNN')

_NO_TACTIC = 'Could not find any implementation for node'
_NEEDS_INT8 = 'require hardware with Int8 support'


@dataclass(frozen=True)
class Built:
    """A plan that nobody has proven yet, with how it came about.

    Attributes:
        plan (bytes): for TensorRT alone.
        seconds (float): time of the build.
        tactic_sources (tuple of str): what kernels were taken from.
    """

    plan: bytes
    seconds: float
    tactic_sources: tuple


def droppable_sources(trt):
    """Names of the tactic sources that can be dropped here; none from 11 on."""
    return tuple(name for name in DROPPABLE if hasattr(trt.TacticSource, name))


def build_plan(trt, logger, lines, model, route, timing_cache, workspace_mib, no_cublas, ranges, progress):
    """Compile an ONNX file.

    Args:
        trt (module): tensorrt.
        logger (tensorrt.ILogger), lines (LogLines): what `make_logger` made, and where it writes.
        model (bytes): the ONNX file.
        route (Route): how the precision is told.
        timing_cache (TimingCache): read before, written after.
        workspace_mib (int): memory that one kernel may take.
        no_cublas (bool): drop `DROPPABLE`.
        ranges (CachedRanges or MeasuredRanges): of INT8, for a route that needs some; else None.
        progress (Progress): watched.
    Returns:
        Built: not proven.
    Raises:
        BackendError: ``engine-parse`` with the node; ``engine-no-tactic`` where there is no kernel for a node,
            on a Nano often the ArgMax (TensorRT issue 3677); ``engine-memory``; ``precision-unsupported``;
            ``engine-build`` with TensorRT's first error.
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
    _set_precision(trt, builder, config, route)
    if no_cublas and droppable_sources(trt):
        config.set_tactic_sources(config.get_tactic_sources() & ~_mask(trt, droppable_sources(trt)))
    sources = _sources(trt, config)
    timing_cache.attach(config)
    # Both must stay alive until the builder is done.
    calibrator = ranges and ranges.calibrator(trt, network)
    if calibrator is not None:
        config.int8_calibrator = calibrator
    monitor = make_monitor(trt, progress)
    if monitor is not None and hasattr(config, 'progress_monitor'):
        config.progress_monitor = monitor
    started = time.monotonic()
    try:
        with progress.watching('Building %s' % route):
            memory = builder.build_serialized_network(network, config)
    except Exception as error:  # std::bad_alloc arrives as MemoryError, others as RuntimeError
        raise _build_error(trt, lines, '%s: %s' % (type(error).__name__, error))
    check_calibrator(calibrator)
    if memory is None:
        raise _build_error(trt, lines, '')
    seconds = time.monotonic() - started
    timing_cache.keep(config)
    return Built(bytes(memory), seconds, sources)


def _network_flags(trt):
    """Explicit batch, where it is still a choice; strong typing, where the builder has no precision flags."""
    flags, offered = 0, trt.NetworkDefinitionCreationFlag
    if hasattr(offered, 'EXPLICIT_BATCH'):
        flags |= 1 << int(offered.EXPLICIT_BATCH)
    if hasattr(offered, 'STRONGLY_TYPED') and not hasattr(trt.BuilderFlag, 'FP16'):
        flags |= 1 << int(offered.STRONGLY_TYPED)
    return flags


def _set_workspace(trt, config, size):
    if hasattr(config, 'set_memory_pool_limit'):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
    else:
        config.max_workspace_size = size


def _set_precision(trt, builder, config, route):
    flags = trt.BuilderFlag
    if route.precision == 'fp32':
        # Ampere and later compute convolutions in TF32 unless told not to, with 10 bits of mantissa.
        if hasattr(flags, 'TF32'):
            config.clear_flag(flags.TF32)
    elif hasattr(flags, 'FP16'):
        if route.precision == 'int8':
            config.set_flag(flags.INT8)
        # With INT8 too: a layer without a range is then run in FP16 and not in FP32.
        if route.precision == 'fp16' or builder.platform_has_fast_fp16:
            config.set_flag(flags.FP16)


def _mask(trt, names):
    return sum(1 << int(getattr(trt.TacticSource, name)) for name in names)


def _sources(trt, config):
    names = DROPPABLE + ('EDGE_MASK_CONVOLUTIONS', 'JIT_CONVOLUTIONS')
    return tuple(name for name in names if hasattr(trt.TacticSource, name)
                 and config.get_tactic_sources() & _mask(trt, [name]))


def _parse_error(trt, parser, lines):
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    if not errors:
        return BackendError('engine-parse', 'TensorRT %s cannot read the model: %s.' % (trt.__version__,
                                                                                       lines.reason()))
    told = ['node %s: %s' % (_node(error), ' '.join(str(error.desc()).split())[:300]) for error in errors]
    if any(_NEEDS_INT8 in text for text in told + lines.errors):
        return _needs_int8(trt, '\n'.join(told))
    return BackendError('engine-parse', 'TensorRT %s cannot read the model at %s. On the workstation thermoscreen '
                        'check names every such node.' % (trt.__version__, told[0].rstrip('. ')),
                        detail='\n'.join(told))


def _node(error):
    """The node of a parser's error; from 10 on with its name and operator."""
    words = [str(error.node())]
    words += [str(getattr(error, name)()) for name in ('node_name', 'node_operator') if hasattr(error, name)]
    return ' '.join(word for word in words if word)


def _build_error(trt, lines, said):
    told = '\n'.join(lines.errors + [said]).strip()
    reason = (said or lines.reason())[:300]
    if _NEEDS_INT8 in told:
        return _needs_int8(trt, told)
    if _NO_TACTIC in told:
        line = next(line for line in told.split('\n') if _NO_TACTIC in line)
        return BackendError('engine-no-tactic',
                            'TensorRT %s has no kernel for part of the network: %s. More memory '
                            'for kernels (--workspace) may help.' % (trt.__version__, line[:300].rstrip('. ')),
                            detail=told)
    if tells_of_memory(told):
        return BackendError('engine-memory', 'There was not enough memory to build the engine (%s); close other '
                            'programs, add a swap file, or build with --no-cublas.' % reason, detail=told)
    return BackendError('engine-build', 'TensorRT %s did not build the engine: %s.' % (trt.__version__,
                                                                                     reason.rstrip('. ')), detail=told)


def _needs_int8(trt, told):
    return BackendError('precision-unsupported',
                        'TensorRT %s refuses the model: it holds INT8 ranges (Q/DQ), and '
                        'this GPU does not compute in INT8. Build with --precision fp16.' % trt.__version__,
                        detail=told)
