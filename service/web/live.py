"""The live page, its pictures as multipart/x-mixed-replace and its values as server-sent events.

The two streams do no work of their own: pictures and JSON were made once by the live loop. Both send something at
intervals even when nothing happens, since only writing shows that a viewer left.
"""
import json
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

from ..messages import Message
from .access import CLINICAL, admits
from .responses import refuse, text_reply
from .services import services
from .streams import Viewers

if TYPE_CHECKING:
    from ..live import LiveLoop, LiveState

#: Without news the last picture is sent again after this time.
REPEAT_S = 2.0

#: Without news a sign of life is sent after this time: a page that hears nothing for a second says so.
BEAT_S = 0.4

#: A browser that lost the events asks again after this time.
RETRY_MS = 1000

_BOUNDARY = 'picture'
_SEPARATOR = ('--%s\r\n' % _BOUNDARY).encode('ascii')

_TOO_MANY = Message('viewers-full', 'This picture is being watched by as many pages as the device allows.',
                    'Close one of them.')
_NO_PICTURE = Message('picture-none', 'There is no picture yet.', 'It follows when the camera has started.')

blueprint = Blueprint('live', __name__)


@blueprint.route('/')
@admits(*CLINICAL)
def page() -> str:
    """The page for the operator. Who comes back to it has finished with the file that was open."""
    services().opened.clear()
    return render_template('live.html')


@blueprint.route('/live.mjpg')
@admits(*CLINICAL)
def picture_stream() -> Response:
    """The pictures as they come; refused before the first, so that no stream waits for one."""
    objects = services()
    if not objects.live.state.picture:
        return refuse(503, _NO_PICTURE)
    return _stream(objects.pictures, 'multipart/x-mixed-replace; boundary=' + _BOUNDARY)


@blueprint.route('/live/events')
@admits(*CLINICAL)
def value_stream() -> Response:
    """The values as they come."""
    return _stream(services().events, 'text/event-stream')


@blueprint.route('/live/values')
@admits(*CLINICAL)
def newest_values() -> Response:
    """The newest values."""
    return text_reply(services().live.state.text)


def picture_viewers(live: 'LiveLoop', limit: int) -> Viewers:
    """The viewers of the pictures, each complete as soon as it is sent.

    Each says its number (``X-Picture``), which is ``live.picture`` of its values. The separator follows its picture at
    once: a browser shows a part when it sees its end, and would otherwise always be one picture behind.
    """
    def part(state: 'LiveState') -> bytes:
        return b'Content-Type: image/jpeg\r\nX-Picture: %d\r\nContent-Length: %d\r\n\r\n%s\r\n%s' % (
            state.picture, len(state.jpeg), state.jpeg, _SEPARATOR)

    return Viewers(live, limit, _SEPARATOR, lambda state: state.picture, part, lambda live: part(live.state), REPEAT_S)


def value_viewers(live: 'LiveLoop', limit: int) -> Viewers:
    """The viewers of the values: ``values`` events as they come, ``alive`` events in between.

    ``alive`` is an event and not a comment because the page must see it: with it, and without a picture, the camera
    or the analysis stopped; without it, the service did.
    """
    return Viewers(live, limit, b'retry: %d\n\n' % RETRY_MS, lambda state: state.sequence,
                   lambda state: _event('values', state.text),
                   lambda live: _event('alive', json.dumps(live.pulse())), BEAT_S)


def _event(name: str, text: str) -> bytes:
    return ('event: %s\ndata: %s\n\n' % (name, text)).encode('utf-8')


def _stream(viewers: Viewers, content_type: str) -> Response:
    viewer = viewers.admit()
    if viewer is None:
        return refuse(503, _TOO_MANY)
    return Response(viewer, content_type=content_type, direct_passthrough=True)
