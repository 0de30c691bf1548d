"""The page of supervisors: operators are added, get another PIN, and are removed; recovery key and passphrase.

Each of these asks for the PIN once more.
"""
from typing import Optional, Union

from flask import Blueprint, Response, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from ..messages import ThermoscreenError
from ..operators import OPERATOR, ROLES, OperatorError, Operators
from .access import SUPERVISOR, admits
from .login import PER_PAGE, different_pins, sessions, told_recovery_key
from .responses import whole_number

#: Registered only where there are operators.
blueprint = Blueprint('people', __name__, url_prefix='/operators')

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('')
@admits(SUPERVISOR)
def page() -> str:
    """Everybody, by name."""
    people = _operators().list()
    pages = -(-len(people) // PER_PAGE)
    number = min(whole_number('page'), pages)
    return render_template('operators.html', people=people[PER_PAGE * (number - 1):PER_PAGE * number], number=number,
                           pages=pages)


@blueprint.route('/new')
@admits(SUPERVISOR)
def newcomer() -> _Answer:
    """Name, role and PIN of a newcomer; the name may stay as it is where there is no keyboard."""
    return _new('Operator %d' % (len(_operators().list()) + 1), OPERATOR)


@blueprint.route('', methods=['POST'])
@admits(SUPERVISOR, act='add an operator')
def add() -> _Answer:
    """Add a newcomer."""
    name, role = request.form.get('name', ''), request.form.get('role', '')
    try:
        _operators().add(g.operator, name, role, _pin())
    except OperatorError as error:
        return _new(name, role, error)
    return redirect('/operators', 303)


@blueprint.route('/recovery-key', methods=['POST'])
@admits(SUPERVISOR, act='make another recovery key', here=True)
def recovery_key() -> str:
    """Show another recovery key this once."""
    return told_recovery_key(_operators().new_recovery_key(g.operator), is_another=True)


@blueprint.route('/recovery-key/kept', methods=['POST'])
@admits(SUPERVISOR)
def keep_recovery_key() -> _Answer:
    """The recovery key that was shown is written down."""
    _operators().keep_recovery_key(g.operator)
    return redirect('/', 303)


@blueprint.route('/passphrase')
@admits(SUPERVISOR)
def passphrase() -> _Answer:
    """The entry of a passphrase for the start of the station."""
    return _passphrase()


@blueprint.route('/passphrase', methods=['POST'])
@admits(SUPERVISOR, act='change the passphrase of the station')
def set_passphrase() -> _Answer:
    """Have the station ask for a passphrase after its start, or for none."""
    given = request.form.get('passphrase', '')
    try:
        if given != request.form.get('again', ''):
            raise OperatorError('passphrase-different', 'The two passphrases are not the same.', 'Type both again.')
        _operators().set_passphrase(g.operator, given)
    except OperatorError as error:
        return _passphrase(error)
    return redirect('/operators', 303)


@blueprint.route('/<operator_id>')
@admits(SUPERVISOR)
def person(operator_id: str) -> _Answer:
    """One of them."""
    return _person(operator_id)


@blueprint.route('/<operator_id>/pin', methods=['POST'])
@admits(SUPERVISOR, act='give an operator another PIN')
def set_pin(operator_id: str) -> _Answer:
    """Give somebody another PIN."""
    try:
        _operators().set_pin(g.operator, operator_id, _pin())
    except OperatorError as error:
        return _person(operator_id, error)
    return redirect('/operators', 303)


@blueprint.route('/<operator_id>/remove', methods=['POST'])
@admits(SUPERVISOR, act='remove an operator')
def remove(operator_id: str) -> _Answer:
    """Remove somebody, whose session ends."""
    try:
        _operators().remove(g.operator, operator_id)
    except OperatorError as error:
        return _person(operator_id, error)
    return redirect('/operators', 303)


def _operators() -> Operators:
    return sessions().operators


def _pin() -> str:
    """The PIN that was typed twice.

    Raises:
        OperatorError: ``pin-different``.
    """
    pin = request.form.get('pin', '')
    if pin != request.form.get('again', ''):
        raise different_pins()
    return pin


def _passphrase(error: Optional[ThermoscreenError] = None) -> _Answer:
    html = render_template('new_passphrase.html', message=error and error.message,
                           has_one=_operators().has_passphrase)
    return make_response(html, error.http_status if error else 200)


def _new(name: str, role: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    html = render_template('newcomer.html', name=name, role=role, roles=ROLES, message=error and error.message)
    return make_response(html, error.http_status if error else 200)


def _person(operator_id: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    """The page of one operator.

    Raises:
        OperatorError: ``operator-unknown``.
    """
    html = render_template('operator.html', person=_operators().get(operator_id), message=error and error.message)
    return make_response(html, error.http_status if error else 200)
