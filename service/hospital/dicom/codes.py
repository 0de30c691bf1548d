"""Codes of what objects state: standard ones that were looked up, and local ones where none was found."""
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Tuple

from ...exams import DYNAMIC
from ...regions import (
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
)
from ...views import FRONTAL, LEFT_LATERAL, LEFT_OBLIQUE, RAISED_ARMS, RIGHT_LATERAL, RIGHT_OBLIQUE

if TYPE_CHECKING:
    from pydicom.sequence import Sequence

#: Scheme of the local codes.
LOCAL = '99THERMO'


class Code(NamedTuple):
    """A coded concept.

    Attributes:
        value: as its scheme has it.
        scheme: its designator.
        meaning: in words.
    """

    value: str
    scheme: str
    meaning: str


BREAST, NIPPLE, AXILLA = (Code('76752008', 'SCT', 'Breast'), Code('24142002', 'SCT', 'Nipple'),
                          Code('91470000', 'SCT', 'Axilla'))
RIGHT, LEFT, BOTH = (Code('24028007', 'SCT', 'Right'), Code('7771000', 'SCT', 'Left'),
                     Code('51440002', 'SCT', 'Right and left'))

#: What each region is, and of which side; by region id.
REGION_CODES: Dict[int, Tuple[Code, Optional[Code]]] = {
    RIGHT_BREAST: (BREAST, RIGHT), LEFT_BREAST: (BREAST, LEFT), RIGHT_NIPPLE: (NIPPLE, RIGHT),
    LEFT_NIPPLE: (NIPPLE, LEFT), RIGHT_ARMPIT: (AXILLA, RIGHT), LEFT_ARMPIT: (AXILLA, LEFT),
    NECK: (Code('45048000', 'SCT', 'Neck'), None)}

#: What a difference of two sides is of, by its name in a result.
PAIR_CODES = {'breast': BREAST, 'nipple': NIPPLE, 'armpit': AXILLA}

SKIN_TEMPERATURE = Code('364537001', 'SCT', 'Skin temperature')
QUANTITY = Code('246205007', 'SCT', 'Quantity')
ACQUISITION, PROCESSING = (Code('109101', 'DCM', 'Acquisition Equipment'),
                           Code('109102', 'DCM', 'Processing Equipment'))

#: Of temperatures; of differences, standard deviations and uncertainties, since 0.6 Cel would be 273.75 K.
DEGREE, KELVIN = Code('Cel', 'UCUM', 'degree Celsius'), Code('K', 'UCUM', 'kelvin')
PERCENT, MINUTE, METRE, ONE = (Code('%', 'UCUM', 'percent'), Code('min', 'UCUM', 'minute'),
                               Code('m', 'UCUM', 'meter'), Code('1', 'UCUM', 'no units'))

#: Conditions of an exam by their name among `service.exams.CONDITIONS`, and what the camera computed with, with units.
CONDITION_CODES = {
    'room_c': (Code('122224', 'DCM', 'Room temperature'), DEGREE),
    'humidity_percent': (Code('humidity', LOCAL, 'Relative humidity of the air'), PERCENT),
    'acclimatisation_minutes': (Code('acclimatisation', LOCAL, 'Duration of acclimatisation'), MINUTE),
    'distance_m': (Code('distance', LOCAL, 'Distance from camera to patient'), METRE),
    'emissivity': (Code('emissivity', LOCAL, 'Emissivity of the skin'), ONE)}

_FRONTAL_CODE = Code('399033003', 'SCT', 'frontal')

#: Projection of each role of a picture; sides are the patient's.
VIEW_CODES: Dict[str, Code] = {
    FRONTAL: _FRONTAL_CODE, RAISED_ARMS: _FRONTAL_CODE, DYNAMIC: _FRONTAL_CODE,
    LEFT_OBLIQUE: Code('399135007', 'SCT', 'left anterior oblique'),
    RIGHT_OBLIQUE: Code('399356000', 'SCT', 'right anterior oblique'),
    LEFT_LATERAL: Code('399173006', 'SCT', 'left lateral'),
    RIGHT_LATERAL: Code('399198007', 'SCT', 'right lateral')}


def code_sequence(code: Code) -> 'Sequence':
    """A code as the one item of a sequence; pydicom, which other users of codes do not need, is imported here."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return Sequence([item])
