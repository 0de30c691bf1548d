"""Numbers that both halves share: INT8 ranges, parity and thresholds. Python 3.6 and up, numpy only."""
from .cache import Cache, read_cache, scale_of, version_number, with_local_header, write_cache
from .calibrators import cache_calibrator, choose_frames, describe_frame, entropy_calibrator
from .parity import PARITY_LIMITS, FrameParity, Parity, compare_answers, gate, summarise
from .thresholds import fit_temperature, operating_points

__all__ = ['Cache', 'FrameParity', 'PARITY_LIMITS', 'Parity', 'cache_calibrator', 'choose_frames', 'compare_answers',
           'describe_frame', 'entropy_calibrator', 'fit_temperature', 'gate', 'operating_points', 'read_cache',
           'scale_of', 'summarise', 'version_number', 'with_local_header', 'write_cache']
