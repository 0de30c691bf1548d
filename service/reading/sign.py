"""A sign: what was measured, the threshold it is held against, whose threshold that is, and whether it is met.

docs/reading.md describes each. No grade is made of them: that is left to a reader who puts a name to it.
"""
from dataclasses import dataclass, field
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from ..languages import N_

#: States of a sign.
MET, NOT_MET, NOT_ASSESSABLE = STATES = ('met', 'not-met', 'not-assessable')

#: Source of a threshold that was chosen for this program and has no publication.
OWN = 'own'

CELSIUS, INDEX = '°C', 'index'


class Rule(NamedTuple):
    """What makes a sign.

    Attributes:
        title: as a clinician reads it.
        unit: of value and threshold.
        threshold: the sign is met above it.
        source: of the threshold: a key of docs/references.md, or `OWN`.
        verified: whether that source was read in full; false for `OWN`.
        either_way: whether a value below minus the threshold meets it too.
        parts: keys of `Sign.numbers` of which the value is the largest one; empty for a value of its own.
    """

    title: str
    unit: str
    threshold: float
    source: str
    verified: bool
    either_way: bool = True
    parts: Tuple[str, ...] = ()


QUADRANTS = ('upper_outer', 'upper_inner', 'lower_outer', 'lower_inner')

#: Every sign, in the order in which they are shown.
RULES: Dict[str, Rule] = {
    'global-difference': Rule('Breast against breast', CELSIUS, 1.0, 'CruzRamirez2013', True),
    'global-difference-ville-marie': Rule('Breast against breast (Ville Marie)', CELSIUS, 1.5, 'Keyserlingk1998',
                                          False),
    'quadrant-difference': Rule('Quadrant against quadrant', CELSIUS, 1.0, 'HeadADA411073', False, parts=QUADRANTS),
    'areola-difference': Rule('Areola against areola', CELSIUS, 1.5, OWN, False),
    'areola-ring': Rule('Areola against skin around it', CELSIUS, 1.0, 'Wang2011', True, False, ('right', 'left')),
    'mirror-patch': Rule('Patch against mirrored site', CELSIUS, 1.0, 'Wang2011', True),
    'mirror-patch-ville-marie': Rule('Patch against mirrored site (Ville Marie)', CELSIUS, 2.0, 'Keyserlingk1998',
                                     False),
    'focal-spot': Rule('Focal spot against skin around it', CELSIUS, 1.0, 'Wang2011', True, False),
    'focal-spot-ville-marie': Rule('Focal spot against rest of breast (Ville Marie)', CELSIUS, 3.0,
                                   'Keyserlingk1998', False, False),
    'hottest-difference': Rule('Hottest point against hottest point', CELSIUS, 1.0, 'CruzRamirez2013', False),
    'fold-difference': Rule('Under one fold against under the other', CELSIUS, 1.0, OWN, False),
    'vessel-index': Rule('Vessels, left against right', INDEX, 0.5, OWN, False),
}


@dataclass(frozen=True)
class Spot:
    """A place in the frame, in pixels of it, with its value: °C, or what the owner of the spot says."""

    region: str
    x_px: float
    y_px: float
    value: float


@dataclass(frozen=True)
class Sign:
    """One sign of one picture.

    Attributes:
        name: key of `RULES`.
        state: one of `STATES`.
        value: what was measured; left minus right where sides are compared. None where nothing could be, and for a
            spot that is not there.
        sentence: what was measured in words, or why it could not be.
        numbers: what else was measured, by name: numbers, words and None.
        spots: places that belong to it.
        outline: corners of an area that belongs to it, (x, y) in pixels of the frame.
    """

    name: str
    state: str
    value: Optional[float]
    sentence: str
    numbers: Dict[str, Any] = field(default_factory=dict)
    spots: Tuple[Spot, ...] = ()
    outline: Tuple[Tuple[float, float], ...] = ()

    @property
    def rule(self) -> Rule:
        """What makes it."""
        return RULES[self.name]

    def to_dict(self) -> Dict[str, Any]:
        """The sign as JSON values, rounded to their meaningful digits."""
        rule = self.rule
        return {
            'name': self.name, 'title': rule.title, 'state': self.state, 'value': rounded(self.value),
            'unit': rule.unit, 'compares': 'sides' if rule.either_way else 'surroundings',
            'threshold': rule.threshold, 'source': rule.source, 'verified': rule.verified,
            'sentence': self.sentence,
            'numbers': {name: rounded(value) for name, value in self.numbers.items()},
            'spots': [{'region': spot.region, 'x_px': round(spot.x_px, 1), 'y_px': round(spot.y_px, 1),
                       'value': rounded(spot.value)} for spot in self.spots],
            'outline': [[round(x, 1), round(y, 1)] for x, y in self.outline]}


def measured(name: str, value: Optional[float], words: str, numbers: Optional[Dict[str, Any]] = None,
             spots: Sequence[Spot] = (), outline: Sequence[Tuple[float, float]] = ()) -> Sign:
    """A sign that could be assessed.

    Args:
        name: key of `RULES`.
        value: compared with the threshold; None for what is not there, which does not meet it.
        words: what was measured, without the threshold and without a full stop.
    """
    rule = RULES[name]
    met = value is not None and (abs(value) if rule.either_way else value) > rule.threshold
    form = '%s: %s the threshold of %.1f °C.' if rule.unit == CELSIUS else '%s: %s the threshold of %.1f.'
    sentence = form % (words, N_('above') if met else N_('not above'), rule.threshold)
    return Sign(name, MET if met else NOT_MET, value, sentence, numbers or {}, tuple(spots), tuple(outline))


def not_assessable(name: str, reason: str) -> Sign:
    """A sign that could not be assessed; the reason is a sentence."""
    return Sign(name, NOT_ASSESSABLE, None, reason)


def difference_words(what: str, value: float, threshold: float) -> str:
    """A left-right difference in words, such as ``'Left breast 0.6 °C warmer than right'``."""
    number = degrees(value, threshold)
    if float(number) == 0:
        return N_('Left and right %s equally warm to %.1f °C') % (what, 0.1)
    warmer, cooler = ('Left', 'right') if value > 0 else ('Right', 'left')
    digits = len(number.partition('.')[2])
    return N_('%s %s %.*f °C warmer than %s') % (warmer, what, digits, float(number), cooler)


def degrees(value: float, threshold: float) -> str:
    """A size in °C with one digit, or two where one would read like the threshold."""
    size = abs(value)
    return '%.1f' % size if round(size, 1) != round(threshold, 1) else '%.2f' % size


def rounded(value: Any) -> Any:
    """A number with three digits behind the point; anything else as it is."""
    return round(float(value), 3) if isinstance(value, float) else value
