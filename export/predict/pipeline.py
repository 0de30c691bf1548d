"""The whole way from a frame to a picture on a Jetson Nano: the network's prediction, copies, and the processor."""
from dataclasses import dataclass

from . import cpu
from .cpu import Range


@dataclass(frozen=True)
class Pipeline:
    """A frame's way, 90th percentile, milliseconds.

    Attributes:
        frame (str): size of the camera's picture, such as ``'320x240'``.
        network (Range): prediction with its outer interval; `network_ms` is the prediction itself.
        network_ms (float): predicted.
        copies_ms (float): to the GPU and back.
        unpinning (Range): outputs into ordinary memory, assumed.
        stages (dict): stage to (Range on a Nano, milliseconds measured on the PC).
    """

    frame: str
    network: Range
    network_ms: float
    copies_ms: float
    unpinning: Range
    stages: dict

    def processor(self, picture):
        """Range of the processor's stages together, with or without drawing and encoding the picture."""
        return Range(0.0, 0.0).plus(*(found for stage, (found, _) in self.stages.items()
                                      if picture or stage not in cpu.PICTURE))

    def total(self, picture):
        """(low, predicted, high) of everything, one after another: all ends low, all in the middle, all high."""
        processor = self.processor(picture)
        whole = self.network.plus(processor, self.unpinning)
        middle = self.network_ms + processor.middle + self.unpinning.middle
        return tuple(value + self.copies_ms for value in (whole.low, middle, whole.high))


def through(latency, output_bytes, frame):
    """The pipeline around a network.

    Args:
        latency (Latency): of `predict`.
        output_bytes (int): of all outputs.
        frame (str): of `cpu.frames`.

    Returns:
        Pipeline
    """
    ratio = latency.network_p90_ms / latency.network_ms.middle
    low, high = latency.network_ms.outer
    return Pipeline(frame, Range(low * ratio, high * ratio), latency.network_p90_ms, sum(latency.copies_ms),
                    cpu.unpinning(output_bytes), cpu.stages(frame))
