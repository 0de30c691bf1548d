"""Thermograms to train and evaluate on: layouts on disk, collections, splits by patient."""
from .coco import with_coco
from .dmr import DmrName, parse_dmr_name
from .open import LAYOUTS, layout_of, open_data, phantom_collection
from .sample import Collection, Sample, join, mix_in, with_labels
from .splits import (
    IMAGE_LEVEL,
    check_leak,
    image_split,
    patient_folds,
    patient_split,
    read_split,
    write_split,
)

__all__ = ['Collection', 'DmrName', 'IMAGE_LEVEL', 'LAYOUTS', 'Sample', 'check_leak', 'image_split', 'join',
           'layout_of', 'mix_in', 'open_data', 'parse_dmr_name', 'patient_folds', 'patient_split', 'phantom_collection',
           'read_split', 'with_coco', 'with_labels', 'write_split']
