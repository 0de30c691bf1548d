"""The single ways of running a bundle: engines of the store, and ONNX Runtime's providers."""
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Callable

from ..durable import storage_error
from ..messages import BackendError
from .from_logits import FromLogits
from .onnx_runtime import CPU, CUDA, TENSORRT, OnnxRuntimeBackend, require_provider

#: Longest wait until a backend is loaded. The libraries alone take tens of seconds from a cold SD card.
_PROCESSOR_START_S, _GPU_START_S, _BUILD_START_S = 60.0, 180.0, 3600.0

#: Engines as they are tried where nothing was measured: FP16 is native on every Jetson and INT8 not on a Nano.
_ENGINE_ORDER = ('fp16', 'fp32', 'int8')

#: Providers in the order in which they are tried, by the word in a candidate's name.
_PROVIDERS = (('tensorrt', TENSORRT), ('cuda', CUDA), ('cpu', CPU))


@dataclass(frozen=True)
class Candidate:
    """One way of running a bundle here, not yet tried.

    Attributes:
        name (str): such as ``'tensorrt:fp16'`` or ``'onnxruntime-cpu:fp32-logits'``.
        variant (str): the variant whose golden tolerances it must keep.
        make (callable): gives the `Backend`, not active; for the thread that will own it. Raises `BackendError`
            or `BundleError` with the reason where that is known beforehand.
        backend, precision (str): as in `Runtime`.
        start_s (float): longest wait until it is loaded, in seconds.
        file_variant (str): the variant whose file it runs; ``''`` for an engine, which says so itself.
    """

    name: str
    variant: str
    make: Callable
    backend: str
    precision: str
    start_s: float
    file_variant: str = ''


def engine_offers(bundle, runtime):
    """A candidate for every precision of which the store has an engine, of this bundle or another.

    Args:
        bundle (Bundle): an opened bundle.
        runtime (Runtime): with its folder of engines.
    Returns:
        list of Candidate: whose `make` finds the engine and raises why there is none that fits.
    """
    try:
        names = os.listdir(runtime.engines)
    except OSError:
        return []
    if not any(name.endswith('.engine.json') for name in names):
        return []
    from ..engines import EngineStore, proof_variant

    store = EngineStore(runtime.engines)
    # A sidecar that cannot be read still says in its name what it was for.
    there = {entry.key.precision if entry.record else entry.name.split('-')[0] for entry in store.list()}
    return [Candidate('tensorrt:' + precision, proof_variant(bundle, precision),
                      _engine_maker(bundle, store, precision), 'tensorrt', precision, _GPU_START_S)
            for precision in _ENGINE_ORDER if precision in there]


def provider_offers(bundle, runtime, build=False):
    """A candidate for every variant on every provider of ONNX Runtime.

    Args:
        bundle (Bundle): an opened bundle.
        runtime (Runtime): threads and the folder of engines.
        build (bool): let the TensorRT provider build what it lacks.
    """
    offers = []
    for word, provider in _PROVIDERS:
        start_s = _PROCESSOR_START_S if provider == CPU else _GPU_START_S
        if provider == TENSORRT and build:
            start_s = _BUILD_START_S
        for variant in bundle.variants.values():
            offers.append(Candidate('onnxruntime-%s:%s' % (word, variant.name), variant.name,
                                    _session_maker(bundle, variant, provider, runtime, build), 'onnxruntime',
                                    variant.precision, start_s, variant.name))
    return offers


def _engine_maker(bundle, store, precision):
    def make():
        from ..engines import find_engine
        from .tensorrt_backend import TensorRTBackend

        found = find_engine(store, bundle, precision)
        variant = bundle.variants[found.record['variant']]
        backend = TensorRTBackend(found.plan, bundle.inputs, variant.outputs, precision, found.record)
        return _finished(backend, bundle, variant, found.notes)
    return make


def _session_maker(bundle, variant, provider, runtime, build):
    def make():
        require_provider(provider)  # before the file is read: most machines have one provider
        cache = _cache(bundle, variant, runtime.engines, build) if provider == TENSORRT else ''
        backend = OnnxRuntimeBackend(bundle.read_model(variant.name), bundle.inputs, variant.outputs, runtime.threads,
                                     provider, variant.precision, cache)
        return _finished(backend, bundle, variant)
    return make


def _finished(backend, bundle, variant, notes=()):
    if not variant.answers:
        backend = FromLogits(backend, bundle.outputs)
    backend.chosen = dict({'variant': variant.name}, **({'notes': list(notes)} if notes else {}))
    return backend


def _cache(bundle, variant, engines, build):
    """Folder for what the TensorRT provider builds of a variant on this machine.

    ONNX Runtime names its files after the graph alone and would load what another release or board built.

    Raises:
        BackendError: ``engine-missing`` where nothing was built and nothing may be: minutes of building at a
            start look like a program that hangs.
        StorageError: the folder cannot be made.
    """
    import onnxruntime

    from ..engines import machine_facts

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
                           'here; thermoscreen choose builds and measures it.' % variant.name)
    return folder
