"""Everything that could run a bundle on this machine: engines of the store, and ONNX Runtime's providers."""
import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from ..backends import Backend, FromLogits, OnnxRuntimeBackend, TensorRTBackend, Worker
from ..backends.cuda import first_gpu
from ..backends.onnx_runtime import CPU, CUDA, TENSORRT, require_provider
from ..backends.tensorrt_api import tensorrt_installed
from ..bundle import BASE, Bundle, Variant
from ..durable import storage_error
from ..engines import EngineKey, EngineStore, StoredEngine, default_folder, machine_facts
from ..messages import BackendError

if TYPE_CHECKING:
    from ..settings import Settings

#: Name of the candidate that runs everywhere and that the others are compared with.
BASELINE = 'onnxruntime-cpu:fp32'

#: Longest wait until a backend is loaded. The libraries alone take tens of seconds from a cold SD card.
_CPU_START_S, _GPU_START_S, _BUILD_START_S = 60.0, 180.0, 3600.0

#: Order of the engines while nothing has been measured: every Jetson has native FP16, a Nano has no INT8.
_ENGINE_ORDER = ('fp16', 'fp32', 'int8')

#: Providers in the order in which they are tried, by their part of a candidate's name.
_PROVIDERS = (('tensorrt', TENSORRT), ('cuda', CUDA), ('cpu', CPU))

#: Refusals of `EngineStore.find`, the most informative first.
_REFUSALS = ('engine-tampered', 'engine-unreadable', 'engine-foreign', 'engine-stale', 'engine-missing')


@dataclass(frozen=True)
class Runtime:
    """What an installation may set about running a bundle.

    Attributes:
        backend: one of `backends.BACKENDS`.
        precision: one of `backends.PRECISIONS`. ``'auto'`` follows the choice that ``thermoscreen choose --write``
            measured; without one it means the compiled engines, and FP32 on ONNX Runtime.
        engines: folder of the engines and of the written choice; ``''`` for none.
        threads: CPU threads of one inference; 0 for every core.
        cuda: how an engine reaches CUDA, one of `backends.CUDA_INTERFACES`.
    """

    backend: str = 'auto'
    precision: str = 'auto'
    engines: str = ''
    threads: int = 0
    cuda: str = 'auto'

    @classmethod
    def from_settings(cls, settings: 'Settings') -> 'Runtime':
        """The runtime of the settings; ``engines = "auto"`` is the folder that ``thermoscreen compile`` uses."""
        engines = default_folder() if settings.engines == 'auto' else settings.engines
        return cls(settings.backend, settings.precision, engines, settings.threads, settings.cuda)


@dataclass(frozen=True)
class Candidate:
    """One way of running a bundle here, not yet tried.

    Attributes:
        name: such as ``'tensorrt:fp16'`` or ``'onnxruntime-cpu:fp32-logits'``.
        variant: the variant whose golden tolerances it must keep.
        make: creates the `Backend`, inactive, in the thread that will own it. Raises `BackendError` or `BundleError`
            where the candidate is known not to work.
        backend: as in `Runtime`.
        precision: as in `Runtime`.
        start_s: longest wait until it is loaded, in seconds.
        file_variant: the variant whose file it runs; ``''`` for an engine, whose record names it.
        make_classifier: as `make`, for a classifier that is a network of its own. It has the same backend, and the same
            precision where the bundle has it in that.
    """

    name: str
    variant: str
    make: Callable[[], Backend]
    backend: str
    precision: str
    start_s: float
    file_variant: str = ''
    make_classifier: Optional[Callable[[], Backend]] = None

    def worker(self) -> Worker:
        """A worker that runs it, not started."""
        return Worker(self.make, start_timeout_s=self.start_s, make_classifier=self.make_classifier)


def every_candidate(bundle: Bundle, runtime: Runtime, build: bool = False) -> List[Candidate]:
    """Every candidate that the runtime allows, whether or not it works on this machine.

    Args:
        build: let ONNX Runtime's TensorRT provider build missing engines, which takes minutes.
    Returns:
        Engines of the store first, then ONNX Runtime on TensorRT, CUDA and the CPU.
    """
    candidates: List[Candidate] = []
    if runtime.backend in ('auto', 'tensorrt') and runtime.engines:
        candidates += _engine_candidates(bundle, EngineStore(runtime.engines), runtime.cuda)
    if runtime.backend in ('auto', 'onnxruntime'):
        candidates += _provider_candidates(bundle, runtime, build)
    return [candidate for candidate in candidates if runtime.precision in ('auto', candidate.precision)]


def baseline(bundle: Bundle, threads: int = 0) -> Candidate:
    """The candidate that runs everywhere and that every other one is compared with: FP32 on the CPU."""
    candidates = _provider_candidates(bundle, Runtime(threads=threads), build=False)
    return next(candidate for candidate in candidates if candidate.name == BASELINE)


def proof_variant(bundle: Bundle, precision: str) -> str:
    """Name of the variant whose golden tolerances an engine of this precision must keep.

    TensorRT may lower the FP32 file to FP16 itself. Such an engine is held to the tolerances that the exporter
    measured for FP16, not to those of the file it was compiled from.

    Returns:
        A variant of that precision that gives labels, else one that gives logits, else ``'fp32'``.
    """
    variants = [variant for variant in bundle.variants.values() if variant.precision == precision]
    answering = [variant for variant in variants if variant.answers]
    return (answering or variants or [bundle.variants[BASE]])[0].name


def find_engine(store: EngineStore, bundle: Bundle, precision: str,
                facts: Optional[Dict[str, Any]] = None) -> StoredEngine:
    """The proven engine of a bundle for this machine, whichever of the bundle's files it was compiled from.

    Args:
        facts: `machine_facts`, if already known.
    Returns:
        The engine of the first variant that has one; ``record['variant']`` names that variant.
    Raises:
        BackendError: the most informative refusal of `EngineStore.find`.
    """
    facts = facts or machine_facts()
    refusals = []
    for name in bundle.variants:
        key = EngineKey(bundle.sha256(name), precision=precision, flags=None, **facts)
        try:
            return store.find(key, bundle.manifest.identity['id'])
        except BackendError as error:
            refusals.append(error)
    # Of two refusals with the same code, the shorter one names fewer differences.
    raise min(refusals, key=lambda error: (_REFUSALS.index(error.code), len(error.message.text)))


def _engine_candidates(bundle: Bundle, store: EngineStore, cuda: str) -> List[Candidate]:
    """A candidate for every precision of which the store has an engine, of this bundle or another."""
    # The name of a record that cannot be read still begins with the precision.
    precisions = {entry.key.precision if entry.record else entry.name.split('-')[0] for entry in store.list()}
    candidates = [Candidate('tensorrt:' + precision, proof_variant(bundle, precision),
                            _engine_maker(bundle, store, (precision,), cuda), 'tensorrt', precision, _GPU_START_S)
                  for precision in _ENGINE_ORDER if precision in precisions]
    if bundle.classifier is None:
        return candidates
    # In whichever precision it was compiled: not every one may have proven itself.
    return [replace(candidate, make_classifier=_engine_maker(
        bundle.classifier, store, (candidate.precision,) + _ENGINE_ORDER, cuda)) for candidate in candidates]


def _provider_candidates(bundle: Bundle, runtime: Runtime, build: bool) -> List[Candidate]:
    """A candidate for every variant on every provider of ONNX Runtime."""
    candidates = []
    for word, provider in _PROVIDERS:
        start_s = _CPU_START_S if provider == CPU else _GPU_START_S
        if provider == TENSORRT and build:
            start_s = _BUILD_START_S
        for variant in bundle.variants.values():
            make_classifier = None
            if bundle.classifier is not None:
                other = bundle.classifier.variants[proof_variant(bundle.classifier, variant.precision)]
                make_classifier = _session_maker(bundle.classifier, other, provider, runtime, build)
            candidates.append(Candidate('onnxruntime-%s:%s' % (word, variant.name), variant.name,
                                        _session_maker(bundle, variant, provider, runtime, build), 'onnxruntime',
                                        variant.precision, start_s, variant.name, make_classifier))
    return candidates


def _engine_maker(bundle: Bundle, store: EngineStore, precisions: Sequence[str], cuda: str) -> Callable[[], Backend]:
    """Makes a backend of the first of these precisions of which the store has an engine."""
    def make() -> Backend:
        try:
            engine = _first_engine(store, bundle, precisions)
        except BackendError as error:
            if error.code == 'engine-foreign' and tensorrt_installed():
                first_gpu(cuda)  # where none answers, every engine looks like one of another machine
            raise
        variant = bundle.variants[engine.record['variant']]
        backend = TensorRTBackend(engine.plan, bundle.inputs, variant.outputs, engine.key.precision, engine.record,
                                  cuda=cuda)
        return _finished(backend, bundle, variant, engine.notes)
    return make


def _first_engine(store: EngineStore, bundle: Bundle, precisions: Sequence[str]) -> StoredEngine:
    refusals = []
    for precision in precisions:
        try:
            return find_engine(store, bundle, precision)
        except BackendError as error:
            refusals.append(error)
    raise refusals[0]


def _session_maker(bundle: Bundle, variant: Variant, provider: str, runtime: Runtime,
                   build: bool) -> Callable[[], Backend]:
    def make() -> Backend:
        require_provider(provider)  # before the file is read: most machines have one provider
        cache = _provider_cache(bundle, variant, runtime.engines, build) if provider == TENSORRT else ''
        backend = OnnxRuntimeBackend(bundle.read_model(variant.name), bundle.inputs, variant.outputs, runtime.threads,
                                     provider, variant.precision, cache)
        return _finished(backend, bundle, variant)
    return make


def _finished(backend: Backend, bundle: Bundle, variant: Variant, notes: Sequence[str] = ()) -> Backend:
    if not variant.answers:
        backend = FromLogits(backend, bundle.outputs)
    backend.chosen = {'variant': variant.name}
    if notes:
        backend.chosen['notes'] = list(notes)
    return backend


def _provider_cache(bundle: Bundle, variant: Variant, engines: str, build: bool) -> str:
    """Folder of the engines that the TensorRT provider builds from a variant on this machine.

    ONNX Runtime names its files after the graph alone, and would load those of another release or board.

    Raises:
        BackendError: ``engine-missing`` where nothing was built and `build` is off: a start that builds for minutes
            looks like a program that hangs.
        StorageError: the folder cannot be created.
    """
    import onnxruntime

    facts = dict(machine_facts(), model=bundle.sha256(variant.name), onnxruntime=onnxruntime.__version__)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode('utf-8')).hexdigest()
    folder = os.path.join(engines, 'onnxruntime', '%s-%s' % (variant.name, digest[:16])) if engines else ''
    if build and folder:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder)
        return folder
    if not (folder and os.path.isdir(folder) and os.listdir(folder)):
        raise BackendError('engine-missing', 'ONNX Runtime\'s TensorRT provider has built no engine of the %s variant '
                           'here.' % variant.name, 'Run thermoscreen choose, which builds and measures it.')
    return folder
