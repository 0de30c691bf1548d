"""The quality gate: a frame that cannot give a trustworthy result gives none, and says why."""
from .frame_checks import check_frame
from .label_checks import check_labels
from .limits import QualityLimits

__all__ = ['QualityLimits', 'check_frame', 'check_labels']
