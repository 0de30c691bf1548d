"""Which frames of a collection ranges are measured on, and which the outcome is judged on."""
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from calibration import choose_frames, describe_frame
from service.body import find_body
from service.chains import Chain, Prepared
from service.messages import OK, InputError
from service.quality import QualityLimits, check_frame
from service.thermogram import Thermogram

from ..data import Sample


class UsableFrame(NamedTuple):
    """A frame that the service would give to the network.

    Attributes:
        sample: where it is from.
        descriptor: what it looks like, `calibration.describe_frame`.
        probability: of the finding, as the network answers; None where it was not asked.
    """

    sample: Sample
    descriptor: np.ndarray
    probability: Optional[float]


class Survey(NamedTuple):
    """What became of every frame of a collection.

    Attributes:
        usable: in the collection's order.
        failures: ``key`` and the message of those that cannot be read, as JSON.
        refused: frames that the service's quality checks refuse before the network sees them.
    """

    usable: List[UsableFrame]
    failures: List[Dict[str, Any]]
    refused: int


class FrameChoice(NamedTuple):
    """Frames by what they are for.

    Attributes:
        measured, judged: for ranges, and for the comparison with FP32.
        apart: whether no frame is in both.
    """

    measured: List[UsableFrame]
    judged: List[UsableFrame]
    apart: bool


def prepare(sample: Sample, chain: Chain) -> Tuple[Thermogram, Optional[Prepared]]:
    """A sample as the network gets it; None where the service refuses the frame.

    Raises:
        InputError: the frame cannot be read.
    """
    thermogram = sample.thermogram()
    body = find_body(thermogram)
    if check_frame(thermogram, body, QualityLimits())[-1].severity != OK:
        return thermogram, None
    return thermogram, chain.apply(thermogram, body)


def survey(samples: Iterable[Sample], chain: Chain,
           answer: Optional[Callable[[np.ndarray], Dict[str, np.ndarray]]] = None) -> Survey:
    """Look at every frame once; none is kept in memory.

    Args:
        samples: a collection, or a progress bar over one.
        chain: of the bundle.
        answer: float32 1xCxHxW to the network's outputs by name, asked for frames of known class.
    Raises:
        InputError: ``nothing-readable``: there is no usable frame.
    """
    usable: List[UsableFrame] = []
    failures: List[Dict[str, Any]] = []
    refused = 0
    for sample in samples:
        try:
            prepared = prepare(sample, chain)[1]
        except InputError as error:
            failures.append(dict(error.message.to_dict(), key=sample.key))
            continue
        if prepared is None:
            refused += 1
            continue
        probability = None
        if answer is not None and sample.klass is not None:
            probability = float(answer(prepared.tensor)['finding'].ravel()[0])
        usable.append(UsableFrame(sample, describe_frame(prepared.tensor), probability))
    if not usable:
        raise InputError('nothing-readable', 'None of the frames can be used for calibration: %d cannot be read, and '
                         'the quality checks refuse %d.' % (len(failures), refused), 'Name other data.')
    return Survey(usable, failures, refused)


def choose(usable: Sequence[UsableFrame], count: int, judged: int, seed: int = 0) -> FrameChoice:
    """Frames to measure ranges on, and others to judge the outcome on.

    Ranges need no labels and judging does: labelled frames are kept for judging where there are enough others. At most
    half of the frames are taken for ranges, so that some are left; a single frame has to serve for both.

    Args:
        usable: what there is.
        count: frames for ranges, at most.
        judged: frames to judge on, at most; labelled ones first, evenly spread.
        seed: of the choice.
    """
    unlabelled = [frame for frame in usable if not frame.sample.labelled]
    pool = unlabelled if len(unlabelled) >= count else list(usable)
    count = min(count, max(1, len(usable) // 2))
    places = choose_frames([frame.descriptor for frame in pool], [frame.sample.patient for frame in pool], count, seed)
    measured = [pool[place] for place in places]
    taken = {frame.sample.key for frame in measured}
    others = [frame for frame in usable if frame.sample.key not in taken]
    rest = [frame for frame in others if frame.sample.labelled] or others or measured
    spread = np.linspace(0, len(rest) - 1, min(judged, len(rest))).round().astype(int)
    return FrameChoice(measured, [rest[place] for place in spread], bool(others))
