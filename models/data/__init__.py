"""Thermograms to learn from and to judge by: layouts on disk, collections, splits by patient."""
from .open import LAYOUTS, open_data
from .sample import Collection, Sample, join
from .splits import IMAGE_LEVEL, check_leak, image_split, patient_folds, patient_split

__all__ = ['Collection', 'IMAGE_LEVEL', 'LAYOUTS', 'Sample', 'check_leak', 'image_split', 'join', 'open_data',
           'patient_folds', 'patient_split']
