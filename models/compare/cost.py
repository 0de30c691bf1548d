"""What a network costs: parameters, arithmetic, file size, time on this machine's CPU beside the shipped network."""
import dataclasses
import tempfile
import time
from pathlib import Path

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
        parameters (int): weights.
        gmac (float): multiply-accumulates of convolutions and matrix products, 1e9.
        megabytes (float): ONNX file, FP32.
        ratio (float): median latency over the shipped network's, measured alternately in one process.
        ratio_range (tuple): lowest and highest ratio of the rounds.
        median_ms (float): of this network on this machine.
    """

    parameters: int
    gmac: float
    megabytes: float
    ratio: float
    ratio_range: tuple
    median_ms: float


def measure_cost(name, options, height, width, channels, threads=1, rounds=5, repeats=8):
    """Cost of an architecture.

    Args:
        name (str), options (dict): as `models.architectures.build` takes them.
        height, width, channels (int): input.
        threads (int): of both networks. One by default: thread pools of two sessions in one process spin against
            each other and slow both.
        rounds, repeats (int): rounds of the ratio, and runs of each network a round.
    Returns:
        Cost
    """
    torch.manual_seed(0)
    network = _unfolded(build(name, **options)).eval()
    parameters, gmac = count_cost(network, height, width, channels)
    data = _onnx(network, height, width, channels)
    shipped = _session(open_bundle(SHIPPED_BUNDLE).model, threads)
    ratios, times = _race(_runner(_session(data, threads)), _runner(shipped), rounds, repeats)
    return Cost(parameters, gmac, len(data) / 1e6, float(np.median(ratios)),
                (float(min(ratios)), float(max(ratios))), float(np.median(times)) * 1e3)


def measure_curves(height, width, threads=1, rounds=5, repeats=4):
    """Time of the Betti curves of one grey picture; they have no weights and no ONNX file."""
    grey = (255 * np.random.default_rng(0).random((height // 4, width // 4))).astype(np.uint8)
    grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC)
    shipped = _session(open_bundle(SHIPPED_BUNDLE).model, threads)
    ratios, times = _race(lambda: betti_curves(grey), _runner(shipped), rounds, repeats)
    return Cost(0, 0.0, 0.0, float(np.median(ratios)), (float(min(ratios)), float(max(ratios))),
                float(np.median(times)) * 1e3)


def usual_input(name):
    """(height, width, channels) of an architecture's usual input."""
    entry = ARCHITECTURES[name]
    return entry.height, entry.width, entry.channels


def _unfolded(network):
    """Blocks that start as nothing (a last normalisation of weight 0) would be left out of the simplified graph."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and not module.weight.any():
            torch.nn.init.ones_(module.weight)
    return network


def _onnx(network, height, width, channels):
    with tempfile.TemporaryDirectory() as folder:
        return export_onnx(network, Path(folder) / 'model.onnx', height, width, channels).SerializeToString()


def _session(data, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=['CPUExecutionProvider'])


def _runner(session):
    """One inference of a session as a call without arguments."""
    entry = session.get_inputs()[0]
    feed = {entry.name: np.random.default_rng(0).random(entry.shape, np.float32)}
    return lambda: session.run(None, feed)


def _race(network, shipped, rounds, repeats):
    """Ratios of the rounds' medians, and all times of the network in seconds."""
    for run in (network, shipped) * 3:
        run()
    ratios, times = [], []
    for _ in range(rounds):
        took = ([], [])
        for _ in range(repeats):
            for mine, run in zip(took, (network, shipped)):
                started = time.perf_counter()
                run()
                mine.append(time.perf_counter() - started)
        ratios.append(float(np.median(took[0]) / np.median(took[1])))
        times += took[0]
    return ratios, times
