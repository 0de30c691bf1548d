"""The ping that proves the pipeline, not the process."""
import logging
import threading

_log = logging.getLogger(__name__)


class Watchdog:
    """Pings at half the supervisor's interval, and only while no part hangs.

    It says which part hangs before it falls silent; where the part comes back in time, it pings again. The thread is
    one of the main process, the only one whose pings ``NotifyAccess=main`` takes.

    Args:
        notifier (Notifier): takes the pings.
        heartbeats (Heartbeats): what decides.
        interval_s (float): within which the supervisor wants a ping.
        describe (callable): one line for ``systemctl status``.
    """

    def __init__(self, notifier, heartbeats, interval_s, describe):
        self._notifier = notifier
        self._heartbeats = heartbeats
        self._interval_s = interval_s
        self._describe = describe
        self._stop = threading.Event()
        self._hanging = False

    def start(self):
        """Ping for the first time and go on in a thread."""
        self._heartbeats.watched = True
        self.turn()
        threading.Thread(target=self._run, name='watchdog', daemon=True).start()

    def stop(self):
        """End the thread; the supervisor has been told by then that the service stops."""
        self._stop.set()

    def turn(self):
        """One look at the parts. Returns whether it pinged."""
        stale = self._heartbeats.stale()
        if stale:
            parts = ' and '.join('%s for %.0f s' % (part, age_s) for part, age_s in sorted(stale.items()))
            # First the reason: what is not said before the silence is never said.
            self._notifier.status('Hangs: %s. The watchdog gets no ping.' % parts)
            if not self._hanging:
                _log.critical('The watchdog gets no ping: hanging is %s.', parts)
        else:
            self._notifier.status(self._describe())
            self._notifier.alive()
            if self._hanging:
                _log.warning('Every part is back; the watchdog is pinged again.')
        self._hanging = bool(stale)
        return not stale

    def _run(self):
        while not self._stop.wait(self._interval_s / 2):
            self.turn()


class Extension:
    """Asks the supervisor for more time while a model or an engine loads. A context manager.

    Args:
        notifier (Notifier): takes the requests.
        status (str): what is being done.
        step_s (float): how much is asked for at a time, and asked again in half of that.
        longest_s (float): after that no more is asked for, so that a load that hangs is ended after all.
    """

    def __init__(self, notifier, status, step_s=60.0, longest_s=900.0):
        self._notifier = notifier
        self._status = status
        self._step_s = step_s
        self._left = int(longest_s / (step_s / 2))
        self._done = threading.Event()

    def __enter__(self):
        self._notifier.status(self._status)
        self._notifier.extend(self._step_s)
        threading.Thread(target=self._run, name='starting', daemon=True).start()
        return self

    def __exit__(self, *exc_info):
        self._done.set()

    def _run(self):
        while self._left > 0 and not self._done.wait(self._step_s / 2):
            self._left -= 1
            self._notifier.extend(self._step_s)
