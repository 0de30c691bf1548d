"""What a classifier may be fed with: a name, a sentence, and one way from a frame to numbers."""
from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass(frozen=True)
class Input:
    """One input of the audit, a model's or a control's.

    Attributes:
        name (str): as the table prints it.
        what (str): what the classifier is given, in a phrase.
        measure (callable): `Frame` to a dict of name to float; NaN for what the frame does not say. A name may
            be missing in some frames.
    """

    name: str
    what: str
    measure: Callable


def tabulate(rows):
    """Measurements of many frames as one table.

    Args:
        rows (list): one dict a frame, name to float.
    Returns:
        tuple: (float64 NxD, NaN where a frame lacks a value; tuple of D names in order of first sight). Columns
        that no frame has a value for are left out.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], np.float64)
    table = table.reshape(len(rows), len(names))
    there = np.isfinite(table).any(axis=0)
    return table[:, there], tuple(name for name, keep in zip(names, there) if keep)


def is_constant(table):
    """Whether no column of a table tells one row from another; a missing value counts as a value."""
    filled = np.where(np.isfinite(table), table, np.inf)
    return bool(np.all(filled == filled[:1]))
