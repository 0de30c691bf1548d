"""Which samples of a collection are evaluated."""
from service.messages import InputError


def choose(collection, where=(), left_out=(), limit=None):
    """The part of a collection that a user asked for.

    Args:
        collection (Collection): all there is.
        where (sequence of str): ``'key=value'``; a fact named twice may have either value, facts of
            different names must all hold.
        left_out (set of str): patients to leave out.
        limit (int): at most so many samples, the first in the collection's order; None for all.

    Returns:
        tuple: (Collection, list of str: what was left out, in words).

    Raises:
        InputError: ``where-form``, ``fact-unknown``, ``fact-value`` or ``nothing-left``.
    """
    chosen, notes = collection, []
    for fact, values in _wanted(where).items():
        # Facts may be numbers; the command line has words only.
        known = {str(sample.facts[fact]): sample.facts[fact] for sample in chosen if fact in sample.facts}
        unknown = [value for value in values if value not in known]
        if known and unknown:
            raise InputError('fact-value', 'No frame has %s = %s; there is %s.'
                             % (fact, unknown[0], _shown(sorted(known))))
        chosen = chosen.where(**{fact: tuple(known.get(value, value) for value in values)})
        notes.append('Only frames with %s = %s: %d of %d.' % (fact, ' or '.join(values), len(chosen),
                                                            len(collection)))
    if left_out:
        before = len(chosen)
        chosen = chosen.subset(sample.key for sample in chosen if sample.patient not in left_out)
        notes.append('%d frames of training patients were left out.' % (before - len(chosen)))
    if limit is not None and limit < len(chosen):
        notes.append('Only the first %d of %d frames (--limit).' % (limit, len(chosen)))
        chosen = chosen[:limit]
    if not len(chosen):
        raise InputError('nothing-left', 'No frame of %s is left to evaluate; ask for more of them.'
                         % collection.name)
    return chosen, notes


def _wanted(where):
    wanted = {}
    for word in where:
        fact, equals, value = word.partition('=')
        if not (fact and equals and value):
            raise InputError('where-form', '--where takes fact=value, such as dialect=space, and not %s.' % word)
        wanted.setdefault(fact, []).append(value)
    return wanted


def _shown(values):
    return ', '.join(values[:8]) + (' and %d more' % (len(values) - 8) if len(values) > 8 else '')
