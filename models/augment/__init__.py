"""Augmentation: other patients, cameras and pictures made of the ones there are; numpy and OpenCV only."""
from .degradation import degrade
from .flips import flip, flip_table
from .mixing import Mixed, mix_in, mixup
from .picture import vary
from .thermal import augment

__all__ = ['Mixed', 'augment', 'degrade', 'flip', 'flip_table', 'mix_in', 'mixup', 'vary']
