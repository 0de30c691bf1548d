"""Bounds, names and defaults of the object parameters."""
import math

import pytest

from service.messages import InputError
from service.radiometry import OBJECT_PARAMETERS, ObjectParameters


@pytest.mark.parametrize('name', sorted(OBJECT_PARAMETERS))
def test_every_value_has_bounds_a_name_and_a_default_within(name):
    low, high, unit, what = OBJECT_PARAMETERS[name]
    assert low <= getattr(ObjectParameters(), name) <= high
    for value in (low, high):
        assert getattr(ObjectParameters(**{name: value}), name) == value
    for value in (low - 0.001, high + 0.001, math.nan, math.inf, None, 'x', True, [1], 10 ** 400):
        with pytest.raises(InputError) as caught:
            ObjectParameters(**{name: value})
        assert caught.value.code == 'radiometry-value' and caught.value.message.text.startswith('The ' + what)
        assert unit in caught.value.message.text and '\n' not in caught.value.message.text


def test_a_correction_changes_what_it_names_and_nothing_else():
    parameters = ObjectParameters(0.95, 21.0, 22.0, 40.0, 1.2)
    corrected = parameters.corrected({'emissivity': 0.98})
    assert corrected == ObjectParameters(0.98, 21.0, 22.0, 40.0, 1.2) and parameters.emissivity == 0.95
    assert parameters.corrected({}) == parameters == ObjectParameters(**parameters.to_dict())


def test_a_correction_of_nothing_that_exists_is_refused():
    with pytest.raises(InputError) as caught:
        ObjectParameters().corrected({'emisivity': 0.98})
    assert caught.value.code == 'radiometry-value' and 'emissivity' in caught.value.message.text
