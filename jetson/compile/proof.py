"""The proof of a plan: the golden answer, and how long the first answers took."""
import time

import numpy as np

from service.backends.from_logits import FromLogits
from service.backends.tensorrt_backend import TensorRTBackend
from service.bundle import prove
from service.messages import BackendError, BundleError
from service.selection import proof_variant

#: Runs that are timed after the proof. They tell a later start whether an engine from the store has become
#: slow, and are no benchmark.
TIMED_RUNS = 20

_LOWER = {'int8': 'fp16', 'fp16': 'fp32'}


def prove_plan(bundle, plan, precision, variant, record=None):
    """Run a plan on the bundle's golden pair.

    Args:
        bundle (Bundle): an opened bundle.
        plan (bytes): as built, or as `EngineStore.find` read it.
        precision (str): what it was built for.
        variant (str): the bundle's variant it was compiled from.
        record (dict): its sidecar, where it has one.
    Returns:
        tuple: what the golden pair measured (dict), and `latency` (dict of ``n``, ``median``, ``p90`` and
        ``worst`` in milliseconds, copies to and from the GPU included).
    Raises:
        BackendError: ``engine-refused`` and others of the backend; ``engine-not-finite`` for NaN or
            infinity; ``engine-unproven`` for another answer than the golden one.
    """
    backend = TensorRTBackend(plan, bundle.inputs, bundle.variants[variant].outputs, precision, record)
    if not bundle.variants[variant].answers:
        backend = FromLogits(backend, bundle.outputs)
    fed = []
    with backend:
        def infer(feed):
            outputs = backend.infer(feed)
            _check_finite(outputs, precision)
            fed.append(feed)
            return outputs

        try:
            measured = prove(bundle, infer, proof_variant(bundle, precision))
        except BundleError as error:
            if error.code != 'golden-mismatch':
                raise
            raise BackendError('engine-unproven', 'The %s engine does not give the golden answer (%s); it is not '
                               'used.%s' % (precision.upper(), error.detail, _instead(precision)), detail=error.detail)
        return measured, _latency(backend, fed[0])


def _check_finite(outputs, precision):
    broken = sorted(name for name, array in outputs.items()
                    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all())
    if broken:
        raise BackendError('engine-not-finite', 'The %s engine gives values that are no numbers (%s); it is not used.%s'
                           % (precision.upper(), ', '.join(broken), _instead(precision)))


def _instead(precision):
    lower = _LOWER.get(precision)
    return ' Build with --precision %s.' % lower if lower else ' Report this with the output of --debug.'


def _latency(backend, feed):
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        backend.infer(feed)
        times.append(1000 * (time.perf_counter() - started))
    return {'n': len(times), 'median': round(float(np.median(times)), 3),
            'p90': round(float(np.percentile(times, 90)), 3), 'worst': round(max(times), 3)}
