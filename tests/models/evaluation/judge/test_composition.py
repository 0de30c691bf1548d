"""What gives the class away is said before anybody reads the AUC."""
from models.evaluation.judge import composition, giveaways

from ..made_up import CLASSES, outcome

OUTCOMES = ([outcome('a%d' % n, klass=n % 2, facts={'dialect': 'space', 'number': n}) for n in range(20)]
            + [outcome('b%d' % n, klass=1, facts={'dialect': 'semicolon', 'number': 100 + n}) for n in range(6)])


def test_facts_are_counted_by_class():
    rows = composition(OUTCOMES, CLASSES)
    assert rows == [{'fact': 'dialect', 'value': 'semicolon', 'n': 6, 'classes': {'Healthy': 0, 'Sick': 6}},
                    {'fact': 'dialect', 'value': 'space', 'n': 20, 'classes': {'Healthy': 10, 'Sick': 10}}]


def test_a_value_of_one_class_is_named_with_a_way_out():
    sentence, = giveaways(composition(OUTCOMES, CLASSES))
    assert 'All 6 frames' in sentence and 'dialect = semicolon are Sick' in sentence
    assert sentence.endswith('--where dialect=space.')


def test_nothing_to_say_of_one_kind_or_of_one_class():
    assert composition(OUTCOMES[:20], CLASSES) == []
    assert giveaways(composition(OUTCOMES, ('Sick', 'Sick'))) == []
