"""From a bundle to a proven engine in the store; whatever fails leaves the store as it was."""
from dataclasses import dataclass, field
from datetime import datetime, timezone

from service.backends.cuda import CudaContext
from service.backends.tensorrt_api import LogLines, import_tensorrt, make_logger
from service.engines import EngineKey, machine_facts
from service.messages import BackendError
from service.selection import proof_variant

from .abilities import read_abilities
from .build import build_plan, droppable_sources
from .progress import Progress
from .proof import prove_plan
from .ranges import CachedRanges, MeasuredRanges
from .routes import CALIBRATION, MEASURED, PRECISIONS, choose_precision, find_routes, without_argmax
from .timing_cache import TimingCache, default_path

#: Memory one kernel may take. trtexec 8.2 takes 16 MiB and passes over kernels for it, others take 1 GiB and are
#: killed on 4 GB; the advice for a Nano is 256 (facts: workspace defaults seen).
WORKSPACE_MIB = 256

#: What another route to the same precision may do better. Everything else would only happen again.
_WORTH_ANOTHER_ROUTE = ('engine-parse', 'engine-no-tactic', 'engine-build', 'engine-unproven', 'engine-not-finite',
                        'calibrator-missing', 'precision-unsupported')


@dataclass(frozen=True)
class CompileOptions:
    """How to build.

    Attributes:
        workspace_mib (int): memory one kernel may take.
        no_cublas (bool): do without cuBLAS and cuDNN, which saves hundreds of MB on the board.
        timing_cache (str): file of timings; ``''`` for the one of this machine in the store.
        from_logits (bool): compile the variant without ArgMax from the start.
        force (bool): build although a proven engine is there.
        frames (tuple of str): thermograms and folders of them that TensorRT measures INT8 ranges on; empty for
            the ranges of the bundle.
    """

    workspace_mib: int = WORKSPACE_MIB
    no_cublas: bool = False
    timing_cache: str = ''
    from_logits: bool = False
    force: bool = False
    frames: tuple = ()


@dataclass(frozen=True)
class Compiled:
    """What `compile_engine` did.

    Attributes:
        name (str): the engine's name in the store.
        record (dict): its sidecar.
        reused (bool): it was there already, and was proven again.
        notes (tuple of str): sentences for the person: what was chosen, what did not work, what was removed.
    """

    name: str
    record: dict = field(repr=False)
    reused: bool = False
    notes: tuple = ()


def compile_engine(bundle, store, precision='auto', options=None, progress=None):
    """Build a bundle's engine for this machine, prove it, and keep it.

    Args:
        bundle (Bundle): an opened bundle.
        store (EngineStore): written to only after the proof.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``; ``'auto'`` for the lowest that is native and that
            the bundle was made for, and where that does not prove itself, the next one.
        options (CompileOptions): how to build.
        progress (Progress): told what happens.
    Returns:
        Compiled: the engine is in the store, and older ones that it replaces are not any more.
    Raises:
        BackendError: ``tensorrt-missing``, ``cuda-missing``, ``engine-store-busy``, ``precision-unsupported``,
            ``precision-missing``, or why the last route failed (`build_plan`, `prove_plan`).
        StorageError: the store cannot be written; asked before the build and again after it.
        BundleError: a file of the bundle was changed.
    """
    trt = import_tensorrt('There is nothing to compile; the bundle runs on ONNX Runtime instead.')
    options, progress = options or CompileOptions(), progress or Progress()
    store.check_writable(len(bundle.read_model()))
    with store.lock('%s of %s' % (precision, bundle.manifest.identity['id'])):
        return _Compilation(trt, bundle, store, options, progress).run(precision)


class _Compilation:
    """The state of one call: its TensorRT, its log and the sentences that came up."""

    def __init__(self, trt, bundle, store, options, progress):
        self._trt, self._bundle, self._store = trt, bundle, store
        self._options, self._progress = options, progress
        self._facts = machine_facts()
        self._lines = LogLines(progress.heard)
        self._logger = make_logger(trt, self._lines)
        self._notes = []
        self._measured = None

    def run(self, precision):
        with CudaContext():
            abilities = read_abilities(self._trt, self._trt.Builder(self._logger), self._facts['sm'])
        if precision == 'auto':
            routes = self._descend(abilities)
        else:
            frames = list(self._options.frames)
            routes = find_routes(self._bundle, precision, abilities, self._options.from_logits, bool(frames))
            if frames:
                self._measured = MeasuredRanges(self._bundle, frames, self._store.folder, self._note)
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

    def _descend(self, abilities):
        """The routes of ``auto``: what is chosen, then what is left where that does not prove itself."""
        chosen = choose_precision(self._bundle, abilities)
        self._note('%s is the lowest precision that is native here and in the bundle.' % chosen.upper())
        routes, refusals = [], []
        for precision in PRECISIONS[PRECISIONS.index(chosen):]:
            try:
                routes += find_routes(self._bundle, precision, abilities, self._options.from_logits)
            except BackendError as error:
                refusals.append(error)
        if not routes:
            raise refusals[0]
        return routes

    def _take(self, route):
        key = self._key(route)
        if not self._options.force:
            there = self._reuse(key, route)
            if there is not None:
                return there
        model = self._bundle.read_model(route.variant)
        timing_cache = TimingCache(self._options.timing_cache or default_path(self._store.folder, self._facts),
                                   self._note)
        for table in (self._lines.warnings, self._lines.low_memory):
            table.clear()
        # The builder's context is gone before the proof makes its own: a board of 4 GB has no room for both.
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

    def _reuse(self, key, route):
        """The engine that is there already, proven again; None where there is none that is as good as a new one."""
        try:
            stored = self._store.find(key)
            if stored.key != key:
                return None  # of another power mode: its timings are what a new build is for
            prove_plan(self._bundle, stored.plan, route.precision, route.variant, stored.record)
        except BackendError as error:
            # What is missing, old or another machine's is what a build is for.
            if error.code not in ('engine-missing', 'engine-stale', 'engine-foreign'):
                self._note('The engine that is there is built again: %s' % error.message.text)
            return None
        return Compiled(stored.name, stored.record, True, tuple(self._notes) + stored.notes)

    def _key(self, route):
        flags = ['workspace=%d' % self._options.workspace_mib]
        if self._options.no_cublas and droppable_sources(self._trt):
            flags.append('no-cublas')
        ranges = self._ranges(route)
        if ranges is not None:
            flags.append(ranges.flag)
        return EngineKey(self._bundle.sha256(route.variant), precision=route.precision, flags=tuple(sorted(flags)),
                         **self._facts)

    def _ranges(self, route):
        if route.method == MEASURED:
            return self._measured
        return CachedRanges(self._bundle.read_calibration()) if route.method == CALIBRATION else None

    def _record(self, route, built, proof, latency):
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
            'notes': ['The builder passed over kernels for want of memory; the engine may be slower than it could be. '
                      'Build it again with less running, or with --no-cublas.'] if low_memory else [],
        }

    def _note(self, sentence):
        self._notes.append(sentence)
        self._progress.say(sentence)
