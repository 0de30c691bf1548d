"""Which frames of a collection ranges are measured on, and which the outcome is judged on."""
from typing import NamedTuple, Optional

import numpy as np

from calibration.sampling import choose_frames, describe_frame
from service.body import find_body
from service.messages import OK, InputError
from service.quality import QualityLimits, check_frame

from ..data import Sample


class Seen(NamedTuple):
    """A frame that the service would give to the network.

    Attributes:
        sample (models.data.Sample): where it is from.
        descriptor (numpy.ndarray): what it looks like, `calibration.describe_frame`.
        probability (float or None): of the finding, as the network gives it; None where it was not asked.
    """

    sample: Sample
    descriptor: np.ndarray
    probability: Optional[float]


class Survey(NamedTuple):
    """What became of every frame of a collection.

    Attributes:
        seen (list of Seen): the usable ones, in the collection's order.
        failures (list of dict): ``key``, ``code``, ``message`` of those that cannot be read.
        refused (int): frames that the service's quality checks refuse before the network sees them.
    """

    seen: list
    failures: list
    refused: int


class Choice(NamedTuple):
    """Frames by what they are for.

    Attributes:
        measured, judged (list of Seen): for ranges, and for the comparison with FP32.
        apart (bool): whether no frame is in both.
    """

    measured: list
    judged: list
    apart: bool


def prepare(sample, chain):
    """A sample as the network gets it.

    Args:
        sample (Sample): to read.
        chain (service.chains.Chain): of the bundle.

    Returns:
        tuple: (Thermogram, service.chains.Prepared); the second is None where the service refuses the frame.

    Raises:
        InputError: the frame cannot be read.
    """
    thermogram = sample.thermogram()
    body = find_body(thermogram)
    if check_frame(thermogram, body, QualityLimits())[-1].severity != OK:
        return thermogram, None
    return thermogram, chain.apply(thermogram, body)


def survey(samples, chain, answer=None):
    """Look at every frame once; none is kept in memory.

    Args:
        samples (iterable of Sample): a collection, or a progress bar over one.
        chain (service.chains.Chain): of the bundle.
        answer (callable or None): float32 1xCxHxW to the network's outputs by name, asked for frames of known class.

    Returns:
        Survey

    Raises:
        InputError: ``nothing-readable``: there is no usable frame.
    """
    seen, failures, refused = [], [], 0
    for sample in samples:
        try:
            prepared = prepare(sample, chain)[1]
        except InputError as error:
            failures.append({'key': sample.key, 'code': error.code, 'message': error.message.text})
            continue
        if prepared is None:
            refused += 1
            continue
        asked = answer is not None and sample.klass is not None
        probability = float(answer(prepared.tensor)['finding'].ravel()[0]) if asked else None
        seen.append(Seen(sample, describe_frame(prepared.tensor), probability))
    if not seen:
        raise InputError('nothing-readable', 'None of the frames can be calibrated with (%d cannot be read, the '
                         'quality checks refuse %d); name other data.' % (len(failures), refused))
    return Survey(seen, failures, refused)


def choose(seen, count, judged, seed=0):
    """Frames to measure ranges on, and others to judge the outcome on.

    Ranges need no labels and judging does: labelled frames are kept for judging where there are enough others. At
    most half of the frames are taken for ranges, so that some are left; a single frame has to serve for both.

    Args:
        seen (list of Seen): what there is.
        count (int): frames for ranges, at most.
        judged (int): frames to judge on, at most; labelled ones first, evenly spread.
        seed (int): of the choice.

    Returns:
        Choice
    """
    unlabelled = [frame for frame in seen if not frame.sample.labelled]
    pool = unlabelled if len(unlabelled) >= count else seen
    count = min(count, max(1, len(seen) // 2))
    places = choose_frames([frame.descriptor for frame in pool], [frame.sample.patient for frame in pool], count, seed)
    measured = [pool[place] for place in places]
    taken = {frame.sample.key for frame in measured}
    others = [frame for frame in seen if frame.sample.key not in taken]
    rest = [frame for frame in others if frame.sample.labelled] or others or measured
    spread = np.linspace(0, len(rest) - 1, min(judged, len(rest))).round().astype(int)
    return Choice(measured, [rest[place] for place in spread], bool(others))
