"""Markdown tables that are also readable in a terminal."""

#: What stands where there is no figure.
NONE = '-'


def table(header, rows, left=1):
    """A Markdown table with columns of even width.

    Args:
        header (sequence of str): names of the columns.
        rows (list of sequence of str): as many texts each.
        left (int): how many columns, from the first, are words; the others are figures and stand on the right.
    Returns:
        list of str: lines.
    """
    rows = [[text.replace('|', '/').replace('\n', ' ') for text in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in [header] + rows)) for column in range(len(header))]

    def line(texts):
        return '| %s |' % ' | '.join(text.ljust(width) if column < left else text.rjust(width)
                                     for column, (text, width) in enumerate(zip(texts, widths)))

    rule = '| %s |' % ' | '.join('-' * width if column < left else '-' * (width - 1) + ':'
                                 for column, width in enumerate(widths))
    return [line(header), rule] + [line(row) for row in rows]


def milliseconds(value):
    """A time with three digits that mean something: 0.042, 4.20, 42.0, 420."""
    if value is None:
        return NONE
    return '%.*f' % (3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0, value)


def percent(share, digits=1):
    """A share as per cent, or a dash."""
    return NONE if share is None else '%.*f %%' % (digits, 100 * share)


def signed_percent(share):
    """A change as per cent with its sign, or a dash."""
    return NONE if share is None else '%+.1f %%' % (100 * share)
