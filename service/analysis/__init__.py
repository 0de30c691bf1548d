"""Analysis: numbers from the unequalised temperatures, inside the regions that were found."""
from .statistics import boxes, percentile, region_statistics
from .symmetry import breast_labels, hottest_spots, mirrored_difference, pair_differences
from .words import describe

__all__ = ['boxes', 'breast_labels', 'describe', 'hottest_spots', 'mirrored_difference', 'pair_differences',
           'percentile', 'region_statistics']
