"""What comes back of one frame, the same from every tool, before anything is believed of it."""
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from service.messages import InputError, printable


class HeldError(InputError):
    """A frame that only a person can decide on."""


class Shape(NamedTuple):
    """One shape of a frame.

    Attributes:
        label: as the tool has it.
        mask: bool HxW.
        is_polygon: whether it was a polygon, of which a mask can only be made by a rule.
    """

    label: str
    mask: np.ndarray
    is_polygon: bool = False


#: Shapes of a frame from its height and width; raises InputError.
Shapes = Callable[[int, int], Sequence[Shape]]


@dataclass(frozen=True)
class Answer:
    """A frame as it came back.

    Attributes:
        name: that the file gives it, of whatever content.
        shapes: decoded when they are asked for; None where nobody labelled it.
        nothing: why there are none.
        labeller, labelled_at: who and when, as the tool says it; empty where it does not.
        proves_work: whether its being there shows that a person finished it.
    """

    name: str
    shapes: Optional[Shapes]
    nothing: str = ''
    labeller: str = ''
    labelled_at: str = ''
    proves_work: bool = False


def check_size(stated: Tuple[Any, Any], height: int, width: int) -> None:
    """Refuse a frame that was labelled at another size.

    Args:
        stated: width and height as the tool gives them, as numbers or text.
        height, width: of the picture that was sent.

    Raises:
        InputError: ``labels-size``.
    """
    if tuple(map(str, stated)) != (str(width), str(height)):
        raise InputError('labels-size', 'It was labelled at %.20sx%.20s, and the picture that was sent has %dx%d.'
                         % (*stated, width, height), 'Label the picture that was sent.')


def text_of(value: Any) -> str:
    """A name or time that a tool gives, `printable` and at most 80 characters; empty for anything else."""
    return printable(str(value)[:80]) if isinstance(value, (str, int)) and not isinstance(value, bool) else ''
