"""Everything that can be said about a network before anybody carries it to a board."""
from dataclasses import dataclass
from typing import Optional

from export.check.graph import Graph
from export.check.read import read_model

from . import memory
from .fusion import Fused, UnknownShapeError, fuse
from .latency import Latency, has_latency, lower_limit_ms, predict
from .memory import BYTES, Need
from .pipeline import Pipeline, through

#: Why other boards get no latency.
NO_FIGURES = ('No latency: per-layer figures to fit a prediction to were published for the Jetson Nano only, and its '
              'coefficients say nothing about another GPU.')


@dataclass(frozen=True)
class Preflight:
    """What was found out.

    Attributes:
        target (export.targets.Target): the board.
        precision (str): of the engine.
        fused (Fused or None): the network as kernels; None where `reason` says why it cannot be.
        reason (str): why nothing beyond operators is predicted, or ``''``.
        need (Need or None): memory.
        latency (Latency or None): predicted; None without published figures for the target.
        limit_ms (float or None): lower limit of a target without latency, where its bandwidth is known.
        pipeline (Pipeline or None): with everything around the network.
    """

    target: object
    precision: str
    fused: Optional[Fused]
    reason: str
    need: Optional[Need]
    latency: Optional[Latency]
    limit_ms: Optional[float]
    pipeline: Optional[Pipeline]

    @property
    def fits_memory(self):
        """Whether the target has room with cuBLAS, cuDNN, the service and a desktop (bool); None where not known."""
        if self.need is None or not self.target.memory_bytes:
            return None
        needed = self.need.total_mib()[1] + memory.SERVICE_MIB + memory.DESKTOP_MIB
        return needed * 2 ** 20 <= self.target.memory_bytes


def preflight(model, target, precision='fp16', frame='320x240', name='The file'):
    """Predict what a network costs on a target.

    Args:
        model (bytes): ONNX file in FP32, as TensorRT gets it; the precision is asked of the builder.
        target (export.targets.Target): the board.
        precision (str): ``'fp16'``, which every target has, or ``'fp32'``.
        frame (str): size of the camera's picture.
        name (str): what to call the file in a message.

    Returns:
        Preflight

    Raises:
        InputError: ``onnx-unreadable``.
    """
    try:
        fused = fuse(Graph(read_model(model, name), target, len(model)))
    except UnknownShapeError as error:
        return Preflight(target, precision, None, 'The size of tensor %s is not fixed, so work and memory cannot be '
                         'counted; export with fixed shapes.' % error, None, None, None, None)
    latency = predict(fused, precision) if has_latency(target) else None
    around = through(latency, 4 * sum(fused.sizes[one] for one in fused.outputs), frame) if latency else None
    limit = None if latency else lower_limit_ms(fused, BYTES[precision], target)
    return Preflight(target, precision, fused, '', memory.need(fused, precision), latency, limit, around)
