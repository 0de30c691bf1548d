"""The report of a check for a terminal: what was checked, a verdict per variant, the violations, and a summary."""
import textwrap
from typing import Dict, List, Sequence, Tuple

from export.targets import Target

from .rule import VIOLATION, WARNING, Violation, fits

_WIDTH = 100


def describe(name: str, target: Target, variants: Dict[str, List[Violation]]) -> str:
    """The report as text.

    Args:
        name: what was checked, as the user named it.
        target: what it was checked against.
        variants: violations by the name of the variant or file.

    Returns:
        Lines of at most `_WIDTH` characters, apart from names of files and nodes. Lines that begin with ``VIOLATION``
        or ``WARNING`` name variants, rule, node and operator, so that they can be searched with grep.
    """
    lines = _heading(name, target)
    lines += ['', *_verdicts(variants)]
    for names, alike in _grouped(variants):
        lines += ['', *_entry(','.join(names), alike)]
    return '\n'.join([*lines, '', summary(target, variants)])


def describe_targets(targets: Sequence[Target]) -> str:
    """The targets as a table, for ``--list``."""
    rows = [('target', 'parser', 'SM', 'opset', 'IR', 'operators', 'native', 'board')]
    rows += [(target.name, target.runtime, target.sm or '-', str(target.opset), str(target.ir_version),
              'all' if target.table is None else str(len(target.table.types)), ' '.join(target.precisions),
              target.title) for target in targets]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join('%-*s' % cell for cell in zip(widths, row)).rstrip() for row in rows)


def summary(target: Target, variants: Dict[str, List[Violation]]) -> str:
    """The last line: which variants fit, and how many violations and warnings there are."""
    fitting = [name for name, violations in variants.items() if fits(violations)]
    counts = [sum(violation.severity == severity for violations in variants.values() for violation in violations)
              for severity in (VIOLATION, WARNING)]
    count = '%s, %s.' % (_plural(counts[0], 'violation'), _plural(counts[1], 'warning'))
    if len(variants) == 1:
        return '%s %s: %s' % ('Fits' if fitting else 'Does not fit', target.name, count)
    if not fitting:
        return 'No variant fits %s: %s' % (target.name, count)
    return '%d of %d variants fit %s: %s; %s' % (len(fitting), len(variants), target.name, ', '.join(fitting), count)


def _heading(name, target):
    rows = [('checked', name), ('against', '%s: %s' % (target.name, target.title)), ('limits', _limits(target)),
            ('operators', 'every one of the standard' if target.table is None else '%d, from %s'
             % (len(target.table.types), target.table.origin))]
    if target.note:
        rows.append(('note', target.note))
    lines = []
    for title, text in rows:
        lines += textwrap.wrap(text, _WIDTH, initial_indent='%-11s' % title, subsequent_indent=' ' * 11,
                               break_long_words=False, break_on_hyphens=False)
    return lines


def _limits(target):
    limits = [target.runtime]
    if target.sm:
        limits.append('SM %s' % target.sm)
    limits += ['opset up to %d' % target.opset, 'IR version up to %d' % target.ir_version,
               'native %s' % ' '.join(target.precisions)]
    if target.memory_bytes:
        limits.append('%.1f GiB shared by CPU and GPU' % (target.memory_bytes / 2 ** 30))
    return ', '.join(limits)


def _verdicts(variants):
    width = max(map(len, variants))
    for name, violations in variants.items():
        severities = [violation.severity for violation in violations]
        counts = [_plural(severities.count(severity), severity) for severity in (VIOLATION, WARNING)
                  if severity in severities]
        yield '%-*s  %s' % (width, name, ', '.join(['fits' if fits(violations) else 'does not fit'] + counts))


def _grouped(variants):
    """(variant names, violations that differ in nothing but the node), each listed once; warnings last."""
    groups: Dict[Tuple[Violation, ...], List[str]] = {}
    for name, violations in variants.items():
        alike: Dict[Tuple[str, ...], List[Violation]] = {}
        for violation in violations:
            key = (violation.rule, violation.operator, violation.reason, violation.remedy)
            alike.setdefault(key, []).append(violation)
        for group in alike.values():
            groups.setdefault(tuple(group), []).append(name)
    return sorted(((names, group) for group, names in groups.items()),
                  key=lambda entry: entry[1][0].severity == WARNING)


def _entry(names, alike):
    first = alike[0]
    more = ' and %d more' % (len(alike) - 1) if len(alike) > 1 else ''
    yield '%s %s %s at %s (%s)%s' % (first.severity.upper(), names, first.rule, first.node, first.operator, more)
    for title, text in (('reason', first.reason), ('remedy', first.remedy)):
        yield from textwrap.wrap(text, _WIDTH, initial_indent='  %s  ' % title, subsequent_indent=' ' * 10,
                                 break_long_words=False, break_on_hyphens=False)


def _plural(count, word):
    return '%s %s%s' % (count or 'no', word, '' if count == 1 else 's')
