"""The gate as an operator follows it on the live picture: steady enough to be read, one sentence at a time."""
from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..body import Body
from ..cameras import Frame
from ..gate import NAMES, Check, Wanted, check_gate, moved
from ..messages import PROBLEM
from ..quality import QualityLimits
from ..result import Result

#: A check changes once it has been another for so long: one frame of a flickering label changes nothing.
HOLD_S = 0.5

#: A sentence stays for so long at least.
SAY_S = 1.0

#: Frames further apart than this say nothing of a movement.
_LATER_S = 1.0


class Guidance:
    """Follows the gate over the pictures of one camera.

    Args:
        limits: of the quality checks.
        distance_cm: from the camera to the patient.
    """

    def __init__(self, limits: QualityLimits, distance_cm: float) -> None:
        self._limits = limits
        self._wanted = Wanted(distance_cm=distance_cm)
        self._before: Optional[Tuple[float, Body]] = None
        self._shown: Dict[str, Check] = {}
        self._since_s: Dict[str, float] = {}
        self._says: Optional[Check] = None
        self._said_s = 0.0

    def expect(self, role: Optional[str], scale: Optional[float], scale_role: Optional[str], room_c: Optional[float]
               ) -> None:
        """What the next picture is to be, as of `Wanted`; any thread."""
        self._wanted = replace(self._wanted, role=role, scale=scale, scale_role=scale_role, room_c=room_c)

    def follow(self, result: Result, frame: Frame, capture: Mapping[str, Any]) -> Dict[str, Any]:
        """The gate of a frame, as JSON values.

        Args:
            result: of the frame.
            capture: as `Capture.report` gives it.

        Returns:
            ``gate`` (every check), ``gate_ready`` (nothing is to be mended), ``gate_says`` (the one check to be shown
            in words, or None) and ``gate_role`` (the view that was wanted).
        """
        now_s, wanted = frame.t_monotonic, self._wanted
        speed, gap_s = None, None
        if self._before is not None:
            gap_s = now_s - self._before[0]
            if 0 < gap_s <= _LATER_S:
                speed = moved(self._before[1], result.body) / gap_s
        self._before = now_s, result.body
        checks = check_gate(result, frame.condition, wanted, self._limits, capture, speed)
        if gap_s is None or not 0 <= gap_s < HOLD_S:  # another picture, and nothing to hold on to
            self._shown, self._since_s = {}, {}
        shown = self._settle({check.name: check for check in checks}, now_s)
        self._say(shown, now_s)
        return {'gate': [check.to_dict() for check in shown],
                'gate_ready': self._says is None and not any(check.holds_up for check in shown),
                'gate_says': self._says and self._says.to_dict(), 'gate_role': wanted.role}

    def _settle(self, checks: Mapping[str, Check], now_s: float) -> List[Check]:
        """The checks to show: one that has just become another, or has gone, is shown as it was for a while."""
        for name in set(checks) | set(self._shown):
            before, after = self._shown.get(name), checks.get(name)
            if after is not None and (before is None or before.message.code == after.message.code
                                      or name == 'camera' and after.message.severity == PROBLEM):
                self._shown[name] = after
                self._since_s.pop(name, None)
            elif now_s - self._since_s.setdefault(name, now_s) >= HOLD_S:
                del self._since_s[name]
                self._shown.pop(name)
                if after is not None:
                    self._shown[name] = after
        return [self._shown[name] for name in NAMES if name in self._shown]

    def _say(self, shown: List[Check], now_s: float) -> None:
        if self._says is not None and 0 <= now_s - self._said_s < SAY_S:
            return
        mended = [check for check in shown if check.holds_up]
        says = next((check for check in mended if check.message.severity == PROBLEM), mended[0] if mended else None)
        if says is None or self._says is None or says.message.text != self._says.message.text:
            self._said_s = now_s
        self._says = says
