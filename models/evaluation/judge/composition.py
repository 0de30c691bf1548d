"""What a set of frames is made of, and which of its properties give the class away."""
from collections import Counter

#: More values than this are numbers and dates rather than kinds.
_MANY = 12

#: A kind with fewer frames of known class says nothing about the class.
_FEW = 5


def composition(outcomes, classes):
    """Frames by fact and class.

    Args:
        outcomes (list of Outcome): any.
        classes (tuple of str): names of the classes.

    Returns:
        list: one dict per value of a fact that differs between frames: ``fact``, ``value``, ``n`` and
        ``classes`` (name to frames).
    """
    rows = []
    for fact in sorted({fact for outcome in outcomes for fact in outcome.facts}):
        values = Counter(str(outcome.facts.get(fact, '')) for outcome in outcomes)
        if not 1 < len(values) <= _MANY:
            continue
        for value, n in sorted(values.items()):
            kinds = Counter(classes[outcome.klass] for outcome in outcomes
                            if outcome.klass is not None and str(outcome.facts.get(fact, '')) == value)
            rows.append({'fact': fact, 'value': value, 'n': n,
                         'classes': {name: kinds.get(name, 0) for name in classes}})
    return rows


def giveaways(rows):
    """Sentences on values that occur with one class only, where the others do not.

    Args:
        rows (list): as `composition` gives them.

    Returns:
        list of str: empty where no fact gives the class away.
    """
    sentences = []
    for row in rows:
        there = [name for name, n in row['classes'].items() if n]
        if len(row['classes']) > 1 and len(there) == 1 and row['classes'][there[0]] >= _FEW:
            sentences.append('All %d frames of known class with %s = %s are %s: a classifier can use that instead of '
                             'the patient. Choose one value, such as --where %s=%s.'
                             % (row['classes'][there[0]], row['fact'], row['value'], there[0], row['fact'],
                                _mixed(rows, row['fact']) or row['value']))
    return sentences


def _mixed(rows, fact):
    """A value of a fact with several classes, the largest; None where there is none."""
    mixed = [row for row in rows if row['fact'] == fact and sum(n > 0 for n in row['classes'].values()) > 1]
    return max(mixed, key=lambda row: row['n'])['value'] if mixed else None
