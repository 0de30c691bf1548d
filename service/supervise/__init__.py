"""What keeps the service alive: it tells its supervisor the truth, and stops starting when that does not help.

Standard library only: safe mode has to come up where numpy, OpenCV, a camera or a model do not.
"""
from .crashes import StartRecord, state_folder
from .heartbeats import CAPTURE, INFERENCE, PAGE, STORAGE, Heartbeats
from .moment import Moment
from .notify import Notifier, watchdog_interval_s
from .reasons import Reason
from .storage import StorageBeat
from .supervision import TRY_AGAIN_EXIT_CODE, Supervision
from .watchdog import Extension, Watchdog

__all__ = ['CAPTURE', 'INFERENCE', 'PAGE', 'STORAGE', 'TRY_AGAIN_EXIT_CODE', 'Extension', 'Heartbeats', 'Moment',
           'Notifier', 'Reason', 'StartRecord', 'StorageBeat', 'Supervision', 'Watchdog', 'state_folder',
           'watchdog_interval_s']
