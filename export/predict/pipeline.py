"""The whole way from a frame to a picture on a Jetson Nano: the network, copies, and the processor's stages.

The processor's stages were measured on a PC (`stages`) and are scaled by a ratio that is partly assumed.
"""
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Tuple

from .latency import SPREAD, Latency

#: Stages after the values of a result are known: the picture is drawn and encoded.
PICTURE_STAGES = ('overlay', 'encode')

_FOLDER = Path(__file__).parent / 'data'


@dataclass(frozen=True)
class Range:
    """A figure known to lie between two ends: milliseconds, or a ratio."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """Geometric mean of the ends."""
        return math.sqrt(self.low * self.high)

    def times(self, factor: float) -> 'Range':
        """The range with both ends multiplied by a number."""
        return Range(self.low * factor, self.high * factor)

    def plus(self, *others: 'Range') -> 'Range':
        """The sum of ranges, end by end."""
        return Range(self.low + sum(other.low for other in others), self.high + sum(other.high for other in others))


@dataclass(frozen=True)
class PipelinePrediction:
    """The way of a frame, 90th percentile, milliseconds.

    Attributes:
        frame: size of the camera's picture, such as ``'320x240'``.
        network: prediction with its outer interval.
        network_ms: the prediction itself.
        copies_ms: to the GPU and back.
        unpinning: outputs into ordinary memory, assumed.
        stages: stage to (range on a Nano, milliseconds measured on the PC).
    """

    frame: str
    network: Range
    network_ms: float
    copies_ms: float
    unpinning: Range
    stages: Dict[str, Tuple[Range, float]]

    def processor(self, picture: bool) -> Range:
        """The processor's stages together, with or without drawing and encoding the picture."""
        return Range(0.0, 0.0).plus(*(on_nano for stage, (on_nano, _) in self.stages.items()
                                      if picture or stage not in PICTURE_STAGES))

    def total(self, picture: bool) -> Tuple[float, float, float]:
        """(low, predicted, high) of all steps in sequence: the sums of the low ends, the middles and the high ends."""
        processor = self.processor(picture)
        whole = self.network.plus(processor, self.unpinning)
        middle = self.network_ms + processor.middle + self.unpinning.middle
        return whole.low + self.copies_ms, middle + self.copies_ms, whole.high + self.copies_ms


def predict_pipeline(latency: Latency, output_bytes: int, frame: str) -> PipelinePrediction:
    """The pipeline around a network.

    Args:
        latency: of the network.
        output_bytes: of all its outputs.
        frame: one of `frame_sizes`.
    """
    return PipelinePrediction(frame, Range(*latency.network_ms.outer).times(SPREAD), latency.network_p90_ms,
                              sum(latency.copies_ms), unpinning_ms(output_bytes), processor_stages(frame))


def processor_ratio() -> Range:
    """How much slower one core of a Nano is than the PC of `stages`.

    The lower end is the smaller of two published ratios, 7-Zip by core and memcpy. The upper end is the larger one
    times the ratio of vector widths, which is assumed.
    """
    processor = _load('processor.json')
    nano, here = processor['published'], processor['here']
    ratios = (here['seven_zip_mips_1_core'] / (nano['seven_zip_mips_4_cores'] / 4),
              here['memcpy_mb_s'] / nano['memcpy_mb_s'])
    return Range(min(ratios), max(ratios) * processor['vector_ratio'])


def processor_stages(frame: str) -> Dict[str, Tuple[Range, float]]:
    """Stage to (range of its 90th percentile on a Nano, milliseconds on the PC), for one of `frame_sizes`."""
    measured = _load('stages.json')['frames'][frame]
    return {stage: (processor_ratio().times(figures['p90_ms']), figures['p90_ms'])
            for stage, figures in measured.items() if stage != 'sum'}


def frame_sizes() -> Tuple[str, ...]:
    """Frame sizes that were measured, such as ``'320x240'``."""
    return tuple(_load('stages.json')['frames'])


def unpinning_ms(output_bytes: int) -> Range:
    """Milliseconds to copy pinned outputs into ordinary memory once; assumed."""
    slow, fast = _load('processor.json')['pinned_read_gb_s']
    return Range(output_bytes / fast / 1e6, output_bytes / slow / 1e6)


def origins() -> List[str]:
    """Where these figures come from, as sentences."""
    processor, measured = _load('processor.json'), _load('stages.json')
    return ['%s (%s).' % (measured['what'], measured['machine']),
            'Nano over PC %.1f to %.1f: 7-Zip by core and memcpy from %s (%s) against the same here; upper end %s.'
            % (processor_ratio().low, processor_ratio().high, processor['published']['where'],
               processor['published']['conditions'], processor['vector_reason']),
            'Pinned outputs %g to %g GB/s, %s.' % (*processor['pinned_read_gb_s'], processor['pinned_reason'])]


@functools.lru_cache(maxsize=None)
def _load(name: str) -> Dict[str, Any]:
    document: Dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding='utf-8'))
    return document
