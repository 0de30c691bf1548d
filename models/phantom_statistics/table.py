"""The table: published value, phantoms, agreement; real patients by the same estimators where they are at hand."""
import numpy as np

from .published import PUBLISHED


def estimate(rows, quantity):
    """One quantity over measured frames.

    Args:
        rows (list of dict): one `measure` a frame.
        quantity (Quantity): what is asked.
    Returns:
        float: NaN where no frame has it.
    """
    values = np.array([row[quantity.of] for row in rows if quantity.of in row])
    if not len(values):
        return float('nan')
    if quantity.how == 'mean':
        return float(values.mean())
    if quantity.how == 'sd':
        return float(values.std())
    return float(np.percentile(np.abs(values), int(quantity.how.split()[1])))


def compare(phantoms, patients=()):
    """Every published quantity beside the phantoms'.

    Args:
        phantoms, patients (list of dict): one `measure` a frame.
    Returns:
        list of dict: ``quantity``, ``phantoms``, ``patients`` (NaN without any), ``agrees``.
    """
    found = []
    for quantity in PUBLISHED:
        value = estimate(phantoms, quantity)
        found.append({'quantity': quantity, 'phantoms': value, 'patients': estimate(patients, quantity),
                      'agrees': bool(quantity.low <= value <= quantity.high)})
    return found


def markdown(rows, count, patients=0):
    """The comparison as a Markdown table.

    Args:
        rows (list of dict): of `compare`.
        count, patients (int): frames behind the two columns.
    """
    head = ['quantity', 'published', 'agrees between', 'phantoms (n %d)' % count]
    if patients:
        head.append('patients, same estimator (n %d)' % patients)
    lines = ['| %s | agrees |' % ' | '.join(head), '|' + ' --- |' * (len(head) + 1)]
    for row in rows:
        quantity = row['quantity']
        digits = 3 if abs(quantity.value) < 1 else 2
        cells = [quantity.name + (' (%s)' % quantity.unit if quantity.unit else ''),
                 '%.*f' % (digits, quantity.value),
                 '%.*f and %.*f' % (digits, quantity.low, digits, quantity.high),
                 '%.*f' % (digits, row['phantoms'])]
        if patients:
            cells.append('-' if np.isnan(row['patients']) else '%.*f' % (digits, row['patients']))
        lines.append('| %s | %s |' % (' | '.join(cells), 'yes' if row['agrees'] else 'no'))
    return '\n'.join(lines)
