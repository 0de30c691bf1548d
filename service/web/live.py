"""The live page, its pictures and its values."""
from flask import Blueprint, Response, render_template

from .refusals import refuse
from .replies import text_reply
from .services import services
from .streams import EVENTS_TYPE, PICTURES_TYPE, events, pictures

blueprint = Blueprint('live', __name__)

_TOO_MANY = 'This picture is being watched by as many pages as the device allows; close one of them.'


@blueprint.route('/')
def page():
    """The page for the operator."""
    return render_template('live.html')


@blueprint.route('/live.mjpg')
def motion():
    """The pictures as they come; a refusal before the first, so that no stream waits for one."""
    known = services()
    if not known.live.state.picture:
        return refuse(503, 'picture-none', 'There is no picture yet; it follows when the camera has started.')
    return _stream(known.pictures, pictures(known.live), PICTURES_TYPE)


@blueprint.route('/live/events')
def values_as_they_come():
    """The values as they come."""
    known = services()
    return _stream(known.events, events(known.live), EVENTS_TYPE)


@blueprint.route('/live/values')
def values_now():
    """The newest values."""
    return text_reply(services().live.state.text)


def _stream(slots, parts, mimetype):
    release = slots.take()
    if release is None:
        return refuse(503, 'viewers-full', _TOO_MANY)
    response = Response(parts, content_type=mimetype)
    response.call_on_close(release)
    return response
