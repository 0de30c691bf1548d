"""What one analysis says: the object that the page, the command line and the exam all read."""
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from .body import Body
from .chains import Prepared
from .messages import ADJUNCT_NOTICE
from .regions import REGIONS
from .thermogram import Thermogram


@dataclass(frozen=True)
class Check:
    """One quality check of a frame.

    Attributes:
        name (str): identifier, such as ``'in-frame'``.
        passed (bool): whether the frame may give a result as far as this check goes.
        sentence (str): what was seen, for an operator.
        next_step (str): what the operator does about it; ``''`` where passed.
    """

    name: str
    passed: bool
    sentence: str
    next_step: str = ''


@dataclass(frozen=True)
class RegionStatistics:
    """Temperatures of one region, from the unequalised frame, in the frame's own unit.

    `n` counts the region's pixels that lie on the body. `sd` is the population standard deviation.
    `neck_difference` is the region's mean minus the neck's, None where there is no neck.
    `confidence` is the mean probability that the network gives its own label, 0..1.
    """

    region: int
    n: int
    mean: float
    sd: float
    p95: float
    max: float
    neck_difference: Optional[float]
    confidence: float


@dataclass(frozen=True)
class Difference:
    """Left minus right of one pair of regions, in the frame's own unit: positive is a warmer left.

    Attributes:
        pair (str): ``'breast'``, ``'nipple'`` or ``'armpit'``.
        mean, p95, max (float): difference of that statistic.
        exceeds (bool): whether the mean differs by more than `threshold_c`; None for a relative
            frame, which has no degrees to compare.
        threshold_c (float): the descriptive threshold in degrees Celsius.
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
    """What the model says, with what it means.

    Attributes:
        name (str): what the probability is of, from the manifest.
        probability (float): 0..1.
        threshold (float): operating point of the manifest.
        meaning (str): one sentence of the manifest on what the number is and is not.
    """

    name: str
    probability: float
    threshold: float
    meaning: str

    @property
    def above(self):
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Result:
    """One thermogram analysed.

    A result whose `refusals` is not empty is a 'no result': it carries no finding, and the checks
    say why. Where the network ran before a check failed, labels are kept so that the picture can
    show what was seen.

    Attributes:
        thermogram (Thermogram): the frame.
        body (Body): where the body is.
        checks (tuple of Check): every quality check, in order.
        labels (numpy.ndarray): uint8 HxW region ids at the frame's own resolution, or None.
        confidence (float): mean confidence over the body, 0..1, or None.
        regions (tuple of RegionStatistics): the regions that were found.
        differences (tuple of Difference): left minus right of the pairs that were found.
        spots (tuple of Spot): hottest spot per breast.
        difference_map (numpy.ndarray): float32 hxw at working size, own minus mirrored other
            breast, NaN outside the breasts; or None.
        prepared (Prepared): what the network saw, and how it lies in the frame; or None.
        finding (Finding): or None, for a 'no result' and from a model that only marks regions.
        sentences (tuple of str): the result in words, most important first.
        timings_ms (dict): milliseconds per stage, plus ``'total'``.
        bundle (dict): ``{'id', 'version', 'hash'}`` of the bundle that ran.
        backend (dict): which backend ran it, with version and precision.
    """

    thermogram: Thermogram
    body: Body
    checks: tuple
    bundle: dict
    backend: dict
    labels: Optional[np.ndarray] = None
    confidence: Optional[float] = None
    regions: tuple = ()
    differences: tuple = ()
    spots: tuple = ()
    difference_map: Optional[np.ndarray] = None
    prepared: Optional[Prepared] = None
    finding: Optional[Finding] = None
    sentences: tuple = ()
    timings_ms: dict = field(default_factory=dict)

    @property
    def refusals(self):
        """The checks that stand in the way of a result."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def outcome(self):
        """``'result'`` or ``'no-result'``."""
        return 'no-result' if self.refusals else 'result'

    def region(self, region):
        """The statistics of a region id, or None where it was not found."""
        return next((entry for entry in self.regions if entry.region == region), None)

    def to_dict(self):
        """The result as JSON: numbers rounded to what they mean, arrays left out."""
        return {
            'schema': 1,
            'outcome': self.outcome,
            'unit': self.thermogram.unit,
            'sentences': list(self.sentences),
            'checks': [dict(vars(check)) for check in self.checks],
            'finding': self.finding and _finding(self.finding),
            'regions': {REGIONS[entry.region]: _rounded(entry, skip='region') for entry in self.regions},
            'differences': {entry.pair: _rounded(entry, skip='pair') for entry in self.differences},
            'hottest': {REGIONS[spot.region]: _rounded(spot, skip='region') for spot in self.spots},
            'confidence': _number(self.confidence),
            'size': {'width_px': self.thermogram.width, 'height_px': self.thermogram.height},
            'provenance': dict(vars(self.thermogram.provenance), notes=list(self.thermogram.provenance.notes)),
            'timings_ms': {stage: round(value, 3) for stage, value in self.timings_ms.items()},
            'bundle': self.bundle,
            'backend': self.backend,
            'notice': ADJUNCT_NOTICE,
        }


def _finding(finding):
    return dict(vars(finding), probability=_number(finding.probability), above=finding.above)


def _rounded(entry, skip):
    return {key: _number(value) for key, value in vars(entry).items() if key != skip}


def _number(value):
    return round(value, 3) if isinstance(value, float) else value
