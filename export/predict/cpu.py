"""What a Nano's processor needs around the network: measured on a PC, scaled by a ratio that is partly assumed."""
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
#: Stages behind a result's numbers; the picture is drawn and encoded after them.
PICTURE = ('overlay', 'encode')


@dataclass(frozen=True)
class Range:
    """A figure that is known between two ends (milliseconds, or a ratio); `middle` is their geometric mean."""

    low: float
    high: float

    @property
    def middle(self):
        """Geometric mean of the ends."""
        return math.sqrt(self.low * self.high)

    def times(self, factor):
        """The range with both ends multiplied."""
        return Range(self.low * factor, self.high * factor)

    def plus(self, *others):
        """The sum of ranges, end by end: all low or all high at once."""
        return Range(self.low + sum(other.low for other in others), self.high + sum(other.high for other in others))


def factor():
    """How much slower one core of a Nano is than the PC of `stages` (Range).

    The lower end is the smaller of two published ratios, 7-Zip by core and memcpy; the upper end is the larger one
    times the ratio of vector widths, which is assumed.
    """
    found = _load('cpu.json')
    there, here = found['published'], found['here']
    ratios = (here['seven_zip_mips_1_core'] / (there['seven_zip_mips_4_cores'] / 4),
              here['memcpy_mb_s'] / there['memcpy_mb_s'])
    return Range(min(ratios), max(ratios) * found['vector_ratio'])


def stages(frame):
    """Stage to (Range of its 90th percentile on a Nano, milliseconds on the PC).

    Args:
        frame (str): of `frames`, such as ``'320x240'``.
    """
    measured = _load('stages.json')['frames'][frame]
    return {stage: (factor().times(found['p90_ms']), found['p90_ms']) for stage, found in measured.items()
            if stage != 'sum'}


def frames():
    """Frame sizes that were measured (tuple of str)."""
    return tuple(_load('stages.json')['frames'])


def unpinning(output_bytes):
    """Milliseconds to bring pinned outputs into ordinary memory once (Range); assumed."""
    slow, fast = _load('cpu.json')['pinned_read_gb_s']
    return Range(output_bytes / fast / 1e6, output_bytes / slow / 1e6)


def origins():
    """Where these figures come from, as sentences (list of str)."""
    found, measured = _load('cpu.json'), _load('stages.json')
    return ['%s (%s).' % (measured['what'], measured['machine']),
            'Nano over PC %.1f to %.1f: 7-Zip by core and memcpy from %s (%s) against the same here; upper end %s.'
            % (factor().low, factor().high, found['published']['where'], found['published']['conditions'],
               found['vector_reason']),
            'Pinned outputs %g to %g GB/s, %s.' % (*found['pinned_read_gb_s'], found['pinned_reason'])]


@functools.lru_cache(maxsize=None)
def _load(name):
    return json.loads((_FOLDER / name).read_text(encoding='utf-8'))
