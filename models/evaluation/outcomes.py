"""Samples through the device's own pipeline: what it answered, beside what is known."""
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from models.data import Sample
from service.messages import InputError, Message
from service.pipeline import Pipeline
from service.regions import REGIONS
from service.result import Result

from .overlap import all_background, dice, hd95, iou, mean_over_regions, pair_counts


@dataclass(frozen=True, eq=False)
class Overlap:
    """Predicted labels of one frame beside the true ones.

    Attributes:
        pairs: int64 8x8 pixels, row = true id, column = predicted id.
        hd95_px: per region id, pixels or None; the background has none.
    """

    pairs: np.ndarray
    hd95_px: Tuple[Optional[float], ...]

    @classmethod
    def of(cls, predicted: np.ndarray, truth: np.ndarray) -> 'Overlap':
        """Compare two uint8 HxW label images."""
        distances = tuple(hd95(predicted == region, truth == region) for region in range(1, len(REGIONS)))
        return cls(pair_counts(predicted, truth), (None,) + distances)

    @classmethod
    def refused(cls, truth: np.ndarray) -> 'Overlap':
        """A frame without a result, which counts as all background."""
        return cls(all_background(pair_counts(np.zeros_like(truth), truth)), (None,) * len(REGIONS))

    @property
    def miou(self) -> float:
        """Mean IoU of this frame over the regions that are in either label image."""
        return float(mean_over_regions(iou(self.pairs)))

    def to_dict(self) -> Dict[str, Any]:
        """Every figure of every region, as JSON."""
        named = {'iou': iou(self.pairs), 'dice': dice(self.pairs), 'true_px': self.pairs.sum(1),
                 'found_px': self.pairs.sum(0), 'hd95_px': self.hd95_px}
        document: Dict[str, Any] = {figure: {name: _number(value) for name, value in zip(REGIONS, values)}
                                    for figure, values in named.items()}
        return dict(document, miou=_number(self.miou), pixels=self.pairs.tolist())


@dataclass(frozen=True, eq=False)
class Outcome:
    """One sample after `Pipeline.analyse`.

    Attributes:
        key, patient, facts, klass: as the sample states them.
        refusals: the quality checks that made it a 'no result'.
        probability: of the finding; None where refused or where the bundle has none.
        overlap: None where the sample has no true labels.
        certainties: region id to the mean probability of its own label, for the regions that were predicted.
        confidence: of the whole frame.
        total_ms: duration of the analysis.
    """

    key: str
    patient: str
    facts: Dict[str, Any]
    klass: Optional[int]
    refusals: Tuple[Message, ...]
    probability: Optional[float]
    overlap: Optional[Overlap]
    certainties: Dict[int, float] = field(default_factory=dict)
    confidence: Optional[float] = None
    total_ms: float = 0.0

    @property
    def answered(self) -> bool:
        """Whether the frame got a result."""
        return not self.refusals

    def to_dict(self, classes: Tuple[str, ...]) -> Dict[str, Any]:
        """Every raw value as JSON.

        Args:
            classes: names of the collection's classes.
        """
        return {
            'key': self.key, 'patient': self.patient, 'facts': dict(self.facts),
            'class': None if self.klass is None else classes[self.klass],
            'outcome': 'result' if self.answered else 'no-result',
            'refusals': [message.to_dict() for message in self.refusals],
            'probability': _number(self.probability), 'confidence': _number(self.confidence),
            'certainties': {REGIONS[region]: _number(value) for region, value in sorted(self.certainties.items())},
            'overlap': self.overlap and self.overlap.to_dict(), 'total_ms': round(self.total_ms, 3),
        }


class Run(NamedTuple):
    """What became of every sample.

    Attributes:
        outcomes: of the samples that could be read, in the collection's order.
        failures: ``key`` and the message of the others, as JSON.
    """

    outcomes: List[Outcome]
    failures: List[Dict[str, Any]]


def analyse_samples(pipeline: Pipeline, samples: Iterable[Sample],
                    see: Callable[[Sample, Result], None] = lambda sample, result: None, regions: bool = True) -> Run:
    """Analyse samples as the device would, and compare the answers with what is known.

    Args:
        pipeline: started.
        samples: a collection, or a progress bar over one.
        see: receives every sample that was analysed, and its result.
        regions: whether the labels of the samples are ids of `service.regions.REGIONS`.
    Returns:
        A sample that cannot be used is listed among the failures, and the others go on.
    Raises:
        InputError: ``nothing-readable``, no sample could be used.
        BackendError: inference failed.
    """
    outcomes: List[Outcome] = []
    failures: List[Dict[str, Any]] = []
    for sample in samples:
        try:
            thermogram = sample.thermogram()
            truth = sample.labels(thermogram.pixels.shape) if regions and sample.labelled else None
        except InputError as error:
            failures.append(dict(error.message.to_dict(), key=sample.key))
            continue
        result = pipeline.analyse(thermogram)
        outcomes.append(_outcome(sample, result, truth))
        see(sample, result)
    if not outcomes:
        raise _nothing_readable(failures)
    return Run(outcomes, failures)


def _outcome(sample: Sample, result: Result, truth: Optional[np.ndarray]) -> Outcome:
    overlap = None
    if truth is not None:
        if result.refusals or result.labels is None:
            overlap = Overlap.refused(truth)
        else:
            overlap = Overlap.of(result.labels, truth)
    return Outcome(
        key=sample.key, patient=sample.patient, facts=sample.facts, klass=sample.klass,
        refusals=result.refusals, probability=result.finding.probability if result.finding else None, overlap=overlap,
        certainties={entry.region: entry.confidence for entry in result.regions if entry.confidence is not None},
        confidence=result.confidence, total_ms=result.timings_ms['total'])


def _nothing_readable(failures: List[Dict[str, Any]]) -> InputError:
    if not failures:
        return InputError('nothing-readable', 'There is no sample to evaluate.', 'Name other data.')
    return InputError('nothing-readable', 'None of the %d samples can be used. The first, %s: %s'
                      % (len(failures), failures[0]['key'], failures[0]['sentence']), failures[0]['next_step'])


def _number(value: Any) -> Any:
    if value is None or not np.isfinite(value):
        return None
    return int(value) if isinstance(value, np.integer) else round(float(value), 4)
