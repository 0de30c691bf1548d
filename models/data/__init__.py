"""Thermograms to learn from and to judge by: layouts on disk, collections, splits by patient."""
from .coco import with_coco
from .dmr_names import DmrName, parse_dmr_name
from .open import LAYOUTS, open_data
from .phantoms import phantom_collection
from .sample import Collection, Sample, join
from .split_file import read_split, write_split
from .splits import IMAGE_LEVEL, check_leak, image_split, patient_folds, patient_split

__all__ = ['Collection', 'DmrName', 'IMAGE_LEVEL', 'LAYOUTS', 'Sample', 'check_leak', 'image_split', 'join',
           'open_data', 'parse_dmr_name', 'patient_folds', 'patient_split', 'phantom_collection',
           'read_split', 'with_coco', 'write_split']
