"""The page of the model for supervisors: a bundle is chosen, checked, tried and put in place.

What changes something asks for the PIN once more. The rules are those of `service.model_change`.
"""
import os
from typing import Union, cast

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..bundle.manifest import MANIFEST_NAME
from ..model_change import IDLE, Changing
from ..opening.places import Listing, list_folder, resolve
from .access import SUPERVISOR, admits
from .responses import whole_number
from .services import services

#: Registered only where there are operators.
blueprint = Blueprint('model', __name__, url_prefix='/model')

_Answer = Union[str, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> str:
    """What is installed, or where a change is."""
    changing = _changing()
    state, root = changing.state, os.path.realpath(services().settings.files_root)
    return render_template('model.html', state=state, found=changing.installed if state.phase == IDLE else None,
                           told=changing.trial.message, open_exams=changing.open_exams(),
                           path=os.path.relpath(state.source, root) if state.source else '')


@blueprint.route('/choose')
@admits(SUPERVISOR)
def choose() -> str:
    """A folder to choose from, or the bundle that was chosen."""
    relative, root = request.args.get('path', '').strip('/'), services().settings.files_root
    path = resolve(root, relative)
    listing = Listing([], 1, 1)
    chosen = os.path.isfile(path) or os.path.isfile(os.path.join(path, MANIFEST_NAME))
    if not chosen:
        listing = list_folder(root, relative, _is_archive, whole_number('page'))
    return render_template('bundle.html', path=relative, parent=relative.rpartition('/')[0] if relative else None,
                           root=root, chosen=chosen, listing=listing)


@blueprint.route('/check', methods=['POST'])
@admits(SUPERVISOR, act='check another model and try it')
def check() -> _Answer:
    """Begin a change."""
    path = resolve(services().settings.files_root, request.form.get('path', ''))
    _changing().begin(path, g.operator.id, 'older' in request.form)
    return redirect('/model', 303)


@blueprint.route('/back', methods=['POST'])
@admits(SUPERVISOR, act='check the model before, to return to it')
def back() -> _Answer:
    """Begin the way back to the bundle before."""
    _changing().begin(None, g.operator.id)
    return redirect('/model', 303)


@blueprint.route('/switch', methods=['POST'])
@admits(SUPERVISOR, act='change the model')
def switch() -> _Answer:
    """Have what was checked put in place."""
    _changing().switch()
    return redirect('/model', 303)


@blueprint.route('/call-off', methods=['POST'])
@admits(SUPERVISOR)
def call_off() -> _Answer:
    """Change nothing after all."""
    _changing().call_off()
    return redirect('/model', 303)


@blueprint.route('/read', methods=['POST'])
@admits(SUPERVISOR)
def read() -> _Answer:
    """Somebody has read how the last change ended."""
    _changing().trial.read()
    return redirect('/model', 303)


def _is_archive(name: str) -> bool:
    return name.lower().endswith('.zip')


def _changing() -> Changing:
    return cast(Changing, services().changing)
