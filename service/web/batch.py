"""The page on which a supervisor has a folder analysed: to which medium the results go, how far it is, what came of it.

Opened files are no exams: nothing of them is kept on the station. Their results leave as exams do, with the PIN once
more.
"""
from typing import Union, cast

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from ..batch_job import BatchJob
from ..exam_job import IDLE
from ..readers import SCALES
from .access import SUPERVISOR, admits
from .services import services

#: Registered only where people log in.
blueprint = Blueprint('batch', __name__, url_prefix='/batch')

#: Media on one page; a trolley has fewer sockets.
_MOST = 4

_Answer = Union[str, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> _Answer:
    """Where the results of a folder go, or how far it is."""
    job, objects, path = _job(), services(), request.args.get('path', '')
    if job.progress.step != IDLE:
        return render_template('batch.html', progress=job.progress)
    listing, names = objects.opened.look(objects.settings.files_root, path), request.args.getlist('file')
    if listing is None or not listing.files:
        return redirect('/open', 303)
    if 'choose' in request.args and not names:  # nothing was chosen
        return redirect(url_for('files.page', path=path or None, choose=1), 303)
    scale = request.args.get('scale', '')
    media = [(medium, job.before(medium, path, scale or None, names)) for medium in job.media()[:_MOST]]
    return render_template('batch.html', progress=job.progress, path=path, count=len(names) or listing.files,
                           names=names, scale=scale, scales=sorted(SCALES), media=media)


@blueprint.route('', methods=['POST'])
@admits(SUPERVISOR, act='write the results of files to a medium')
def begin() -> BaseResponse:
    """Begin with a folder."""
    form = request.form
    _job().start(form.get('place', ''), services().settings.files_root, form.get('path', ''),
                 form.get('scale') or None, g.operator.id, form.getlist('file'))
    return redirect('/batch', 303)


@blueprint.route('/stop', methods=['POST'])
@admits(SUPERVISOR)
def stop() -> BaseResponse:
    """Stop it, or leave what is said of the last one."""
    _job().stop()
    return redirect('/batch', 303)


def _job() -> BatchJob:
    return cast(BatchJob, services().batch)
