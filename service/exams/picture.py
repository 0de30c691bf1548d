"""The files of a capture, made of one result, so that frame, values and picture are always of each other."""
from ..capture_file import pack_capture
from ..overlay import draw_overlay
from ..radiometry import Raw
from ..record import encode_png
from ..result import Result
from .library import Picture


def picture_of(result: Result, palette_name: str = 'iron', layer: str = 'original') -> Picture:
    """What `Exams.add_capture` keeps of a result; its temperatures come back pixel for pixel.

    Args:
        palette_name, layer: as for `draw_overlay`.
    """
    return Picture(pack_capture([Raw.of(result.thermogram)]), result.to_dict(),
                   encode_png(draw_overlay(result, palette_name, layer)),
                   b'' if result.labels is None else encode_png(result.labels))
