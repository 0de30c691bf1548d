"""From what the pipeline said to figures, each with its n and interval."""
from .choice import certainty_sweep, certainty_threshold, operating_points
from .composition import composition, giveaways
from .finding import judge_finding, positive_classes
from .regions import judge_regions, region_figures

__all__ = ['certainty_sweep', 'certainty_threshold', 'composition', 'giveaways', 'judge_finding', 'judge_regions',
           'operating_points', 'positive_classes', 'region_figures']
