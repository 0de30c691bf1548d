"""Opening a file of the device: folders below one root, and a file with the values and pictures of the live page."""
import os
from dataclasses import replace
from typing import Optional

from flask import Blueprint, Response, render_template, request

from ..messages import InputError
from ..opening import Listing, OpenedFile, places
from ..overlay import LAYERS
from ..palettes import PALETTES, palette
from ..readers import SCALES
from .access import CLINICAL, admits, audited
from .responses import json_reply, whole_number
from .services import services

blueprint = Blueprint('files', __name__, url_prefix='/open')


@blueprint.route('')
@admits(*CLINICAL)
def page() -> str:
    """A folder to choose from, or the chosen file."""
    objects, relative = services(), _relative()
    listing = objects.opened.look(objects.settings.files_root, relative, whole_number('page'))
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


@blueprint.route('/overlay.png')
@admits(*CLINICAL)
@audited('')
def overlay() -> Response:
    """The picture of a file, named as for `result`."""
    objects = services()
    layer = request.args.get('layer', objects.settings.layer)
    if layer not in LAYERS:
        raise InputError('layer-unknown', 'There is no such layer.', 'Choose one of %s.' % ', '.join(LAYERS))
    palette_name = request.args.get('palette', objects.settings.palette)
    palette(palette_name)  # an unknown one is refused before the file is analysed
    return Response(objects.opened.draw(requested_file(), palette_name, layer), mimetype='image/png')


def _file_page(relative: str) -> str:
    """The page of a file, which asks for its values itself: it comes at once, however long the file takes."""
    settings = services().settings
    return render_template('file.html', path=relative, name=os.path.basename(relative), folder=_parent(relative),
                           scale=request.args.get('scale', ''), frame=_frame(), layers=LAYERS, layer=settings.layer,
                           palettes=sorted(PALETTES), palette=settings.palette)


def _folder_page(relative: str, listing: Listing) -> str:
    """The page of a folder. The list stands between two patients: nothing of the last one is kept."""
    services().opened.clear()
    return render_template('folder.html', path=relative, parent=_parent(relative), listing=listing,
                           most=places.MAX_ENTRIES, root=services().settings.files_root)


def requested_file() -> OpenedFile:
    """The file that the address asks for: kept, by its ``id``, or read now, by its ``path``.

    Raises:
        ThermoscreenError: as of `OpenedFiles.open` and `OpenedFiles.kept`.
    """
    objects = services()
    if 'id' in request.args:
        return objects.opened.kept(request.args['id'])
    # waitress tells when the browser has gone on to another page.
    is_gone = request.environ.get('waitress.client_disconnected', lambda: False)
    try:
        return objects.opened.open(objects.settings.files_root, _relative(), request.args.get('scale') or None,
                                   _frame(), is_gone)
    except InputError as error:
        if error.code == 'scale-unknown':  # the message names the option of the command line; the page has buttons
            error.message = replace(
                error.message, sentence='This file holds counts and does not say what one count means.',
                next_step='Choose the scale of the camera that took it.',
                facts=dict(error.message.facts, scales=sorted(SCALES)))
        raise


def _frame() -> int:
    """The requested frame of a recording, counted from 1."""
    return whole_number('frame')


def _relative() -> str:
    """The requested path below the root, without slashes at its end; an absolute one stays absolute and is refused."""
    relative = request.args.get('path', '')
    return relative.rstrip('/') or relative[:1]


def _parent(relative: str) -> Optional[str]:
    return relative.rpartition('/')[0] if relative else None
