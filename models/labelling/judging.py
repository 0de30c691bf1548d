"""Whether the shapes of a frame become its label map: every check, in one order, all or nothing for a frame."""
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from service.messages import InputError, Message, ThermoscreenError
from service.regions import (
    FLIPPED,
    LEFT_ARMPIT,
    LEFT_BREAST,
    LEFT_NIPPLE,
    NECK,
    PAIRS,
    REGIONS,
    RIGHT_ARMPIT,
    RIGHT_BREAST,
    RIGHT_NIPPLE,
    region_label,
)

from .record import Frame, Record
from .returned import Returned
from .shapes import Answer, HeldError, Shape

#: What became of a frame.
LABELLED, UNCHANGED, NOTHING, HELD, REFUSED = STATES = ('labelled', 'unchanged', 'nothing', 'held', 'refused')

#: Regions in the order in which they are painted, so that a nipple lies on its breast whatever the tool's order was.
PAINTED = (NECK, RIGHT_ARMPIT, LEFT_ARMPIT, RIGHT_BREAST, LEFT_BREAST, RIGHT_NIPPLE, LEFT_NIPPLE)

#: Regions that are compared with their mirror image. A woman drawn twice agreed with herself by 0.46 to 0.96 (IoU,
#: median 0.90) and with her mirror image by 0.47 to 0.75 (20 patients of DMR-IR); the difference was below 0 once.
_MIRRORED = (RIGHT_BREAST, LEFT_BREAST, RIGHT_ARMPIT, LEFT_ARMPIT)
#: Share of the pixels around a nipple that are its breast's; 0.58 was the least of the same patients.
_LEAST_RING = 0.5
_BREAST_OF = {RIGHT_NIPPLE: RIGHT_BREAST, LEFT_NIPPLE: LEFT_BREAST}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a frame of a file.

    Attributes:
        name: that the file gives it.
        state: one of `STATES`.
        frame: of the record; None where it has none of that name.
        message: why, where it was held or refused; None otherwise.
        labels: uint8 HxW, where it is labelled or unchanged.
        changed: pixels that a region gained and lost since it was sent, by its name; regions without any are left out.
        notes: sentences worth knowing.
        answer: as the file has it.
    """

    name: str
    state: str
    frame: Optional[Frame] = None
    message: Optional[Message] = None
    labels: Optional[np.ndarray] = None
    changed: Dict[str, Tuple[int, int]] = field(default_factory=dict)
    notes: Tuple[str, ...] = ()
    answer: Optional[Answer] = None


#: Whether regions that were sent and are gone were removed on purpose, asked once with a sentence for each frame.
Ask = Callable[[Sequence[str]], bool]


def judge(returned: Returned, record: Record, accepted: Sequence[str] = (), reviewed: bool = False,
          ask: Ask = lambda sentences: False) -> List[Outcome]:
    """What becomes of every frame of a file.

    Args:
        returned: the file.
        record: of what was sent.
        accepted: names of frames that a person looked at, for whom neither the mirror test nor a missing region holds.
        reviewed: frames that came back as they were sent were looked at, too; a tool that says so itself needs no
            word for it.
        ask: asked once, if a region is gone anywhere.
    """
    names = [answer.name for answer in returned.answers if answer.shapes is not None]
    outcomes = [_judged(answer, record, answer.name in accepted, reviewed, names.count(answer.name) > 1)
                for answer in returned.answers]
    gone = [outcome for outcome in outcomes if outcome.message is not None and outcome.message.code == 'labels-removed']
    if gone and ask(['%s: %s' % (outcome.name, outcome.message.sentence) for outcome in gone if outcome.message]):
        again = {id(outcome) for outcome in gone}
        outcomes = [_judged(outcome.answer, record, False, reviewed, False, removal=True)
                    if id(outcome) in again and outcome.answer is not None else outcome for outcome in outcomes]
    return outcomes


def _judged(answer: Answer, record: Record, accepted: bool, reviewed: bool, is_twice: bool, removal: bool = False
            ) -> Outcome:
    frame = record.frames.get(answer.name)
    if frame is None:
        return _stopped(answer, REFUSED, None, InputError(
            'labels-foreign', '%s is no picture of this record.' % (answer.name or 'A frame without a name'),
            'Give the folder from which it was sent.').message)
    if answer.shapes is None:
        return Outcome(answer.name, NOTHING, frame, notes=(answer.nothing,), answer=answer)
    try:
        if is_twice:
            raise HeldError('labels-two', 'The file has it twice.', 'Delete one of them in the tool, and export again.')
        shapes = answer.shapes(frame.height, frame.width)
        if not shapes:
            return Outcome(answer.name, NOTHING, frame, notes=('no region is drawn',), answer=answer)
        before = record.labels(frame)
        labels, notes = assemble(shapes, before)
        if frame.is_frontal:
            check_sides(labels)
            if before is not None and not accepted:
                check_mirror(labels, before)
            notes += nipple_notes(labels)
        else:
            notes += ('sides were not checked: the view is %s' % frame.view,)
        if before is not None and not (accepted or removal):
            check_removed(labels, before)
        if accepted or removal:
            notes += ('a person looked at it and accepted it',)
    except HeldError as error:
        return _stopped(answer, HELD, frame, error.message)
    except ThermoscreenError as error:
        return _stopped(answer, REFUSED, frame, error.message)
    changed = changes(before, labels)
    state = LABELLED if changed or answer.proves_work or reviewed else UNCHANGED
    return Outcome(answer.name, state, frame, None, labels, changed, notes, answer)


def _stopped(answer, state, frame, message):
    return Outcome(answer.name, state, frame, message, answer=answer)


def assemble(shapes: Sequence[Shape], before: Optional[np.ndarray]) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """The label map of some shapes; those of one name are united.

    A pixel that both sides of a pair claim goes to the one that gained it since the map was sent.

    Args:
        shapes: at least one.
        before: the map that was sent, uint8 HxW; None where there was none.

    Returns:
        Uint8 HxW, and notes.

    Raises:
        InputError: ``labels-unknown`` for a name that is no region.
        HeldError: ``labels-both-sides``.
    """
    masks: Dict[int, np.ndarray] = {}
    for shape in shapes:
        if shape.label not in REGIONS[1:]:
            raise InputError('labels-unknown', 'It has the label %.40r, which is no region.' % shape.label,
                             'Name it as one of %s.' % ', '.join(REGIONS[1:]))
        region = REGIONS.index(shape.label)
        masks[region] = masks[region] | shape.mask if region in masks else shape.mask
    notes = _overlaps(masks)
    for right, left in PAIRS:
        if right in masks and left in masks:
            masks[right], masks[left] = _parted(masks[right], masks[left], right, left, before)
    labels = np.zeros(shapes[0].mask.shape, np.uint8)
    for region in PAINTED:
        if region in masks:
            labels[masks[region]] = region
    if any(shape.is_polygon for shape in shapes):
        notes += ('polygons: islands and holes are lost, and edges differ by a pixel',)
    return labels, notes


def _overlaps(masks):
    claims = sum(mask.astype(np.uint8) for mask in masks.values())
    overlap = int((claims > 1).sum())
    return ('%d pixels belong to several regions; the nipples lie on top, then breasts, armpits and neck' % overlap,
            ) if overlap else ()


def _parted(right, left, right_id, left_id, before):
    both = right & left
    if not both.any():
        return right, left
    was_right = both & (before == right_id) if before is not None else np.zeros_like(both)
    was_left = both & (before == left_id) if before is not None else np.zeros_like(both)
    open_pixels = int((both & ~was_right & ~was_left).sum())
    if open_pixels:
        raise HeldError('labels-both-sides', '%d pixels are of the %s and of the %s.'
                        % (open_pixels, region_label(right_id), region_label(left_id)),
                        'Erase them from one of the two in the tool, and export again.')
    # What was the left side's is now claimed by the right one, which gained it; and the other way round.
    return right & ~was_right, left & ~was_left


def check_sides(labels: np.ndarray) -> None:
    """Refuse a frontal label map whose right and left are exchanged.

    Raises:
        InputError: ``labels-sides``: in a picture that is not mirrored the patient's right is on the left.
    """
    reversed_pairs = []
    for right, left in PAIRS:
        columns = [np.flatnonzero((labels == region).any(axis=0)) for region in (right, left)]
        if all(found.size for found in columns):
            middles = [np.nonzero(labels == region)[1].mean() for region in (right, left)]
            if middles[0] >= middles[1]:
                reversed_pairs.append(region_label(right).split()[1])
    if reversed_pairs:
        raise InputError('labels-sides', 'Right and left are exchanged (%s): the patient\'s right is on the left of '
                         'the picture.' % ', '.join(reversed_pairs),
                         'Find out whether the picture was mirrored or the names were; label the picture as sent.')


def check_mirror(labels: np.ndarray, before: np.ndarray) -> None:
    """Hold a label map that fits the mirror image of the one that was sent better than the one itself.

    Raises:
        HeldError: ``labels-mirrored``.
    """
    as_sent, mirrored = overlap(labels, before), overlap(labels, FLIPPED[before][:, ::-1])
    if mirrored > as_sent:
        raise HeldError('labels-mirrored', 'It fits the mirror image of the labels that were sent (IoU %.2f) better '
                        'than the labels themselves (%.2f).' % (mirrored, as_sent),
                        'Look at it. If the picture was not mirrored, import it with --accept.')


def overlap(labels: np.ndarray, others: np.ndarray) -> float:
    """IoU of two label maps over breasts and armpits together; 1 where neither has any."""
    shared = sum(int(((labels == region) & (others == region)).sum()) for region in _MIRRORED)
    either = sum(int(((labels == region) | (others == region)).sum()) for region in _MIRRORED)
    return shared / either if either else 1.0


def check_removed(labels: np.ndarray, before: np.ndarray) -> None:
    """Hold a label map that lacks a region which was sent.

    Raises:
        HeldError: ``labels-removed``.
    """
    gone = [region_label(region) for region in range(1, len(REGIONS))
            if (before == region).any() and not (labels == region).any()]
    if gone:
        raise HeldError('labels-removed', 'It was sent with the %s, and came back without.' % ' and the '.join(gone),
                        'If it was removed on purpose, import it with --accept.')


def nipple_notes(labels: np.ndarray) -> Tuple[str, ...]:
    """A note for every nipple that does not lie on its breast."""
    notes = []
    for nipple, breast in _BREAST_OF.items():
        mask = (labels == nipple).astype(np.uint8)
        ring = labels[(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0) & (mask == 0)]
        if ring.size and (ring == breast).mean() < _LEAST_RING:
            notes.append('the %s does not lie on its breast' % region_label(nipple))
    return tuple(notes)


def changes(before: Optional[np.ndarray], labels: np.ndarray) -> Dict[str, Tuple[int, int]]:
    """Pixels that every region gained and lost, by its name; regions that are as they were are left out."""
    before = np.zeros_like(labels) if before is None else before
    found = {name: (int(((labels == region) & (before != region)).sum()),
                    int(((labels != region) & (before == region)).sum()))
             for region, name in enumerate(REGIONS) if region}
    return {name: pixels for name, pixels in found.items() if any(pixels)}
