"""Patient number alone: who came when."""
import re

import numpy as np

from ..inputs.base import Input


def measure(frame):
    """The number in the facts, else the digits of the patient's name."""
    stated = frame.sample.facts.get('number')
    if stated is None:
        digits = re.sub(r'\D', '', frame.sample.patient)[:15]
        stated = int(digits) if digits else np.nan
    return {'number': float(stated)}


NUMBER = Input('patient number', 'the number under which the patient is filed', measure)
