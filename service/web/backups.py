"""The page of backups: a supervisor chooses a medium, sees how far it is, and is told when it may be removed."""
from typing import Union, cast

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..backup import BackupJob
from .access import SUPERVISOR, admits
from .services import services

#: Registered only where backups can be made.
blueprint = Blueprint('backups', __name__, url_prefix='/backup')

#: Media on one page; a trolley has fewer sockets.
_MOST = 4


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> str:
    """The media that are plugged in, or how far a backup is."""
    progress = _job().progress
    return render_template('backup.html', progress=progress, last=_job().last,
                           media=[] if progress.step != 'idle' else _job().media()[:_MOST])


@blueprint.route('', methods=['POST'])
@admits(SUPERVISOR, act='make a backup')
def make() -> Union[str, BaseResponse]:
    """Begin a backup."""
    _job().start(request.form.get('place', ''), g.operator.id)
    return redirect('/backup', 303)


@blueprint.route('/stop', methods=['POST'])
@admits(SUPERVISOR)
def stop() -> BaseResponse:
    """Stop a backup, or leave what is said of the last one."""
    _job().stop()
    return redirect('/backup', 303)


def _job() -> BackupJob:
    return cast(BackupJob, services().backups)
