"""The live page, its pictures as multipart/x-mixed-replace and its values as server-sent events.

The two streams do no work of their own: pictures and JSON were made once by the live loop. Both send something at
intervals even when nothing happens, since a server notices only by writing that a viewer left.
"""
import json
from typing import TYPE_CHECKING, Iterator

from flask import Blueprint, Response, render_template

from ..messages import Message
from .responses import refuse, text_reply
from .services import Slots, services

if TYPE_CHECKING:
    from ..live import LiveLoop

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
def page() -> str:
    """The page for the operator. Who comes back to it has finished with the file that was open."""
    services().opened.clear()
    return render_template('live.html')


@blueprint.route('/live.mjpg')
def picture_stream() -> Response:
    """The pictures as they come; refused before the first, so that no stream waits for one."""
    objects = services()
    if not objects.live.state.picture:
        return refuse(503, _NO_PICTURE)
    return _stream(objects.pictures, pictures(objects.live), 'multipart/x-mixed-replace; boundary=' + _BOUNDARY)


@blueprint.route('/live/events')
def value_stream() -> Response:
    """The values as they come."""
    objects = services()
    return _stream(objects.events, events(objects.live), 'text/event-stream')


@blueprint.route('/live/values')
def newest_values() -> Response:
    """The newest values."""
    return text_reply(services().live.state.text)


def pictures(live: 'LiveLoop') -> Iterator[bytes]:
    """The newest picture again and again, each complete as soon as it is sent.

    The separator follows its picture at once: a browser shows a part when it sees its end, and would otherwise always
    be one picture behind.
    """
    sequence, shown = -1, 0
    yield _SEPARATOR
    while not live.stopped:
        state = live.wait_for(sequence, REPEAT_S)
        if state is None:
            state = live.state
        elif state.picture == shown:  # only the status changed, and that goes through the events
            sequence = state.sequence
            continue
        if live.stopped:
            return
        sequence, shown = state.sequence, state.picture
        if state.jpeg:
            yield b'Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n%s' % (len(state.jpeg), state.jpeg,
                                                                                      _SEPARATOR)


def events(live: 'LiveLoop') -> Iterator[bytes]:
    """``values`` events as they come, ``alive`` events in between.

    ``alive`` is an event and not a comment because the page must see it: with it, and without a picture, the camera
    or the analysis stopped; without it, the service did.
    """
    sequence = -1
    yield b'retry: %d\n\n' % RETRY_MS
    while not live.stopped:
        state = live.wait_for(sequence, BEAT_S)
        if live.stopped:
            return
        if state is None:
            yield _event('alive', json.dumps(live.pulse()))
        else:
            sequence = state.sequence
            yield _event('values', state.text)


def _event(name: str, text: str) -> bytes:
    return ('event: %s\ndata: %s\n\n' % (name, text)).encode('utf-8')


def _stream(slots: Slots, parts: Iterator[bytes], content_type: str) -> Response:
    release = slots.take()
    if release is None:
        return refuse(503, _TOO_MANY)
    response = Response(parts, content_type=content_type)
    response.call_on_close(release)
    return response
