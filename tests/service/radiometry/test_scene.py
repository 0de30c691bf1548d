"""What a scene may say."""
import math

import pytest

from service.messages import InputError
from service.radiometry import SCENE_FIELDS, Scene


@pytest.mark.parametrize('name', sorted(SCENE_FIELDS))
def test_every_value_has_bounds_a_name_and_a_default_within(name):
    low, high, unit, what = SCENE_FIELDS[name]
    assert low <= getattr(Scene(), name) <= high
    for value in (low, high):
        assert getattr(Scene(**{name: value}), name) == value
    for value in (low - 0.001, high + 0.001, math.nan, math.inf, None, 'x', True, [1], 10 ** 400):
        with pytest.raises(InputError) as caught:
            Scene(**{name: value})
        assert caught.value.code == 'radiometry-value' and caught.value.message.text.startswith('The ' + what)
        assert unit in caught.value.message.text and '\n' not in caught.value.message.text


def test_a_correction_changes_what_it_names_and_nothing_else():
    scene = Scene(0.95, 21.0, 22.0, 40.0, 1.2)
    corrected = scene.corrected({'emissivity': 0.98})
    assert corrected == Scene(0.98, 21.0, 22.0, 40.0, 1.2) and scene.emissivity == 0.95
    assert scene.corrected({}) == scene and Scene(**scene.to_dict()) == scene


def test_a_correction_of_nothing_that_exists_is_refused():
    with pytest.raises(InputError) as caught:
        Scene().corrected({'emisivity': 0.98})
    assert caught.value.code == 'radiometry-value' and 'emissivity' in caught.value.message.text
