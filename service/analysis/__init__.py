"""Analysis: numbers from the unequalised temperatures, inside the regions that were found."""
from .statistics import boxes, percentile, region_statistics
from .symmetry import BREASTS, Breasts, find_breasts, hottest_spots, mirrored_difference, pair_differences
from .words import NO_FINDING, describe

__all__ = ['BREASTS', 'NO_FINDING', 'Breasts', 'boxes', 'describe', 'find_breasts', 'hottest_spots',
           'mirrored_difference', 'pair_differences', 'percentile', 'region_statistics']
