"""Date and place in the series alone: when the picture was taken."""
import datetime

import numpy as np

from ..inputs.base import Input


def measure(frame):
    """Day of the date in the facts, visit and frame number; empty where the collection does not say."""
    facts = frame.sample.facts
    row = {name: _number(facts.get(name)) for name in ('visit', 'frame')}
    row['day'] = _day(facts.get('date'))
    return row


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _day(value):
    try:
        return float(datetime.date.fromisoformat(str(value)[:10]).toordinal())
    except ValueError:
        return np.nan


MOMENT = Input('date', 'date, visit and frame number', measure)
