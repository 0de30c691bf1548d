"""Healthy phantoms against what is published of healthy patients: estimators, published values, one table.

python -m models.phantom_statistics [--count N] [--data DIR]
"""
from .measure import measure
from .published import PUBLISHED, Quantity
from .table import compare, markdown

__all__ = ['PUBLISHED', 'Quantity', 'compare', 'markdown', 'measure']
