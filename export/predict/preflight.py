"""Everything that is predicted for a network before anybody carries it to a board: memory, latency, pipeline."""
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from export.check.graph import Graph, read_model
from export.targets import Target

from .fusion import FusedNetwork, UnknownShapeError, fuse
from .kernel import BYTES, total_weights
from .latency import Latency, has_latency, lower_limit_ms, predict
from .pipeline import PipelinePrediction, predict_pipeline

#: Why other boards get no latency.
NO_FIGURES = ('No latency: per-layer figures to fit a prediction to were published for the Jetson Nano only, and its '
              'coefficients say nothing about another GPU.')

_MIB = 1024 * 1024

#: MiB that a TensorRT 8.2 process takes on a Jetson Nano before any weights, lowest and highest seen in logs: CUDA
#: with TensorRT, then cuBLAS, then cuDNN. The last two are not loaded where their tactic sources are left out.
CUDA_MIB, CUBLAS_MIB, CUDNN_MIB = (203, 230), (156, 160), (240, 240)
LIBRARIES_FROM = 'logs of TensorRT 8.0 and 8.2 on a Jetson Nano; NVIDIA/TensorRT issue 3907 for leaving them out'

#: MiB of the graphical desktop, which an appliance turns off (jetson-containers, docs/setup.md).
DESKTOP_MIB = 800
#: MiB that the service itself may take (the project's own limit, on a PC with ONNX Runtime; not a Nano's figure).
SERVICE_MIB = 250


@dataclass(frozen=True)
class MemoryNeed:
    """Memory of a network, bytes.

    Attributes:
        weights: constants in the precision of the kernels.
        activations: the most that is held at once between kernels, including inputs and outputs.
    """

    weights: int
    activations: int

    def total_mib(self, libraries: bool = True) -> Tuple[float, float]:
        """(lowest, highest) MiB with CUDA, and with cuBLAS and cuDNN where `libraries` is set."""
        own = (self.weights + self.activations) / _MIB
        parts = (CUDA_MIB, CUBLAS_MIB, CUDNN_MIB) if libraries else (CUDA_MIB,)
        return own + sum(low for low, _ in parts), own + sum(high for _, high in parts)


@dataclass(frozen=True)
class Preflight:
    """The prediction for a network on a target.

    Attributes:
        target: the board.
        precision: of the engine.
        fused: the network as kernels; None where `reason` says why that is impossible.
        reason: why nothing beyond operators is predicted; empty where it is.
        memory: what the network needs.
        latency: predicted; None where no figures were published for the target.
        limit_ms: lower limit of the latency where it is not predicted but the bandwidth is known.
        pipeline: the network with everything around it.
    """

    target: Target
    precision: str
    fused: Optional[FusedNetwork] = None
    reason: str = ''
    memory: Optional[MemoryNeed] = None
    latency: Optional[Latency] = None
    limit_ms: Optional[float] = None
    pipeline: Optional[PipelinePrediction] = None

    @property
    def fits_memory(self) -> Optional[bool]:
        """Whether the target has room with cuBLAS, cuDNN, the service and a desktop; None where unknown."""
        if self.memory is None or not self.target.memory_bytes:
            return None
        needed = self.memory.total_mib()[1] + SERVICE_MIB + DESKTOP_MIB
        return needed * 2 ** 20 <= self.target.memory_bytes


def preflight(model: bytes, target: Target, precision: str = 'fp16', frame: str = '320x240',
              name: str = 'The file') -> Preflight:
    """Predict what a network costs on a target.

    Args:
        model: ONNX file in FP32, as TensorRT gets it; the builder makes the precision.
        target: the board.
        precision: ``'fp16'``, which every target has, or ``'fp32'``.
        frame: size of the camera's picture.
        name: what to call the file in a message.

    Raises:
        InputError: ``onnx-unreadable``.
    """
    try:
        fused = fuse(Graph(read_model(model, name), target, len(model)))
    except UnknownShapeError as error:
        return Preflight(target, precision, reason='The size of tensor %s is not fixed, so work and memory cannot be '
                         'counted; export with fixed shapes.' % error)
    memory = memory_need(fused, precision)
    if not has_latency(target):
        return Preflight(target, precision, fused, memory=memory, limit_ms=lower_limit_ms(fused, precision, target))
    latency = predict(fused, precision)
    pipeline = predict_pipeline(latency, 4 * sum(fused.sizes[output] for output in fused.outputs), frame)
    return Preflight(target, precision, fused, memory=memory, latency=latency, pipeline=pipeline)


def memory_need(fused: FusedNetwork, precision: str) -> MemoryNeed:
    """What a network needs.

    TensorRT reuses what is no longer read, and so does this count; its scratch memory is unknown.
    """
    size = BYTES[precision]
    return MemoryNeed(total_weights(fused.kernels) * size, peak_elements(fused) * size)


def peak_elements(fused: FusedNetwork) -> int:
    """Elements that are held at once at the worst moment."""
    last = {name: len(fused.flows) for name in fused.outputs}
    first: Dict[str, int] = {name: 0 for name in fused.inputs}
    for place, (reads, writes) in enumerate(fused.flows):
        for name in (*reads, *writes):
            first.setdefault(name, place)
            last[name] = max(last.get(name, place), place)
    # Inputs and outputs are bound for as long as the engine runs.
    first.update((name, 0) for name in fused.outputs)
    last.update((name, len(fused.flows)) for name in fused.inputs)
    return max(sum(fused.sizes[name] for name in first if first[name] <= place <= last[name])
               for place in range(len(fused.flows) + 1))
