"""Ways to a precision: which file of the bundle is compiled, and what tells TensorRT the precision."""
from dataclasses import dataclass, replace

from service.messages import BackendError

#: The lowest first.
PRECISIONS = ('int8', 'fp16', 'fp32')

#: What tells TensorRT the precision.
PLAIN, FLAG, CALIBRATION, MEASURED, QDQ = 'plain', 'flag', 'calibration', 'measured', 'qdq'

_IN_WORDS = {PLAIN: 'as the file says', FLAG: 'lowered by TensorRT', CALIBRATION: 'with the calibration cache',
             MEASURED: 'with ranges that TensorRT measures', QDQ: 'with the ranges in the file'}

#: The same network with logits out, for a TensorRT that has no kernel for the ArgMax.
_LOGITS = {'fp32': ('fp32-logits',), 'fp16': ('fp16-logits',)}

#: With FP16 asked, weights may as well have been rounded before: bundles carry the file that is half the size.
_LOGITS_IN_FP16 = {'fp32': ('fp32-logits', 'fp16-logits'), 'fp16': ('fp16-logits',)}


@dataclass(frozen=True)
class Route:
    """One way: `precision`, the bundle's `variant` that is compiled, and the `method` (see above)."""

    precision: str
    variant: str
    method: str

    def __str__(self):
        return '%s from %s, %s' % (self.precision.upper(), self.variant, _IN_WORDS[self.method])


def choose_precision(bundle, abilities):
    """What ``auto`` means here: the lowest precision that is native and that the bundle was made for.

    Args:
        bundle (Bundle): an opened bundle.
        abilities (Abilities): of this machine.
    Returns:
        str: ``'int8'``, ``'fp16'`` or ``'fp32'``. It is what is likely to be fastest; which one is, the
        verb ``choose`` measures.
    """
    if abilities.int8 and _int8_routes(bundle, abilities):
        return 'int8'
    if abilities.fp16 and _fp16_routes(bundle, abilities):
        return 'fp16'
    return 'fp32'


def find_routes(bundle, precision, abilities, from_logits=False, measured=False):
    """The ways to a precision, the preferred one first.

    Args:
        bundle (Bundle): an opened bundle.
        precision (str): ``'fp32'``, ``'fp16'`` or ``'int8'``.
        abilities (Abilities): of this machine.
        from_logits (bool): only those that leave the ArgMax out.
        measured (bool): INT8 by ranges that TensorRT measures on frames, and by nothing else.
    Returns:
        list of Route: at least one.
    Raises:
        BackendError: ``precision-unsupported`` where the GPU has it not, ``precision-missing`` where the
            bundle has nothing to build it from, ``logits-missing``; each says what to build instead.
    """
    if not {'fp32': True, 'fp16': abilities.fp16, 'int8': abilities.int8}[precision]:
        raise unsupported(precision, abilities)
    if measured:
        if not abilities.calibrators:
            raise BackendError('calibrator-missing', 'TensorRT %s has no calibrators any more; leave --frames out to '
                               'build INT8 from the bundle.' % abilities.tensorrt)
        return [Route('int8', 'fp32-logits' if from_logits else 'fp32', MEASURED)]
    routes = {'fp32': _fp32_routes, 'fp16': _fp16_routes, 'int8': _int8_routes}[precision](bundle, abilities)
    if not routes:
        raise BackendError('precision-missing', _MISSING[precision] % abilities.tensorrt)
    if not from_logits:
        return routes
    routes = [other for other in (without_argmax(bundle, route) for route in routes) if other is not None]
    if not routes:
        raise BackendError('logits-missing', 'The bundle has no logits variant for %s; export it with one, or leave '
                           '--from-logits out.' % precision)
    return routes


def without_argmax(bundle, route):
    """The same route through a variant that gives logits, or None where the bundle has none."""
    names = (_LOGITS_IN_FP16 if route.precision == 'fp16' else _LOGITS).get(route.variant, ())
    for name in names:
        if name in bundle.variants:
            return replace(route, variant=name)
    return None


def unsupported(precision, abilities):
    """The refusal of a precision that the GPU does not compute in, with the one to take instead."""
    instead = 'fp16' if precision == 'int8' and abilities.fp16 else 'fp32'
    return BackendError('precision-unsupported', 'This GPU (compute capability %d.%d) does not compute in %s: TensorRT '
                        'would refuse the model or build something slower. Build with --precision %s.'
                        % (divmod(abilities.sm, 10) + (precision.upper(), instead)))


_MISSING = {
    'fp16': 'TensorRT %s takes FP16 only from an FP16 file, and the bundle has none; export it again with one, or '
            'build with --precision fp32.',
    'int8': 'The bundle has no INT8 ranges that TensorRT %s can take: neither a calibration cache that it reads nor '
            'an int8-qdq variant. Run thermoscreen calibrate on the workstation, or build with --precision fp16.',
}


def _fp32_routes(bundle, abilities):
    return [Route('fp32', 'fp32', PLAIN)]


def _fp16_routes(bundle, abilities):
    if abilities.flags:
        return [Route('fp16', 'fp32', FLAG)]
    return [Route('fp16', 'fp16', PLAIN)] if 'fp16' in bundle.variants else []


def _int8_routes(bundle, abilities):
    """The cache first: with it TensorRT may leave a layer in FP16 where that is faster, with Q/DQ it may not."""
    routes = []
    if abilities.calibrators and bundle.manifest.raw.get('calibration'):
        routes.append(Route('int8', 'fp32', CALIBRATION))
    if 'int8-qdq' in bundle.variants:
        routes.append(Route('int8', 'int8-qdq', QDQ))
    return routes
