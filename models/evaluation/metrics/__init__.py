"""Figures and their intervals, on arrays: nothing here knows of files, bundles or reports."""
from .areas import bland_altman
from .classes import class_figures, confusion_matrix
from .intervals import ROUNDS, PatientBootstrap, estimate, spread, wilson
from .mixups import false_area, mixups
from .overlap import all_background, dice, iou, mean_over_regions, pair_counts
from .ranking import roc
from .surface import hd95
from .thresholds import STEPS, Sweep, at_sensitivity, at_specificity, mean_iou_sweep

__all__ = ['PatientBootstrap', 'ROUNDS', 'STEPS', 'Sweep', 'all_background', 'at_sensitivity', 'at_specificity',
           'bland_altman', 'class_figures', 'confusion_matrix', 'dice', 'estimate', 'false_area', 'hd95', 'iou',
           'mean_iou_sweep', 'mean_over_regions', 'mixups', 'pair_counts', 'roc', 'spread', 'wilson']
