"""What one analysis gives: the object that the page, the command line and the exam all read."""
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import numpy as np

from .body import Body
from .chains import Prepared
from .messages import ADJUNCT_NOTICE, PROBLEM, Message
from .regions import REGIONS, Box
from .thermogram import Provenance, Thermogram

if TYPE_CHECKING:
    from .analysis import Breasts

#: Of ``result.json``. 2: checks are messages. 3: a written one says of which file it is and when it was written. 4: it
#: says which view was seen; a side view has a result without differences.
SCHEMA = 4


@dataclass(frozen=True)
class RegionStatistics:
    """Temperatures of one region, from the unequalised frame, in the frame's own unit.

    Attributes:
        n: pixels of the region that lie on the body.
        sd: population standard deviation.
        neck_difference: the region's mean minus the neck's; None where there is no neck.
        confidence: mean probability that the network gives its own label, 0..1; None for an outline drawn by hand.
    """

    region: int
    n: int
    mean: float
    sd: float
    p95: float
    max: float
    neck_difference: Optional[float]
    confidence: Optional[float]


@dataclass(frozen=True)
class Difference:
    """Left minus right of one pair of regions, in the frame's own unit: positive is a warmer left.

    Attributes:
        pair: ``'breast'``, ``'nipple'`` or ``'armpit'``.
        mean, p95, max: difference of that statistic.
        exceeds: whether the mean differs by more than `threshold_c`; None for a relative frame, which has no degrees
            to compare.
        threshold_c: the descriptive threshold.
    """

    pair: str
    mean: float
    p95: float
    max: float
    exceeds: Optional[bool]
    threshold_c: float


@dataclass(frozen=True)
class Spot:
    """The hottest spot of a region: frame coordinates in pixels, value in the frame's own unit."""

    region: int
    x_px: int
    y_px: int
    value: float


@dataclass(frozen=True)
class Finding:
    """What the model says of the heat pattern.

    Attributes:
        name: what the probability is of, from the manifest.
        probability: 0..1.
        threshold: operating point of the manifest.
        meaning: one sentence of the manifest on what the number means and does not mean.
        note: where the threshold of the left-right difference says otherwise, that these are two tests; else empty.
    """

    name: str
    probability: float
    threshold: float
    meaning: str
    note: str = ''

    @property
    def above(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold

    @property
    def sentence(self) -> str:
        """The finding in words. Its name, which may be that of an abnormality, stands over no patient."""
        return 'Heat pattern: reaches threshold.' if self.above else 'Heat pattern: below threshold.'


@dataclass(frozen=True, eq=False)
class Result:
    """One thermogram analysed.

    A result of a side view has no differences and no finding, which are for frontal views; its check ``side-view`` says
    so.

    A result with `refusals` is a 'no result': it carries no finding, and its checks say why. Where the network
    saw a torso before a check failed, labels are kept so that the picture can show what was recognised.

    Attributes:
        body: where the body is.
        checks: the warnings of the thermogram's provenance and every quality check, in order; those with severity
            PROBLEM stand in the way of a result.
        bundle: ``{'id', 'version', 'hash'}`` of the bundle that ran.
        backend: what ran it, with version and precision.
        labels: uint8 HxW region ids at the frame's own resolution; None where no network marked regions or saw a torso.
        boxes: box of each region in `labels`, in the frame; up to two pixels wider than the region.
        confidence: mean confidence over the body, 0..1.
        view: what `service.views.recognise` gave; None where the network did not run or tells no views apart.
        regions: statistics of the regions that are present.
        differences: left minus right of the pairs that are present in a frontal view.
        spots: hottest spot per breast.
        breasts: both breasts at working size; None for a 'no result' and for a side view.
        prepared: what the network saw, and how it lies in the frame.
        finding: None for a 'no result', for a side view and from a model that only marks regions.
        features: what the network makes of the whole picture, float32 of unit length; None where it did not run or
            gives none. Comparable with those of the same bundle alone.
        sentences: the result in words, most important first.
        timings_ms: milliseconds per stage, plus ``'total'``.
    """

    thermogram: Thermogram
    body: Body
    checks: Tuple[Message, ...]
    bundle: Dict[str, Any]
    backend: Dict[str, Any]
    labels: Optional[np.ndarray] = None
    boxes: Dict[int, Box] = field(default_factory=dict)
    confidence: Optional[float] = None
    view: Optional[str] = None
    regions: Tuple[RegionStatistics, ...] = ()
    differences: Tuple[Difference, ...] = ()
    spots: Tuple[Spot, ...] = ()
    breasts: Optional['Breasts'] = None
    prepared: Optional[Prepared] = None
    finding: Optional[Finding] = None
    features: Optional[np.ndarray] = None
    sentences: Tuple[str, ...] = ()
    timings_ms: Dict[str, float] = field(default_factory=dict)

    @property
    def refusals(self) -> Tuple[Message, ...]:
        """The checks that stand in the way of a result."""
        return tuple(check for check in self.checks if check.severity == PROBLEM)

    @property
    def outcome(self) -> str:
        """``'result'`` or ``'no-result'``."""
        return 'no-result' if self.refusals else 'result'

    def region(self, region: int) -> Optional[RegionStatistics]:
        """The statistics of a region id, or None where it is absent."""
        return next((entry for entry in self.regions if entry.region == region), None)

    def to_dict(self) -> Dict[str, Any]:
        """The result as JSON values: numbers rounded to their meaningful digits, arrays left out."""
        return {
            'schema': SCHEMA,
            'outcome': self.outcome,
            'view': self.view,
            'unit': self.thermogram.unit,
            'sentences': list(self.sentences),
            'checks': [check.to_dict() for check in self.checks],
            'finding': self.finding and dict(vars(self.finding), probability=_number(self.finding.probability),
                                             above=self.finding.above),
            'regions': {REGIONS[entry.region]: _rounded(entry, skip='region') for entry in self.regions},
            'differences': {entry.pair: _rounded(entry, skip='pair') for entry in self.differences},
            'hottest': {REGIONS[spot.region]: _rounded(spot, skip='region') for spot in self.spots},
            'confidence': _number(self.confidence),
            'size': {'width_px': self.thermogram.width, 'height_px': self.thermogram.height},
            'provenance': source_values(self.thermogram.provenance),
            'timings_ms': {stage: round(value, 3) for stage, value in self.timings_ms.items()},
            'bundle': self.bundle,
            'backend': self.backend,
            'notice': ADJUNCT_NOTICE,
        }


def source_values(provenance: Provenance) -> Dict[str, Any]:
    """Where a frame came from, as JSON values; its warnings are among the checks."""
    values = dict(vars(provenance), notes=list(provenance.notes))
    del values['warnings']
    return values


def _rounded(entry: Any, skip: str) -> Dict[str, Any]:
    return {key: _number(value) for key, value in vars(entry).items() if key != skip}


def _number(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
