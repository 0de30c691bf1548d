"""From a bundle to a proven engine in the store. Whatever fails leaves the store as it was.

TensorRT builds and runs in another process (`process`, `child`): what aborts or kills that one is a route that failed.
"""
import contextlib
import hashlib
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from service.backends.tensorrt_api import import_tensorrt
from service.bundle import SEGMENT_FIRST, Bundle
from service.durable import storage_error
from service.engines import EngineKey, EngineStore, machine_facts
from service.messages import BackendError, InputError
from service.selection import proof_variant

from . import process
from .build import droppable_sources, timing_cache_path
from .progress import Progress
from .ranges import CachedRanges, MeasuredRanges, Ranges
from .routes import CALIBRATION, MEASURED, PRECISIONS, Abilities, Route, choose_precision, find_routes, without_argmax

#: Memory one kernel may take. trtexec 8.2 takes 16 MiB, for which it passes over kernels; builds with 1 GiB are killed
#: on 4 GB; the usual advice for a Nano is 256 MiB.
WORKSPACE_MIB = 256

#: Errors that another route may avoid; the others would only happen again. The last ones are of a child that was ended.
WORTH_ANOTHER_ROUTE = ('engine-parse', 'engine-no-tactic', 'engine-build', 'engine-unproven', 'engine-not-finite',
                       'calibrator-missing', 'precision-unsupported',
                       'engine-aborted', 'engine-killed', 'engine-timeout', 'cuda-lost')

#: Of these, the errors that may be the ArgMax's, whatever node they name.
_MAYBE_ARGMAX = ('engine-no-tactic', 'engine-aborted', 'engine-killed', 'engine-timeout', 'cuda-lost')

#: Beginning of the folder that a build works in, inside the store.
_WORK = '.build-'


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
        cuda: how CUDA is reached, one of `service.backends.CUDA_INTERFACES`.
    """

    workspace_mib: int = WORKSPACE_MIB
    no_cublas: bool = False
    timing_cache: str = ''
    from_logits: bool = False
    force: bool = False
    frames: Tuple[str, ...] = ()
    cuda: str = 'auto'


@dataclass(frozen=True)
class Compiled:
    """What `compile_engine` did.

    Attributes:
        name: the engine's name in the store.
        record: its record.
        reused: it was there already, and was proven again.
        notes: sentences for the user: what was chosen, what did not work, what was removed.
        classifier: the same for a classifier that is a network of its own.
    """

    name: str
    record: Dict[str, Any] = field(repr=False)
    reused: bool = False
    notes: Tuple[str, ...] = ()
    classifier: 'Optional[Compiled]' = None


def compile_engine(bundle: Bundle, store: EngineStore, precision: str = 'auto',
                   options: Optional[CompileOptions] = None, progress: Optional[Progress] = None) -> Compiled:
    """Build a bundle's engine for this machine, prove it, and store it, replacing older ones of the bundle.

    A bundle of two networks has an engine of each; older ones stay until both are proven.

    Args:
        store: written to only after the proof.
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``; ``'auto'`` for the lowest that is native and that the bundle
            was made for, and the next one where that does not prove itself.
    Raises:
        BackendError: ``tensorrt-missing``, ``cuda-missing``, ``engine-store-busy``, ``precision-unsupported``,
            ``precision-missing``, or why the last route failed (`process.ask`, `build_plan`, `prove_plan`).
        StorageError: the store cannot be written; checked before the build and again after it.
        BundleError: a file of the bundle was changed.
        InputError: ``calibration-order``: frames are named for a classifier that does not see whole frames.
    """
    options, progress = options or CompileOptions(), progress or Progress()
    if options.frames and bundle.manifest.order == SEGMENT_FIRST:
        raise InputError('calibration-order', 'The classifier of this bundle sees regions on black, so its INT8 ranges '
                         'cannot be measured on frames.', 'Leave --frames out to build INT8 from the bundle.')
    trt = import_tensorrt('There is nothing to compile; the bundle runs on ONNX Runtime instead.')
    store.check_writable(sum(len(network.read_model()) for network in bundle.networks))
    with store.lock('%s of %s' % (precision, bundle.manifest.identity['id'])):
        compiled = _Compilation(trt, bundle, store, options, progress).run(precision)
        if bundle.classifier is not None:
            progress.say('The classifier is next.')
            compiled = replace(compiled, classifier=_Compilation(trt, bundle.classifier, store, options,
                                                                 progress).run(precision))
        for one in filter(None, (compiled, compiled.classifier)):
            removed = [] if one.reused else store.remove_superseded(one.record)
            if removed:
                compiled = replace(compiled, notes=compiled.notes + ('Replaced: %s.' % ', '.join(removed),))
                progress.say(compiled.notes[-1])
    return compiled


class _Compilation:
    """One call of `compile_engine`: its routes and its notes."""

    def __init__(self, trt: Any, bundle: Bundle, store: EngineStore, options: CompileOptions,
                 progress: Progress) -> None:
        self._trt, self._bundle, self._store = trt, bundle, store
        self._options, self._progress = options, progress
        self._facts = machine_facts()
        self._notes: List[str] = []
        self._measured: Optional[MeasuredRanges] = None
        self._is_classifier = 'labels' not in bundle.manifest.roles

    def run(self, precision: str) -> Compiled:
        abilities = Abilities(**self._ask('abilities', 'abilities', sm=self._facts['sm']))
        if precision == 'auto':
            routes = self._descend(abilities)
        else:
            frames = self._options.frames
            routes = find_routes(self._bundle, precision, abilities, self._options.from_logits, bool(frames))
            if frames:
                self._measured = MeasuredRanges.from_files(self._bundle, list(frames), self._store.folder, self._note)
        tried: Set[Route] = set()
        while True:
            route = routes.pop(0)
            tried.add(route)
            try:
                return self._take(route)
            except BackendError as error:
                # The message names the fused node, which need not be called after the ArgMax in it.
                other = without_argmax(self._bundle, route) if error.code in _MAYBE_ARGMAX else None
                if other is not None and other not in tried and other not in routes:
                    routes.insert(0, other)
                if not routes or error.code not in WORTH_ANOTHER_ROUTE:
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
        with _work_folder(self._store.folder) as folder:
            path, ranges = os.path.join(folder, 'plan'), self._ranges(route)
            built = self._ask(
                'build', 'build-%s%s-%s' % ('classifier-' if self._is_classifier else '', route.precision,
                                            route.variant), **self._of_bundle(), route=asdict(route),
                timing_cache=os.path.abspath(self._options.timing_cache
                                             or timing_cache_path(self._store.folder, self._facts)),
                workspace_mib=self._options.workspace_mib, no_cublas=self._options.no_cublas, plan=path,
                ranges=None if ranges is None else ranges.to_dict(folder))
            plan = _read_plan(path, built['sha256'])
        record = self._store.write(key, plan, self._record(route, built))
        return Compiled(key.name, record, False, tuple(self._notes))

    def _reuse(self, key: EngineKey, route: Route) -> Optional[Compiled]:
        """The stored engine, proven again; None where there is none that is as good as a new one."""
        try:
            stored = self._store.find(key)
            if stored.key != key:
                return None  # of another power mode: a new build is for its timings
            stated = stored.record['plan']
            self._ask('prove', 'prove', **self._of_bundle(), precision=route.precision, variant=route.variant,
                      plan=os.path.join(self._store.folder, stated['file']), sha256=stated['sha256'],
                      record=stored.record)
        except BackendError as error:
            # Missing, outdated and foreign engines are what a build is for.
            if error.code not in ('engine-missing', 'engine-stale', 'engine-foreign'):
                self._note('The engine that is there is built again: %s' % error.message.text)
            return None
        return Compiled(stored.name, stored.record, True, tuple(self._notes) + stored.notes)

    def _ask(self, task: str, log: str, **fields: Any) -> Dict[str, Any]:
        """Have a task of `child` done. Its log stays in the store until the next task of that name."""
        return process.ask(dict(fields, task=task, cuda=self._options.cuda), self._progress, self._note,
                           os.path.join(self._store.folder, log + '.log'))

    def _of_bundle(self) -> Dict[str, Any]:
        return {'bundle': os.path.abspath(self._bundle.folder), 'bundle_hash': self._bundle.manifest.identity['hash'],
                'classifier': self._is_classifier}

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

    def _record(self, route: Route, built: Dict[str, Any]) -> Dict[str, Any]:
        """The record of an engine.

        Args:
            built: the child's answer.
        """
        notes = []
        if built['low_memory']:
            notes.append('The builder passed over kernels for lack of memory; the engine may be slower than it could '
                         'be. Build it again with fewer programs running, or with --no-cublas.')
        if built['low_workspace']:
            notes.append('The builder passed over kernels that need more workspace than %d MiB; the engine may be '
                         'slower than it could be. Build it again with --workspace %d.'
                         % (self._options.workspace_mib, 2 * self._options.workspace_mib))
        return {
            'bundle': self._bundle.manifest.identity,
            'variant': route.variant,
            'proof_variant': proof_variant(self._bundle, route.precision),
            'built_at': datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
            'seconds': round(built['seconds'], 1),
            'workspace_mib': self._options.workspace_mib,
            'tactic_sources': built['tactic_sources'],
            'warnings': built['low_memory'] + built['low_workspace'] + built['warnings'],
            'low_memory': bool(built['low_memory']),
            'proof': built['proof'],
            'latency_ms': built['latency_ms'],
            'notes': notes,
        }

    def _note(self, sentence: str) -> None:
        self._notes.append(sentence)
        self._progress.say(sentence)


@contextlib.contextmanager
def _work_folder(store: str) -> Iterator[str]:
    """A folder in the store for what a build leaves on its way.

    The caller holds the store's lock, so folders that are there are of builds that were killed, and are removed.
    """
    for name in os.listdir(store):
        if name.startswith(_WORK):
            shutil.rmtree(os.path.join(store, name), ignore_errors=True)
    try:
        folder = tempfile.mkdtemp(prefix=_WORK, dir=store)
    except OSError as error:
        raise storage_error(error, store)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_plan(path: str, sha256: str) -> bytes:
    """The plan that a child has written.

    Raises:
        BackendError: ``engine-build``: it is not there, or is another one.
    """
    try:
        with open(path, 'rb') as stream:
            plan = stream.read()
    except OSError as error:
        raise BackendError('engine-build', 'The engine was built and cannot be read (%s).' % error.strerror,
                           'Build it again.', detail=repr(error))
    if hashlib.sha256(plan).hexdigest() != sha256:
        raise BackendError('engine-build', 'The engine was built and damaged on its way to the store.',
                           'Build it again.', detail=path)
    return plan
