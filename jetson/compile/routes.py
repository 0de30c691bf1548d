"""Routes to a precision: what this GPU computes in, which file is compiled, and what tells TensorRT the precision."""
from dataclasses import dataclass, replace
from typing import Any, List, Optional

from service.bundle import BASE, Bundle
from service.messages import BackendError

#: The lowest first.
PRECISIONS = ('int8', 'fp16', 'fp32')

#: What tells TensorRT the precision.
PLAIN, FLAG, CALIBRATION, MEASURED, QDQ = 'plain', 'flag', 'calibration', 'measured', 'qdq'

_METHODS = {PLAIN: 'as the file says', FLAG: 'lowered by TensorRT', CALIBRATION: 'with the calibration cache',
            MEASURED: 'with ranges that TensorRT measures', QDQ: 'with the ranges in the file'}

#: The same network with logits as its output, for a TensorRT without a kernel for the ArgMax.
_LOGITS = {'fp32': ('fp32-logits',), 'fp16': ('fp16-logits',)}

#: For an FP16 engine the weights may already be rounded; some bundles carry only that file, which is half the size.
_LOGITS_IN_FP16 = {'fp32': ('fp32-logits', 'fp16-logits'), 'fp16': ('fp16-logits',)}

#: GPUs, by compute capability times ten, for which the network without ArgMax is compiled first: the Nano's. There,
#: TensorRT implements ArgMax as a TopK, which over a whole picture may have no kernel at all ([Bourrieau2024]) or one
#: that runs until CUDA stops it, and the build aborts ([OnnxTensorrt671]). The last step on the CPU costs less than
#: that: see "Labels without ArgMax" in docs/figures.md. Elsewhere no such report is known, and the GPU has the time.
_LOGITS_FIRST = (53,)

_MISSING = {
    'fp16': ('TensorRT %s takes FP16 only from an FP16 file, and the bundle has none.',
             'Export it again with one, or build with --precision fp32.'),
    'int8': ('The bundle has no INT8 ranges for TensorRT %s: neither a calibration cache that it reads nor an int8-qdq '
             'variant.', 'Run thermoscreen calibrate on the workstation, or build with --precision fp16.'),
}


@dataclass(frozen=True)
class Abilities:
    """What decides how a precision is reached on this machine.

    Attributes:
        tensorrt: its release.
        sm: compute capability times ten.
        fp16: the GPU computes in FP16 natively. Where it does not, TensorRT still builds an engine, and a slower one.
        int8: as `fp16`.
        flags: the precision is a flag of the builder; from 11 on it is what the ONNX file says.
        calibrators: INT8 ranges can come from a calibration cache; from 11 on they cannot.
    """

    tensorrt: str
    sm: int
    fp16: bool
    int8: bool
    flags: bool
    calibrators: bool


@dataclass(frozen=True)
class Route:
    """One route: `precision`, the bundle's `variant` that is compiled, and the `method`, such as `FLAG`."""

    precision: str
    variant: str
    method: str

    def __str__(self) -> str:
        return '%s from %s, %s' % (self.precision.upper(), self.variant, _METHODS[self.method])


def read_abilities(trt: Any, builder: Any, sm: int) -> Abilities:
    """The abilities of this machine.

    Args:
        trt: the `tensorrt` module.
        builder: a `tensorrt.Builder` of this GPU; newer ones no longer answer what it computes in.
        sm: compute capability times ten, which decides in that case.
    """
    return Abilities(
        tensorrt=str(trt.__version__),
        sm=sm,
        fp16=bool(getattr(builder, 'platform_has_fast_fp16', _has_fp16(sm))),
        int8=bool(getattr(builder, 'platform_has_fast_int8', _has_int8(sm))),
        flags=hasattr(trt.BuilderFlag, 'FP16'),
        calibrators=hasattr(trt, 'IInt8EntropyCalibrator2') and hasattr(trt.BuilderFlag, 'INT8'),
    )


def choose_precision(bundle: Bundle, abilities: Abilities) -> str:
    """What ``auto`` means here: the lowest precision that is native and that the bundle was made for.

    It is likely to be the fastest; ``thermoscreen choose`` measures which one is.
    """
    if abilities.int8 and _int8_routes(bundle, abilities):
        return 'int8'
    if abilities.fp16 and _fp16_routes(bundle, abilities):
        return 'fp16'
    return 'fp32'


def find_routes(bundle: Bundle, precision: str, abilities: Abilities, from_logits: bool = False,
                measured: bool = False) -> List[Route]:
    """The routes to a precision, the preferred one first and at least one.

    On a Nano (`_LOGITS_FIRST`) those without ArgMax come first, where the bundle has them.

    Args:
        precision: ``'fp32'``, ``'fp16'`` or ``'int8'``.
        from_logits: only those that leave the ArgMax out.
        measured: only INT8 by ranges that TensorRT measures on frames.
    Raises:
        BackendError: ``precision-unsupported`` where the GPU does not compute in it, ``precision-missing`` where the
            bundle has nothing to build it from, ``calibrator-missing``, ``logits-missing``; each says what to build
            instead.
    """
    if not {'fp32': True, 'fp16': abilities.fp16, 'int8': abilities.int8}[precision]:
        raise _unsupported(precision, abilities)
    if measured:
        if not abilities.calibrators:
            raise BackendError('calibrator-missing', 'TensorRT %s no longer has calibrators.' % abilities.tensorrt,
                               'Leave --frames out to build INT8 from the bundle.')
        return [Route('int8', 'fp32-logits' if from_logits else BASE, MEASURED)]
    routes = {'fp32': _fp32_routes, 'fp16': _fp16_routes, 'int8': _int8_routes}[precision](bundle, abilities)
    if not routes:
        problem, next_step = _MISSING[precision]
        raise BackendError('precision-missing', problem % abilities.tensorrt, next_step)
    bare = [other for other in (without_argmax(bundle, route) for route in routes) if other is not None]
    if not from_logits:
        return bare + routes if abilities.sm in _LOGITS_FIRST else routes
    routes = bare
    if not routes:
        raise BackendError('logits-missing', 'The bundle has no logits variant for %s.' % precision,
                           'Export it with one, or leave --from-logits out.')
    return routes


def without_argmax(bundle: Bundle, route: Route) -> Optional[Route]:
    """The same route through a variant that gives logits, or None where the bundle has none."""
    names = (_LOGITS_IN_FP16 if route.precision == 'fp16' else _LOGITS).get(route.variant, ())
    for name in names:
        if name in bundle.variants:
            return replace(route, variant=name)
    return None


def _unsupported(precision: str, abilities: Abilities) -> BackendError:
    """The refusal of a precision that the GPU does not compute in, naming the one to build instead."""
    instead = 'fp16' if precision == 'int8' and abilities.fp16 else 'fp32'
    return BackendError('precision-unsupported', 'This GPU (compute capability %d.%d) does not compute in %s: TensorRT '
                        'would refuse the model or build something slower.'
                        % (divmod(abilities.sm, 10) + (precision.upper(),)), 'Build with --precision %s.' % instead)


def _fp32_routes(bundle: Bundle, abilities: Abilities) -> List[Route]:
    return [Route('fp32', BASE, PLAIN)]


def _fp16_routes(bundle: Bundle, abilities: Abilities) -> List[Route]:
    if abilities.flags:
        return [Route('fp16', BASE, FLAG)]
    return [Route('fp16', 'fp16', PLAIN)] if 'fp16' in bundle.variants else []


def _int8_routes(bundle: Bundle, abilities: Abilities) -> List[Route]:
    """The cache first: with it TensorRT may run a layer in FP16 where that is faster; with Q/DQ it may not."""
    routes = []
    if abilities.calibrators and bundle.manifest.raw.get('calibration'):
        routes.append(Route('int8', BASE, CALIBRATION))
    if 'int8-qdq' in bundle.variants:
        routes.append(Route('int8', 'int8-qdq', QDQ))
    return routes


def _has_fp16(sm: int) -> bool:
    """Half precision at twice the rate of single: 5.3, 6.0, 6.2 and from 7.0 on; a 64th in 6.1 [NvidiaGuide2021]."""
    return sm in (53, 60, 62) or sm >= 70


def _has_int8(sm: int) -> bool:
    """The four-way integer dot product: 6.1, and from 7.0 on; 5.3 and 6.2 have none [NvidiaGuide2021]."""
    return sm == 61 or sm >= 70
