"""What a network makes of a frame: its labels, where it is unsure of them, and its latents.

The network runs on the frame, its mirror image, and two sizes near its own. Where these answers differ, or each of them
wavers, it is unsure. The bundle's FP32 file runs in ONNX Runtime, so that every architecture is asked in the same way.
"""
from typing import Callable, NamedTuple, Tuple

import cv2
import numpy as np
import onnxruntime
from scipy.special import softmax

from export.features import LATENTS, with_latents
from export.variants import make_logits
from service.bundle import LOGITS
from service.regions import BACKGROUND, FLIPPED, REGIONS

#: Sizes of the variants beside the frame's own. Own: a camera that stands a hand's breadth nearer or farther.
_SIZES = (0.92, 1.08)

#: From a network's input, float32 1xCxHxW, to region logits, float32 RxHxW, and latents, float32 D.
Ask = Callable[[np.ndarray], Tuple[np.ndarray, np.ndarray]]


class Look(NamedTuple):
    """What a network makes of a frame.

    Attributes:
        latents: float32 D: mean of the deepest features over the frame, and deviation from it.
        labels: uint8 HxW at the size of the input, by the mean over the variants.
        unsure: float32 HxW, entropy of that mean in nats: what the variants waver about and what they disagree on.
        by_region: float R, mean of `unsure` where some variant sees the region; NaN where none does.
        total: mean of `by_region` over the regions but the background, so that a nipple counts as much as a breast;
            mean of `unsure` where no region is seen.
    """

    latents: np.ndarray
    labels: np.ndarray
    unsure: np.ndarray
    by_region: np.ndarray
    total: float


def look(ask: Ask, tensor: np.ndarray) -> Look:
    """Ask a network about a frame and its variants.

    Args:
        ask: the network.
        tensor: float32 1xCxHxW, as a chain makes it.
    """
    logits, latents = ask(tensor)
    answers = [softmax(logits, 0)]
    mirrored = softmax(ask(np.ascontiguousarray(tensor[..., ::-1]))[0], 0)
    answers.append(mirrored[FLIPPED][..., ::-1])
    for size in _SIZES:
        there, back = _about_centre(tensor.shape[2:], size), _about_centre(tensor.shape[2:], 1 / size)
        answers.append(_warped(softmax(ask(_warped(tensor[0], there)[np.newaxis])[0], 0), back, BACKGROUND))
    mean = np.mean(answers, axis=0)
    unsure = -(mean * np.log(np.maximum(mean, 1e-9))).sum(0).astype(np.float32)
    seen = np.array([answer.argmax(0) for answer in answers])
    by_region = np.array([unsure[(seen == region).any(0)].mean() if (seen == region).any() else np.nan
                          for region in range(len(REGIONS))])
    is_there = np.isfinite(by_region) & (np.arange(len(REGIONS)) != BACKGROUND)
    total = by_region[is_there].mean() if is_there.any() else unsure.mean()
    return Look(latents, mean.argmax(0).astype(np.uint8), unsure, by_region, float(total))


def _about_centre(shape: Tuple[int, ...], size: float) -> np.ndarray:
    """The affine map that enlarges a picture of a shape about its centre."""
    return cv2.getRotationMatrix2D(((shape[1] - 1) / 2, (shape[0] - 1) / 2), 0, size)


def _warped(planes: np.ndarray, matrix: np.ndarray, certain: int = -1) -> np.ndarray:
    """Planes CxHxW through an affine map; outside is 0, and 1 in the plane `certain`."""
    size = planes.shape[2], planes.shape[1]
    return np.stack([cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                                    borderValue=float(number == certain)) for number, plane in enumerate(planes)])


def asking(model: bytes, threads: int = 1) -> Ask:
    """A network of ours to be asked.

    Args:
        model: FP32 ONNX file with labels and confidence.
        threads: of one run; 0 for every core.

    Raises:
        InputError: as `export.variants.make_logits` and `export.features.with_latents`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(with_latents(make_logits(model)), options,
                                           providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name

    def ask(tensor: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        logits, latents = session.run([LOGITS, LATENTS], {name: tensor})
        return logits[0], latents[0]

    return ask
