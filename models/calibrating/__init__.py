"""A bundle for INT8: ranges, the Q/DQ variant and TensorRT's cache, and the finding's temperature and thresholds."""
from ..lazy import lazily

#: Public name to the module it lies in.
_PUBLIC = {'Calibrated': 'run', 'Order': 'run', 'calibrate': 'run', 'choose': 'frames', 'fit_finding': 'finding',
           'survey': 'frames'}

__all__ = sorted(_PUBLIC)
__getattr__ = lazily(__name__, _PUBLIC)
