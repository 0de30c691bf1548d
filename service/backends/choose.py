"""What could run a bundle on this machine, in the order in which it is tried."""
from dataclasses import dataclass

from ..messages import BackendError
from .choice import follow
from .offers import engine_offers, provider_offers

#: What the settings of the same names may say.
BACKENDS = ('auto', 'onnxruntime', 'tensorrt')
PRECISIONS = ('auto', 'fp32', 'fp16', 'int8')

#: The candidate that every other one is compared with.
REFERENCE = 'onnxruntime-cpu:fp32'


@dataclass(frozen=True)
class Runtime:
    """What an installation may set about running a bundle.

    Attributes:
        backend (str): one of `BACKENDS`.
        precision (str): one of `PRECISIONS`. ``'auto'`` is what was measured and written by ``thermoscreen choose
            --write``; before that, the engines that were compiled, and FP32 on ONNX Runtime.
        engines (str): folder of engines and of the written choice; ``''`` for none.
        threads (int): processor threads of one inference; 0 for every core.
    """

    backend: str = 'auto'
    precision: str = 'auto'
    engines: str = ''
    threads: int = 0

    @classmethod
    def from_settings(cls, settings):
        """The runtime that `Settings` ask for; engines in ``'auto'`` are where ``thermoscreen compile`` puts them."""
        engines = settings.engines
        if engines == 'auto':
            from ..engines import default_folder  # for those alone who ask for it

            engines = default_folder()
        return cls(settings.backend, settings.precision, engines, settings.threads)


def every_candidate(bundle, runtime, build=False):
    """Every way of running a bundle that the runtime does not exclude, whether or not it works here.

    Args:
        bundle (Bundle): an opened bundle.
        runtime (Runtime): what is allowed.
        build (bool): let ONNX Runtime's TensorRT provider build what it lacks, which takes minutes.
    Returns:
        list of Candidate: engines of the store, then ONNX Runtime on TensorRT, CUDA and the processor.
    """
    found = []
    if runtime.backend in ('auto', 'tensorrt') and runtime.engines:
        found += engine_offers(bundle, runtime)
    if runtime.backend in ('auto', 'onnxruntime'):
        found += provider_offers(bundle, runtime, build)
    return [candidate for candidate in found if runtime.precision in ('auto', candidate.precision)]


def candidates(bundle, runtime):
    """What is tried for a bundle, best first.

    Args:
        bundle (Bundle): an opened bundle.
        runtime (Runtime): what is allowed.
    Returns:
        list of Candidate: at least one.
    Raises:
        BackendError: ``engine-missing`` or ``precision-missing`` where nothing may even be tried.
    """
    return plan(bundle, runtime)[0]


def plan(bundle, runtime):
    """`candidates`, and why a written choice was not followed.

    Returns:
        tuple: (list of Candidate, list of notes as `choice.note` makes them).
    """
    every = every_candidate(bundle, runtime)
    usual = _usual(bundle, runtime, every)
    if not usual:
        raise _nothing(bundle, runtime)
    if runtime.precision != 'auto' or not runtime.engines:
        return usual, []
    name, notes = follow(runtime.engines, bundle.manifest.sha256, [candidate.name for candidate in every],
                         runtime.threads)
    first = [candidate for candidate in every if candidate.name == name]
    return first + [candidate for candidate in usual if candidate.name != name], notes


def reference(bundle, threads=0):
    """The one way that runs everywhere and that everything else is compared with: FP32 on the processor.

    Args:
        bundle (Bundle): an opened bundle.
        threads (int): processor threads of one inference; 0 for every core.
    Returns:
        Candidate: called `REFERENCE`.
    """
    offers = provider_offers(bundle, Runtime(threads=threads))
    return next(candidate for candidate in offers if candidate.name == REFERENCE)


def _usual(bundle, runtime, every):
    """Candidates without a measured choice: every engine, and on each provider one variant.

    An engine is there because somebody compiled and proved it. Of ONNX Runtime nobody has asked whether this
    machine is faster in another precision than FP32, and some are slower.
    """
    precision = 'fp32' if runtime.precision == 'auto' else runtime.precision
    fitting = [variant for variant in bundle.variants.values() if variant.precision == precision]
    # What ends in ArgMax first: ONNX Runtime has it everywhere.
    fitting.sort(key=lambda variant: not variant.answers)
    best = fitting[0].name if fitting else None
    return [candidate for candidate in every if candidate.backend == 'tensorrt' or candidate.file_variant == best]


def _nothing(bundle, runtime):
    if runtime.backend == 'tensorrt':
        wanted = '' if runtime.precision == 'auto' else runtime.precision + ' '
        return BackendError('engine-missing', 'There is no %sengine in %s; build one with thermoscreen compile %s, or '
                            'set backend to auto.' % (wanted, runtime.engines or 'any folder (engines is not set)',
                                                      bundle.folder))
    return BackendError('precision-missing', 'The bundle in %s has no %s variant, only %s; set precision to auto or '
                        'name another bundle with --bundle.'
                        % (bundle.folder, runtime.precision, ', '.join(bundle.variants)))

