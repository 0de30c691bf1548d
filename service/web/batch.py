"""The page on which a supervisor has a folder analysed: to which medium the results go, how far it is, what came of it.

Opened files are no exams: nothing of them is kept on the station. Their results leave as exams do, with the PIN once
more.
"""
from typing import Union, cast

from flask import Blueprint, g, redirect, render_template, request
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
    listing = objects.opened.look(objects.settings.files_root, path)
    if listing is None or not listing.files:
        return redirect('/open', 303)
    return render_template('batch.html', progress=job.progress, path=path, count=listing.files,
                           scale=request.args.get('scale', ''), scales=sorted(SCALES), media=job.media()[:_MOST])


@blueprint.route('', methods=['POST'])
@admits(SUPERVISOR, act='write the results of files to a medium')
def begin() -> BaseResponse:
    """Begin with a folder."""
    form = request.form
    _job().start(form.get('place', ''), services().settings.files_root, form.get('path', ''),
                 form.get('scale') or None, g.operator.id)
    return redirect('/batch', 303)


@blueprint.route('/stop', methods=['POST'])
@admits(SUPERVISOR)
def stop() -> BaseResponse:
    """Stop it, or leave what is said of the last one."""
    _job().stop()
    return redirect('/batch', 303)


def _job() -> BatchJob:
    return cast(BatchJob, services().batch)
