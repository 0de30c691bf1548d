"""From a bundle to a proven engine in the store. Whatever fails leaves the store as it was."""
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from service.backends import Backend, FromLogits, TensorRTBackend, Tensors
from service.backends.cuda import CudaContext
from service.backends.tensorrt_api import LogLines, import_tensorrt, make_logger
from service.bundle import Bundle, prove
from service.engines import EngineKey, EngineStore, machine_facts
from service.messages import BackendError, BundleError
from service.selection import proof_variant

from .build import Built, TimingCache, build_plan, droppable_sources, timing_cache_path
from .progress import Progress
from .ranges import CachedRanges, MeasuredRanges, Ranges
from .routes import (
    CALIBRATION,
    MEASURED,
    PRECISIONS,
    Abilities,
    Route,
    choose_precision,
    find_routes,
    read_abilities,
    without_argmax,
)

#: Memory one kernel may take. trtexec 8.2 takes 16 MiB, for which it passes over kernels; builds with 1 GiB are killed
#: on 4 GB; the usual advice for a Nano is 256 MiB.
WORKSPACE_MIB = 256

#: Runs that are timed after the proof. They tell a later start whether a stored engine has become slow, and are no
#: benchmark.
TIMED_RUNS = 20

#: Errors that another route to the same precision may avoid; the others would only happen again.
_WORTH_ANOTHER_ROUTE = ('engine-parse', 'engine-no-tactic', 'engine-build', 'engine-unproven', 'engine-not-finite',
                        'calibrator-missing', 'precision-unsupported')

#: The precision to build where an engine of this one does not prove itself.
_INSTEAD = {'int8': 'fp16', 'fp16': 'fp32'}


@dataclass(frozen=True)
class CompileOptions:
    """How to build.

    Attributes:
        workspace_mib: memory one kernel may take.
        no_cublas: do without cuBLAS and cuDNN, which saves hundreds of MB on the board.
        timing_cache: file of timings; ``''`` for the one of this machine in the store.
        from_logits: compile the variant without ArgMax from the start.
        force: build although a proven engine is there.
        frames: thermograms and folders of them that TensorRT measures INT8 ranges on; empty for the ranges of the
            bundle.
    """

    workspace_mib: int = WORKSPACE_MIB
    no_cublas: bool = False
    timing_cache: str = ''
    from_logits: bool = False
    force: bool = False
    frames: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Compiled:
    """What `compile_engine` did.

    Attributes:
        name: the engine's name in the store.
        record: its record.
        reused: it was there already, and was proven again.
        notes: sentences for the user: what was chosen, what did not work, what was removed.
    """

    name: str
    record: Dict[str, Any] = field(repr=False)
    reused: bool = False
    notes: Tuple[str, ...] = ()


def compile_engine(bundle: Bundle, store: EngineStore, precision: str = 'auto',
                   options: Optional[CompileOptions] = None, progress: Optional[Progress] = None) -> Compiled:
    """Build a bundle's engine for this machine, prove it, and store it, replacing older ones of the bundle.

    Args:
        store: written to only after the proof.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``; ``'auto'`` for the lowest that is native and that the bundle
            was made for, and the next one where that does not prove itself.
    Raises:
        BackendError: ``tensorrt-missing``, ``cuda-missing``, ``engine-store-busy``, ``precision-unsupported``,
            ``precision-missing``, or why the last route failed (`build_plan`, `prove_plan`).
        StorageError: the store cannot be written; checked before the build and again after it.
        BundleError: a file of the bundle was changed.
    """
    trt = import_tensorrt('There is nothing to compile; the bundle runs on ONNX Runtime instead.')
    store.check_writable(len(bundle.read_model()))
    with store.lock('%s of %s' % (precision, bundle.manifest.identity['id'])):
        return _Compilation(trt, bundle, store, options or CompileOptions(), progress or Progress()).run(precision)


def prove_plan(bundle: Bundle, plan: bytes, precision: str, variant: str,
               record: Optional[Dict[str, Any]] = None) -> Tuple[Dict[str, float], Dict[str, Any]]:
    """Run a plan on the bundle's golden pair.

    Args:
        plan: as built, or as `EngineStore.find` read it.
        precision: what it was built for.
        variant: the bundle's variant it was compiled from.
        record: its record, if it has one.
    Returns:
        What the golden pair measured; and ``n``, ``median``, ``p90`` and ``worst`` of the first inferences in
        milliseconds, copies to and from the GPU included.
    Raises:
        BackendError: ``engine-refused`` and others of the backend; ``engine-not-finite`` for NaN or infinity;
            ``engine-unproven`` for another answer than the golden one.
    """
    backend: Backend = TensorRTBackend(plan, bundle.inputs, bundle.variants[variant].outputs, precision, record)
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


class _Compilation:
    """One call of `compile_engine`: its TensorRT, its log and its notes."""

    def __init__(self, trt: Any, bundle: Bundle, store: EngineStore, options: CompileOptions,
                 progress: Progress) -> None:
        self._trt, self._bundle, self._store = trt, bundle, store
        self._options, self._progress = options, progress
        self._facts = machine_facts()
        self._lines = LogLines(progress.heard)
        self._logger = make_logger(trt, self._lines)
        self._notes: List[str] = []
        self._measured: Optional[MeasuredRanges] = None

    def run(self, precision: str) -> Compiled:
        with CudaContext():
            abilities = read_abilities(self._trt, self._trt.Builder(self._logger), self._facts['sm'])
        if precision == 'auto':
            routes = self._descend(abilities)
        else:
            frames = self._options.frames
            routes = find_routes(self._bundle, precision, abilities, self._options.from_logits, bool(frames))
            if frames:
                self._measured = MeasuredRanges(self._bundle, list(frames), self._store.folder, self._note)
        while True:
            route = routes.pop(0)
            try:
                return self._take(route)
            except BackendError as error:
                # The message names the fused node, which need not be called after the ArgMax in it.
                other = without_argmax(self._bundle, route) if error.code == 'engine-no-tactic' else None
                if other is not None:
                    routes.insert(0, other)
                if not routes or error.code not in _WORTH_ANOTHER_ROUTE:
                    raise
                self._note('%s did not work: %s Trying %s.' % (route, error.message.text, routes[0]))

    def _descend(self, abilities: Abilities) -> List[Route]:
        """The routes of ``auto``: to the chosen precision, then to the higher ones."""
        chosen = choose_precision(self._bundle, abilities)
        self._note('%s is the lowest precision that is native here and in the bundle.' % chosen.upper())
        routes: List[Route] = []
        refusals = []
        for precision in PRECISIONS[PRECISIONS.index(chosen):]:
            try:
                routes += find_routes(self._bundle, precision, abilities, self._options.from_logits)
            except BackendError as error:
                refusals.append(error)
        if not routes:
            raise refusals[0]
        return routes

    def _take(self, route: Route) -> Compiled:
        key = self._key(route)
        if not self._options.force:
            reused = self._reuse(key, route)
            if reused is not None:
                return reused
        model = self._bundle.read_model(route.variant)
        timing_cache = TimingCache(self._options.timing_cache or timing_cache_path(self._store.folder, self._facts),
                                   self._note)
        for table in (self._lines.warnings, self._lines.low_memory):
            table.clear()
        # The builder's context is gone before the proof creates its own: a board of 4 GB has no room for both.
        with CudaContext():
            built = build_plan(self._trt, self._logger, self._lines, model, route, timing_cache,
                               self._options.workspace_mib, self._options.no_cublas,
                               self._ranges(route), self._progress)
        self._progress.say('Proving it on the golden pair.')
        proof, latency = prove_plan(self._bundle, built.plan, route.precision, route.variant)
        record = self._store.write(key, built.plan, self._record(route, built, proof, latency))
        removed = self._store.remove_superseded(record)
        if removed:
            self._note('Replaced: %s.' % ', '.join(removed))
        return Compiled(key.name, record, False, tuple(self._notes))

    def _reuse(self, key: EngineKey, route: Route) -> Optional[Compiled]:
        """The stored engine, proven again; None where there is none that is as good as a new one."""
        try:
            stored = self._store.find(key)
            if stored.key != key:
                return None  # of another power mode: a new build is for its timings
            prove_plan(self._bundle, stored.plan, route.precision, route.variant, stored.record)
        except BackendError as error:
            # Missing, outdated and foreign engines are what a build is for.
            if error.code not in ('engine-missing', 'engine-stale', 'engine-foreign'):
                self._note('The engine that is there is built again: %s' % error.message.text)
            return None
        return Compiled(stored.name, stored.record, True, tuple(self._notes) + stored.notes)

    def _key(self, route: Route) -> EngineKey:
        flags = ['workspace=%d' % self._options.workspace_mib]
        if self._options.no_cublas and droppable_sources(self._trt):
            flags.append('no-cublas')
        ranges = self._ranges(route)
        if ranges is not None:
            flags.append(ranges.flag)
        return EngineKey(self._bundle.sha256(route.variant), precision=route.precision, flags=tuple(sorted(flags)),
                         **self._facts)

    def _ranges(self, route: Route) -> Optional[Ranges]:
        if route.method == MEASURED:
            return self._measured
        data = self._bundle.read_calibration() if route.method == CALIBRATION else None
        return CachedRanges(data) if data is not None else None

    def _record(self, route: Route, built: Built, proof: Dict[str, float], latency: Dict[str, Any]) -> Dict[str, Any]:
        low_memory = sorted(self._lines.low_memory)
        return {
            'bundle': self._bundle.manifest.identity,
            'variant': route.variant,
            'proof_variant': proof_variant(self._bundle, route.precision),
            'built_at': datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
            'seconds': round(built.seconds, 1),
            'workspace_mib': self._options.workspace_mib,
            'tactic_sources': list(built.tactic_sources),
            'warnings': low_memory + sorted(self._lines.warnings),
            'low_memory': bool(low_memory),
            'proof': proof,
            'latency_ms': latency,
            'notes': ['The builder passed over kernels for lack of memory; the engine may be slower than it could be. '
                      'Build it again with fewer programs running, or with --no-cublas.'] if low_memory else [],
        }

    def _note(self, sentence: str) -> None:
        self._notes.append(sentence)
        self._progress.say(sentence)
