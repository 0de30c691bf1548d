"""Time that passes only when somebody sleeps or a test says so."""


class FakeClock:
    """Stands in for `SystemClock`; `slept` lists every wait."""

    def __init__(self, start_s=1000.0):
        self._now_s = start_s
        self.slept = []

    def now(self):
        return self._now_s

    def sleep(self, seconds):
        assert seconds >= 0
        self.slept.append(seconds)
        self._now_s += seconds

    def pass_s(self, seconds):
        """Let time go by without anybody waiting."""
        self._now_s += seconds
