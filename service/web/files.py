"""Opening a file of the device: folders below one root, and a file with the values and pictures of the live page."""
import os
import time
from dataclasses import replace
from typing import Any, Callable, Dict

from flask import Blueprint, Response, render_template, request

from ..messages import InputError
from ..opening import Listing, OpenedFile, places
from ..palettes import TITLES
from ..viewing import describe, frame_bytes, mirrored_site
from .access import CLINICAL, actor, admits, audited
from .responses import json_reply, whole_number
from .services import services
from .viewer import asked, frame_reply, png_reply, stated_scale

blueprint = Blueprint('files', __name__, url_prefix='/open')


@blueprint.route('')
@admits(*CLINICAL)
def page() -> str:
    """A folder to choose from, or the chosen file."""
    objects, relative = services(), _relative()
    listing = objects.opened.look(objects.settings.files_root, relative, whole_number('page'), _order(),
                                  request.args.get('at', ''))
    return _file_page(relative) if listing is None else _folder_page(relative, listing)


@blueprint.route('/result')
@admits(*CLINICAL)
@audited('file-viewed')
def result() -> Response:
    """The values of a file, as `Result.to_dict` gives them, with ``id``, ``frames`` and ``signs``.

    The file is named by its ``path``, or by the ``id`` of earlier values: those of what was read then, and of nothing
    else.
    """
    return result_reply(requested_file())


def result_reply(entry: OpenedFile) -> Response:
    """The values of a file as JSON, with ``id``, ``frames`` and ``signs``."""
    return json_reply(dict(entry.values, id=entry.key, frames=entry.frames, signs=entry.signs))


@blueprint.route('/viewing')
@admits(*CLINICAL)
@audited('')
def viewing() -> Response:
    """What the viewer has to know of a file, named as for `result`."""
    entry = requested_file()
    return json_reply(describe(entry.result, entry.values['size']['width_px']))


@blueprint.route('/frame')
@admits(*CLINICAL)
@audited('')
def frame() -> Response:
    """Every value of a file, named as for `result`."""
    return frame_reply(frame_bytes(requested_file().result))


@blueprint.route('/layer.png')
@admits(*CLINICAL)
@audited('')
def layer() -> Response:
    """A layer of a file, named as for `result`, in a palette and a span."""
    wanted = asked()
    return png_reply(services().opened.draw(requested_file(), *wanted))


@blueprint.route('/twin')
@admits(*CLINICAL)
@audited('')
def twin() -> Response:
    """Where the mirrored site of a place lies in a file, named as for `result`."""
    entry = requested_file()
    return json_reply(mirrored_site(entry.result, stated_scale(entry.signs, entry.result)))


@blueprint.route('/thumbnail.png')
@admits(*CLINICAL)
@audited('')
def thumbnail() -> Response:
    """A small picture of a file, for the list; no content where the file gives none."""
    objects = services()
    picture = objects.opened.thumbnail(objects.settings.files_root, _relative(), objects.settings.palette, _is_gone())
    return Response(picture, 200 if picture else 204, mimetype='image/png')


def _file_page(relative: str) -> str:
    """The page of a file, which asks for its values itself: it comes at once, however long the file takes."""
    settings = services().settings
    return render_template('file.html', path=relative, name=os.path.basename(relative), back=_beside(relative),
                           order=_order(), scale=request.args.get('scale', ''), frame=_frame(),
                           palettes=TITLES, palette=settings.palette, layer=settings.layer)


def _folder_page(relative: str, listing: Listing) -> str:
    """The page of a folder. The list stands between two patients: nothing of the last one is kept but what it shows."""
    objects = services()
    objects.opened.clear(thumbnails=False)
    if objects.sessions is not None:
        objects.sessions.tell('files-listed', actor())
    chosen = request.args.getlist('file')
    return render_template('folder.html', path=relative, up=_beside(relative) if relative else None, listing=listing,
                           choosing='choose' in request.args, chosen=chosen,
                           elsewhere=[name for name in chosen if name not in {entry.name for entry in listing.entries}],
                           order=_order(), at=request.args.get('at', ''), day=_day,
                           most=places.MAX_ENTRIES, root=objects.settings.files_root)


def requested_file() -> OpenedFile:
    """The file that the address asks for: kept, by its ``id``, or read now, by its ``path``.

    Raises:
        ThermoscreenError: as of `OpenedFiles.open` and `OpenedFiles.kept`.
    """
    objects = services()
    if 'id' in request.args:
        return objects.opened.kept(request.args['id'])
    try:
        return objects.opened.open(objects.settings.files_root, _relative(), request.args.get('scale') or None,
                                   _frame(), _is_gone())
    except InputError as error:
        if error.code == 'scale-unknown':  # the message names the option of the command line; the page has buttons
            error.message = replace(
                error.message, sentence='This file holds counts and does not say what one count means.',
                next_step='Choose the scale of the camera that took it.')
        raise


def _frame() -> int:
    """The requested frame of a recording, counted from 1."""
    return whole_number('frame')


def _order() -> str:
    return request.args.get('order', places.NAME)


def _is_gone() -> Callable[[], bool]:
    """Whether the browser has gone on to another page, as waitress tells."""
    asked: Callable[[], bool] = request.environ.get('waitress.client_disconnected', lambda: False)
    return asked


def _relative() -> str:
    """The requested path below the root, without slashes at its end; an absolute one stays absolute and is refused."""
    relative = request.args.get('path', '')
    return relative.rstrip('/') or relative[:1]


def _beside(relative: str) -> Dict[str, Any]:
    """What leads to the list in which a file or folder stands, on its page."""
    folder, _, name = relative.rpartition('/')
    return {'path': folder or None, 'order': None if _order() == places.NAME else _order(), 'at': name}


def _day(changed_s: float) -> str:
    """A time of a disk as the station's own day and time; empty for one that no clock shows."""
    try:
        return time.strftime('%Y-%m-%d %H:%M', time.localtime(changed_s))
    except (OverflowError, ValueError, OSError):
        return ''
