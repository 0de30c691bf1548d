"""Supervision: report the true state to systemd, and stop restarting where restarting does not help.

Standard library only: safe mode must start where numpy, OpenCV, a camera or a model does not.
"""
from .heartbeats import CAPTURE, INFERENCE, PAGE, STORAGE, Heartbeats, StorageBeat
from .starts import Moment, StartRecord, give_up_reason, read_power_losses, state_folder
from .supervision import TRY_AGAIN_EXIT_CODE, Supervision
from .systemd import Extension, Notifier, Watchdog, watchdog_interval_s

__all__ = ['CAPTURE', 'INFERENCE', 'PAGE', 'STORAGE', 'TRY_AGAIN_EXIT_CODE', 'Extension', 'Heartbeats', 'Moment',
           'Notifier', 'StartRecord', 'StorageBeat', 'Supervision', 'Watchdog', 'give_up_reason', 'read_power_losses',
           'state_folder', 'watchdog_interval_s']
