"""Bounds, names and defaults of the object parameters."""
import math

import pytest

from service.cli.options import CORRECTIONS
from service.messages import WARNING, InputError
from service.radiometry import OBJECT_PARAMETERS, ObjectParameters


@pytest.mark.parametrize('name', sorted(OBJECT_PARAMETERS))
def test_every_value_has_bounds_a_name_and_a_default_within(name):
    low, high, unit, what = OBJECT_PARAMETERS[name][:4]
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


def test_the_options_of_the_command_line_are_those_that_sentences_name():
    assert {name: bounds.option for name, bounds in OBJECT_PARAMETERS.items()} == \
        {name: option for option, (name, _) in CORRECTIONS.items()}


@pytest.mark.parametrize('name', sorted(OBJECT_PARAMETERS))
def test_the_documentation_has_its_option_key_and_bounds(root, name):
    bounds = OBJECT_PARAMETERS[name]
    row = '| `%s` | `%s` | %g to %g | %g' % (bounds.option, name, bounds.lowest, bounds.highest, bounds.least_usual)
    assert row in (root / 'docs' / 'files.md').read_text(encoding='utf-8')


@pytest.mark.parametrize('name', sorted(OBJECT_PARAMETERS))
def test_an_example_is_usual(name):
    bounds = OBJECT_PARAMETERS[name]
    assert bounds.lowest <= bounds.least_usual <= bounds.example <= bounds.most_usual <= bounds.highest
    assert bounds.option + ' ' in bounds.remedy(name) and '"%s"' % name in bounds.remedy(name)


@pytest.mark.parametrize('setting, in_doubt', [
    (ObjectParameters(), []),
    (ObjectParameters(0.95, 22.0, 22.0, 50.0, 1.0), []),
    (ObjectParameters(0.98, 298.0), ['reflected_c']),
    (ObjectParameters(1.0, 298.0), []),
    (ObjectParameters(0.8), ['emissivity']),
    (ObjectParameters(0.98, 20.0, 90.0, 50.0, 1.0), ['air_c']),
    (ObjectParameters(0.98, 20.0, 90.0, 50.0, 0.0), []),
    (ObjectParameters(0.98, distance_m=100.0), ['distance_m']),
    (ObjectParameters(window_transmission=0.82), ['window_transmission']),
    (ObjectParameters(window_c=-150.0, window_transmission=0.82), ['window_c', 'window_transmission']),
    (ObjectParameters(window_c=-150.0), [])])
def test_what_is_unusual_and_counts_is_in_doubt(setting, in_doubt):
    doubts = setting.doubts()
    assert [name for doubt in doubts for name in doubt.facts] == in_doubt
    for doubt in doubts:
        name, = doubt.facts
        assert doubt.severity == WARNING and doubt.code == 'radiometry-unusual'
        assert '%g' % getattr(setting, name) in doubt.sentence
        assert OBJECT_PARAMETERS[name].option in doubt.next_step


def test_kelvin_for_celsius_is_recognised():
    doubt, = ObjectParameters(0.98, 298.0).doubts()
    assert doubt.sentence.endswith('As kelvin it would be 24.9 °C.')
    assert 'kelvin' not in ObjectParameters(0.98, 100.0).doubts()[0].sentence
