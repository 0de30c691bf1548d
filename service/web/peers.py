"""The page on which a technician tests the archive and the worklist: one sentence and one next step each."""
from typing import cast

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response as BaseResponse

from ..hospital.peers import Echoes, tls_message
from ..languages import N_
from .access import INTEGRATOR, SUPERVISOR, admits
from .services import services

#: Registered only where there is a machine to test.
blueprint = Blueprint('peers', __name__, url_prefix='/peers')

#: What stands on the buttons.
WORDS = {'archive': N_('Test the archive'), 'worklist': N_('Test the worklist'), 'mpps': N_('Test the procedure steps')}


@blueprint.route('')
@admits(SUPERVISOR, INTEGRATOR)
def page() -> str:
    """The machines, and what came of the last test of each."""
    testing = _testing()
    tls = testing.site.tls
    return render_template('peers.html', testing=testing, words=WORDS, secured=tls and tls_message(tls))


@blueprint.route('/<name>', methods=['POST'])
@admits(SUPERVISOR, INTEGRATOR)
def begin(name: str) -> BaseResponse:
    """Begin to test a machine."""
    _testing().start(name)
    return redirect('/peers', 303)


def _testing() -> Echoes:
    return cast(Echoes, services().testing)
