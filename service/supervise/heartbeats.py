"""When each part of the service last got on with its work."""
import threading
import time

CAPTURE, INFERENCE, STORAGE, PAGE = 'capture', 'inference', 'storage', 'page'

#: Seconds without a beat after which a part hangs. The camera's loop waits at most 5 s between two attempts and
#: opens slow cameras; one frame takes a Nano without its GPU about two; a slow card may hold a write back for long.
LIMITS_S = {CAPTURE: 15.0, INFERENCE: 15.0, STORAGE: 60.0, PAGE: 15.0}

#: What an operator is told of a part that hangs.
_SENTENCES = {
    CAPTURE: 'The camera does not answer any more.',
    INFERENCE: 'The analysis does not answer any more.',
    STORAGE: 'The disk does not take anything any more.',
    PAGE: 'The page does not answer any more.',
}
_WATCHED = 'The station starts itself again within a minute.'
_ALONE = 'Restart the station.'


class Heartbeats:
    """The beats of the parts; any thread may beat or ask.

    A part either works, and then has to `beat` before its limit has passed, or it rests: it has given its answer and
    waits to be given work, for as long as that takes. A camera that is absent is no hang, since the loop that looks
    for it beats; neither is a model that gets no frames, since it rests.

    Args:
        limits_s (dict): part to seconds.
        clock (callable): monotonic seconds.
    """

    def __init__(self, limits_s=None, clock=time.monotonic):
        self._limits_s = dict(LIMITS_S if limits_s is None else limits_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s = {}
        self._answers = {}
        self.watched = False

    def beat(self, part):
        """The part got on and goes on working."""
        with self._lock:
            self._since_s[part] = self._clock()

    def expect(self, part):
        """The part has work from now on, unless it has already: a second request makes the first no younger."""
        with self._lock:
            self._since_s.setdefault(part, self._clock())

    def rest(self, part):
        """The part has answered and waits for work."""
        with self._lock:
            self._since_s.pop(part, None)
            self._answers[part] = self._answers.get(part, 0) + 1

    def answered(self, part):
        """How often a part has answered and rested."""
        return self._answers.get(part, 0)

    def stale(self, now=None):
        """The parts that hang.

        Args:
            now (float): on the clock of this object; None for now.
        Returns:
            dict: part to its age in seconds, for those beyond their limits.
        """
        return {part: age_s for part, age_s in self._ages_s(now).items() if age_s > self._limits_s[part]}

    def report(self):
        """The parts that have begun, as JSON values: ``fresh``, ``age_s`` (None while it rests) and ``limit_s``."""
        ages_s = self._ages_s()
        return {part: {'fresh': ages_s.get(part, 0.0) <= limit_s, 'limit_s': limit_s,
                       'age_s': round(ages_s[part], 1) if part in ages_s else None}
                for part, limit_s in sorted(self._limits_s.items()) if part in ages_s or part in self._answers}

    def trouble(self):
        """What the page shows of a part that hangs: ``code``, ``sentence``, ``next_step``; None where none does."""
        hanging = self.stale()
        if not hanging:
            return None
        part = max(hanging, key=hanging.get)
        return {'code': part + '-stuck', 'sentence': _SENTENCES[part],
                'next_step': _WATCHED if self.watched else _ALONE}

    def _ages_s(self, now=None):
        with self._lock:
            now = self._clock() if now is None else now
            return {part: max(0.0, now - since_s) for part, since_s in self._since_s.items()}
