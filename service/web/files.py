"""Opening a file of the device: the same values and pictures as the live page shows."""
import os

import cv2
from flask import Blueprint, Response, render_template, request

from ..messages import InputError, ThermoscreenError
from ..overlay import LAYERS, draw_overlay
from ..palettes import PALETTES, palette
from ..readers import SCALES, SUFFIXES, count_frames
from .browse import list_folder, resolve
from .replies import json_reply
from .services import services

blueprint = Blueprint('files', __name__, url_prefix='/open')

#: Entries of one page of a folder: what a 7 inch panel shows without scrolling.
ENTRIES_PER_PAGE = 10

_CHOOSE_SCALE = ('This file holds counts and does not say what one count means. Choose the scale of the camera that '
                 'took it.')

#: Fast rather than small: the picture never leaves the machine.
_PNG = [int(cv2.IMWRITE_PNG_COMPRESSION), 1]


@blueprint.route('')
def page():
    """A folder to choose from, or a file that was chosen."""
    relative = _relative()
    path = resolve(services().settings.files_root, relative)
    if os.path.isdir(path):
        return _folder(relative)
    return _file(relative)


@blueprint.route('/result')
def result():
    """The values of a file, as `Result.to_dict` gives them."""
    return json_reply(_result().to_dict())


@blueprint.route('/overlay.png')
def overlay():
    """The picture of a file."""
    settings = services().settings
    layer = request.args.get('layer', settings.layer)
    if layer not in LAYERS:
        raise InputError('layer-unknown', 'There is no such layer; choose one of %s.' % ', '.join(LAYERS))
    palette_name = request.args.get('palette', settings.palette)
    palette(palette_name)  # refused before the file is analysed
    done, data = cv2.imencode('.png', draw_overlay(_result(), palette_name, layer), _PNG)
    if not done:
        raise InputError('picture-not-encoded', 'The picture could not be encoded; choose another layer.')
    return Response(data.tobytes(), mimetype='image/png')


def _file(relative):
    """The page of a file; one that cannot be read has a page too, which says why."""
    settings, refusal, scales = services().settings, None, ()
    try:
        _result()
    except ThermoscreenError as error:
        refusal = error.to_dict()
        if error.code == 'scale-unknown':
            refusal['sentence'], scales = _CHOOSE_SCALE, sorted(SCALES)
    return render_template('file.html', path=relative, name=os.path.basename(relative), folder=_parent(relative),
                           scale=request.args.get('scale', ''), frame=_frame(), frames=_frames(relative),
                           layers=LAYERS, layer=settings.layer, palettes=sorted(PALETTES), palette=settings.palette,
                           refusal=refusal, scales=scales)


def _folder(relative):
    entries = list_folder(services().settings.files_root, relative, _is_thermogram)
    pages = max(1, -(-len(entries) // ENTRIES_PER_PAGE))
    number = min(max(1, request.args.get('page', 1, type=int)), pages)
    shown = entries[(number - 1) * ENTRIES_PER_PAGE:number * ENTRIES_PER_PAGE]
    return render_template('folder.html', path=relative, parent=_parent(relative), entries=shown, number=number,
                           pages=pages, root=services().settings.files_root)


def _result():
    path = resolve(services().settings.files_root, _relative())
    if os.path.isdir(path):
        raise InputError('path-folder', 'This is a folder; choose a thermogram in it.')
    return services().opened.result(path, request.args.get('scale') or None, _frame())


def _frame():
    """The requested frame of a recording, counted from 1."""
    return request.args.get('frame', 1, type=int)


def _frames(relative):
    """How many frames a file has; 1 where that cannot be told."""
    try:
        return count_frames(resolve(services().settings.files_root, relative))
    except InputError:
        return 1


def _relative():
    """The requested path below the root, without slashes at its ends; one that begins with a slash stays refused."""
    relative = request.args.get('path', '')
    return relative.rstrip('/') or relative[:1]


def _parent(relative):
    return relative.rpartition('/')[0] if relative else None


def _is_thermogram(name):
    return os.path.splitext(name)[1].lower() in SUFFIXES
