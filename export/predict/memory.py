"""What a network needs of a board's memory: weights, activations while it runs, and what the libraries take."""
from dataclasses import dataclass

from .kernel import total_weights

_MIB = 1024 * 1024
#: Bytes of a value.
BYTES = {'fp32': 4, 'fp16': 2}

#: MiB that a TensorRT 8.2 process takes on a Jetson Nano before any weights, lowest and highest seen in logs: CUDA
#: with TensorRT, then cuBLAS, then cuDNN. The last two are not loaded where their tactic sources are left out.
CUDA_MIB, CUBLAS_MIB, CUDNN_MIB = (203, 230), (156, 160), (240, 240)
LIBRARIES_FROM = 'logs of TensorRT 8.0 and 8.2 on a Jetson Nano; NVIDIA/TensorRT issue 3907 for leaving them out'

#: MiB of the graphical desktop, which an appliance turns off (jetson-containers, docs/setup.md).
DESKTOP_MIB = 800
#: MiB that the service itself may take (the project's own limit, on a PC with ONNX Runtime; not a Nano's figure).
SERVICE_MIB = 250


@dataclass(frozen=True)
class Need:
    """Memory of a network, bytes.

    Attributes:
        weights (int): constants in the precision of the kernels.
        activations (int): most that is held at once between kernels, inputs and outputs included.
    """

    weights: int
    activations: int

    def total_mib(self, libraries=True):
        """(lowest, highest) MiB with CUDA, and with cuBLAS and cuDNN where `libraries`."""
        own = (self.weights + self.activations) / _MIB
        parts = (CUDA_MIB, CUBLAS_MIB, CUDNN_MIB) if libraries else (CUDA_MIB,)
        return tuple(own + sum(part[end] for part in parts) for end in (0, 1))


def need(fused, precision):
    """What a network needs.

    Args:
        fused (Fused): of `fuse`.
        precision (str): of `BYTES`.

    Returns:
        Need: TensorRT reuses what is no longer read, and so does this count; its scratch memory is not known.
    """
    size = BYTES[precision]
    return Need(total_weights(fused.kernels) * size, peak(fused) * size)


def peak(fused):
    """Elements that are held at once at the worst moment (int)."""
    last = {name: len(fused.flows) for name in fused.outputs}
    first = {name: 0 for name in fused.inputs}
    for place, (reads, writes) in enumerate(fused.flows):
        for name in (*reads, *writes):
            first.setdefault(name, place)
            last[name] = max(last.get(name, place), place)
    # Inputs and outputs are bound for as long as the engine runs.
    first.update((name, 0) for name in fused.outputs)
    last.update((name, len(fused.flows)) for name in fused.inputs)
    return max(sum(fused.sizes[name] for name in first if first[name] <= place <= last[name])
               for place in range(len(fused.flows) + 1))
