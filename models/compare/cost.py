"""What a network costs: parameters, arithmetic, file size, latency on this CPU beside the shipped network."""
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import cv2
import numpy as np
import onnxruntime
import torch

from export.onnx_export import export_onnx
from service.bundle import open_bundle
from service.settings import SHIPPED_BUNDLE

from ..architectures import ARCHITECTURES, build, count_cost
from ..architectures.betti import betti_curves


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one picture.

    Attributes:
        parameters: weights.
        gmac: multiply-accumulates of convolutions and matrix products, 1e9.
        megabytes: ONNX file, FP32.
        ratio: median latency over the shipped network's, measured alternately in one process.
        ratio_range: lowest and highest ratio of the rounds.
        median_ms: of this network on this machine.
    """

    parameters: int
    gmac: float
    megabytes: float
    ratio: float
    ratio_range: Tuple[float, float]
    median_ms: float


def measure_cost(name: str, options: Dict[str, Any], height: int, width: int, channels: int, threads: int = 1,
                 rounds: int = 5, repeats: int = 8) -> Cost:
    """Cost of an architecture.

    Args:
        name, options: as `models.architectures.build` takes them.
        height, width, channels: input.
        threads: of both networks. One by default: thread pools of two sessions in one process spin against each other
            and slow both.
        rounds, repeats: rounds of the ratio, and runs of each network a round.
    """
    torch.manual_seed(0)
    network = _unfolded(build(name, **options)).eval()
    parameters, gmac = count_cost(network, height, width, channels)
    data = _onnx(network, height, width, channels)
    shipped = _session(open_bundle(SHIPPED_BUNDLE).model, threads)
    ratios, times = _race(_runner(_session(data, threads)), _runner(shipped), rounds, repeats)
    return Cost(parameters, gmac, len(data) / 1e6, float(np.median(ratios)),
                (float(min(ratios)), float(max(ratios))), float(np.median(times)) * 1e3)


def measure_curves(height: int, width: int, threads: int = 1, rounds: int = 5, repeats: int = 4) -> Cost:
    """Time of the Betti curves of one grey picture; they have no weights and no ONNX file."""
    coarse = (255 * np.random.default_rng(0).random((height // 4, width // 4))).astype(np.uint8)
    grey = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    shipped = _session(open_bundle(SHIPPED_BUNDLE).model, threads)
    ratios, times = _race(lambda: betti_curves(grey), _runner(shipped), rounds, repeats)
    return Cost(0, 0.0, 0.0, float(np.median(ratios)), (float(min(ratios)), float(max(ratios))),
                float(np.median(times)) * 1e3)


def usual_input(name: str) -> Tuple[int, int, int]:
    """Height, width and channels of an architecture's usual input."""
    entry = ARCHITECTURES[name]
    return entry.height, entry.width, entry.channels


def _unfolded(network: torch.nn.Module) -> torch.nn.Module:
    """Weights of 0 in a last normalisation set to 1: the simplified graph would leave such blocks out."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any():
            torch.nn.init.ones_(module.weight)
    return network


def _onnx(network: torch.nn.Module, height: int, width: int, channels: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return export_onnx(network, Path(folder) / 'model.onnx', height, width, channels).SerializeToString()


def _session(data: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])


def _runner(session: onnxruntime.InferenceSession) -> Callable[[], Any]:
    """One inference of a session as a call without arguments."""
    entry = session.get_inputs()[0]
    feed = {entry.name: np.random.default_rng(0).random(entry.shape, np.float32)}
    return lambda: session.run(None, feed)


def _race(network: Callable[[], Any], shipped: Callable[[], Any], rounds: int,
          repeats: int) -> Tuple[List[float], List[float]]:
    """Ratios of the rounds' medians, and all times of the network in seconds."""
    for run in (network, shipped) * 3:
        run()
    ratios: List[float] = []
    times: List[float] = []
    for _ in range(rounds):
        took: Tuple[List[float], List[float]] = ([], [])
        for _ in range(repeats):
            for mine, run in zip(took, (network, shipped)):
                started = time.perf_counter()
                run()
                mine.append(time.perf_counter() - started)
        ratios.append(float(np.median(took[0]) / np.median(took[1])))
        times += took[0]
    return ratios, times
