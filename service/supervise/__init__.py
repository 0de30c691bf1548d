"""Supervision: report the true state to systemd, and stop restarting where restarting does not help.

Standard library only: safe mode must start where numpy, OpenCV, a camera or a model does not.
"""
from .heartbeats import CAPTURE, INFERENCE, LIVE, PAGE, STORAGE, Heartbeats, StorageBeat
from .starts import Moment, StartRecord, give_up_reason, lock_holder, read_power_losses, state_folder
from .supervision import TRY_AGAIN_EXIT_CODE, Supervision, end_process
from .systemd import Extension, Notifier, Watchdog, watchdog_interval_s
from .threads import LastingThread

__all__ = ['CAPTURE', 'INFERENCE', 'LIVE', 'PAGE', 'STORAGE', 'TRY_AGAIN_EXIT_CODE', 'Extension', 'Heartbeats',
           'LastingThread', 'Moment', 'Notifier', 'StartRecord', 'StorageBeat', 'Supervision', 'Watchdog',
           'end_process', 'give_up_reason', 'lock_holder', 'read_power_losses', 'state_folder',
           'watchdog_interval_s']
