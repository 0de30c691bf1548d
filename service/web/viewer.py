"""What the viewer on the page of a picture asks for, the same of a kept picture and of an opened file."""
import re
from typing import Any, Dict, NamedTuple, Optional

from flask import Response, request

from ..messages import InputError
from ..overlay import LAYERS, Span
from ..palettes import palette
from ..reading import Scale, scale_of
from ..result import Result
from ..viewing import OUTLINES
from .services import services

#: Low and high end of a span in an address; the widest that any camera has fits.
_SPAN = re.compile(r'(-?[0-9]{1,4}(?:\.[0-9]{1,3})?),(-?[0-9]{1,4}(?:\.[0-9]{1,3})?)')


class Asked(NamedTuple):
    """A layer that is asked for."""

    palette_name: str
    layer: str
    span: Optional[Span]


def asked() -> Asked:
    """The layer that an address asks for, refused before anything is read.

    Raises:
        InputError: ``layer-unknown``, ``palette-unknown`` or ``span-refused``.
    """
    layer = request.args.get('layer', services().settings.layer)
    if layer not in LAYERS + (OUTLINES,):
        raise InputError('layer-unknown', 'There is no such layer.', 'Choose one of %s.' % ', '.join(LAYERS))
    palette_name = request.args.get('palette', services().settings.palette)
    palette(palette_name)
    return Asked(palette_name, layer, asked_span())


def asked_span() -> Optional[Span]:
    """The span of an address, ``span=LOW,HIGH``; None where it has none.

    Raises:
        InputError: ``span-refused``.
    """
    text = request.args.get('span')
    if text is None:
        return None
    found = _SPAN.fullmatch(text)
    low, high = map(float, found.groups()) if found else (0.0, 0.0)
    if not low < high:
        raise InputError('span-refused', 'In the address, span must be two temperatures, the lower one first.',
                         'Go back and choose again.')
    return low, high


def png_reply(data: bytes) -> Response:
    """A layer."""
    return Response(data, mimetype='image/png')


def frame_reply(data: bytes) -> Response:
    """A frame, as of `viewing.frame_bytes`."""
    return Response(data, mimetype='application/octet-stream')


def stated_scale(signs: Optional[Dict[str, Any]], result: Result) -> Optional[Scale]:
    """The scale that signs were computed with; that of the body for a picture from before there were signs.

    Args:
        signs: as of `Reading.to_dict`; None where none were computed.
        result: of the same picture.
    """
    if signs is None:
        return None if result.labels is None else scale_of(result.labels)
    scale = signs['scale']
    return scale and Scale(scale['mm_per_px'], scale['uncertainty'], scale['basis'])
