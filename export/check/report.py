"""What was found, for a terminal: what against what, a verdict a variant, a few lines a violation, the sum last."""
import textwrap

from .violation import VIOLATION, WARNING, fits

_WIDTH = 100


def describe(name, target, variants):
    """The report as text.

    Args:
        name (str): what was checked, as the person called it.
        target (export.targets.Target): what against.
        variants (dict): variant name, or file name, to list of `Violation`.

    Returns:
        str: lines of at most `_WIDTH` characters, but for names of files and nodes. Lines with ``VIOLATION`` or
        ``WARNING`` in front name variants, rule, node and operator, so that grep finds them.
    """
    lines = _heading(name, target)
    lines += ['', *_verdicts(variants)]
    for names, alike in _grouped(variants):
        lines += ['', *_entry(','.join(names), alike)]
    return '\n'.join([*lines, '', summary(target, variants)])


def describe_targets(targets):
    """The targets as a table (str), for ``--list``."""
    rows = [('target', 'parser', 'SM', 'opset', 'IR', 'operators', 'native', 'board')]
    rows += [(target.name, target.runtime, target.sm or '-', str(target.opset), str(target.ir_version),
              'all' if target.table is None else str(len(target.table.types)), ' '.join(target.precisions),
              target.title) for target in targets]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join('%-*s' % cell for cell in zip(widths, row)).rstrip() for row in rows)


def summary(target, variants):
    """The last line (str): who fits, and how much was found."""
    good = [name for name, found in variants.items() if fits(found)]
    counts = [sum(violation.severity == severity for found in variants.values() for violation in found)
              for severity in (VIOLATION, WARNING)]
    count = '%s, %s.' % (_plural(counts[0], 'violation'), _plural(counts[1], 'warning'))
    if len(variants) == 1:
        return '%s %s: %s' % ('Fits' if good else 'Does not fit', target.name, count)
    if not good:
        return 'No variant fits %s: %s' % (target.name, count)
    return '%d of %d variants fit %s: %s; %s' % (len(good), len(variants), target.name, ', '.join(good), count)


def _heading(name, target):
    rows = [('checked', name), ('against', '%s: %s' % (target.name, target.title)), ('limits', _limits(target)),
            ('operators', 'every one of the standard' if target.table is None else '%d, from %s'
             % (len(target.table.types), target.table.origin))]
    if target.note:
        rows.append(('note', target.note))
    lines = []
    for word, text in rows:
        lines += textwrap.wrap(text, _WIDTH, initial_indent='%-11s' % word, subsequent_indent=' ' * 11,
                               break_long_words=False, break_on_hyphens=False)
    return lines


def _limits(target):
    words = [target.runtime]
    if target.sm:
        words.append('SM %s' % target.sm)
    words += ['opset up to %d' % target.opset, 'IR version up to %d' % target.ir_version,
              'native %s' % ' '.join(target.precisions)]
    if target.memory_bytes:
        words.append('%.1f GiB shared by CPU and GPU' % (target.memory_bytes / 2 ** 30))
    return ', '.join(words)


def _verdicts(variants):
    width = max(map(len, variants))
    for name, found in variants.items():
        severities = [violation.severity for violation in found]
        words = [_plural(severities.count(severity), severity) for severity in (VIOLATION, WARNING)
                 if severity in severities]
        yield '%-*s  %s' % (width, name, ', '.join(['fits' if fits(found) else 'does not fit'] + words))


def _grouped(variants):
    """What is said once: (variant names, `Violation` that differ in nothing but the node); violations first."""
    said = {}
    for name, found in variants.items():
        alike = {}
        for violation in found:
            key = (violation.rule, violation.operator, violation.reason, violation.remedy)
            alike.setdefault(key, []).append(violation)
        for violations in alike.values():
            said.setdefault(tuple(violations), []).append(name)
    return sorted(((names, violations) for violations, names in said.items()),
                  key=lambda entry: entry[1][0].severity == WARNING)


def _entry(names, alike):
    first = alike[0]
    more = ' and %d more' % (len(alike) - 1) if len(alike) > 1 else ''
    yield '%s %s %s at %s (%s)%s' % (first.severity.upper(), names, first.rule, first.node, first.operator, more)
    for word, text in (('reason', first.reason), ('remedy', first.remedy)):
        yield from textwrap.wrap(text, _WIDTH, initial_indent='  %s  ' % word, subsequent_indent=' ' * 10,
                                 break_long_words=False, break_on_hyphens=False)


def _plural(count, word):
    return '%s %s%s' % (count or 'no', word, '' if count == 1 else 's')
