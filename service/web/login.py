"""Login: the first supervisor, the PIN, the lock; passphrase and recovery key for when a PIN is not enough.

Nothing of a patient is on these pages.
"""
import contextlib
from typing import Optional, Union, cast

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, session
from werkzeug.wrappers import Response as BaseResponse

from ..messages import ThermoscreenError
from ..operators import RECOVERY_GROUP, RECOVERY_GROUPS, SUPERVISOR, Operator, OperatorError, misread_groups
from .access import ANYONE, CLINICAL, PEOPLE, admits, renew_csrf
from .responses import address_elsewhere, json_reply, whole_number
from .services import services
from .sessions import BusyError, Session, Sessions

#: Registered only where there are operators.
blueprint = Blueprint('login', __name__)

#: Who works in a demonstration (``thermoscreen serve --demo``); no other station has such an operator.
DEMO_NAME, DEMO_PIN = 'Demo', '135790'

#: Names on one page.
PER_PAGE = 12

_Answer = Union[str, Response, BaseResponse]


@blueprint.route('/login')
@admits(ANYONE)
def page() -> _Answer:
    """The names, or the pad for the PIN of one."""
    operators = sessions().operators
    if operators.is_new:
        return redirect('/setup', 303)
    people = operators.list()
    who = request.args.get('who') or (people[0].id if len(people) == 1 else '')
    if who:
        return _pad(who)
    pages = -(-len(people) // PER_PAGE)
    number = min(whole_number('page'), pages)
    return render_template('who.html', people=people[PER_PAGE * (number - 1):PER_PAGE * number], number=number,
                           pages=pages)


@blueprint.route('/login', methods=['POST'])
@admits(ANYONE)
def log_in() -> _Answer:
    """Take a PIN."""
    who = request.form.get('who', '')
    try:
        _enter(sessions().log_in(who, request.form.get('pin', ''), address_elsewhere()))
    except (OperatorError, BusyError) as error:
        return _pad(who, error)
    return redirect(_first_page(sessions().operators.get(who)), 303)


@blueprint.route('/lock', methods=['POST'])
@admits(*PEOPLE)
def lock() -> _Answer:
    """End the session: between two patients, and when somebody leaves."""
    sessions().end(_mine())
    session.clear()
    return redirect('/login', 303)


@blueprint.route('/session')
@admits(*PEOPLE)
def left() -> Response:
    """Seconds until the session ends if nobody does anything."""
    return json_reply({'left_s': round(sessions().left_s(_mine()), 1)})


@blueprint.route('/session', methods=['POST'])
@admits(*PEOPLE)
def touched() -> Response:
    """Somebody touches the screen."""
    return left()


@blueprint.route('/setup')
@admits(ANYONE, here=True)
def first_start() -> _Answer:
    """The name and the PIN of the first supervisor."""
    if not sessions().operators.is_new or sessions().operators.needs_recovery:
        return redirect('/recover' if sessions().operators.needs_recovery else '/login', 303)
    return render_template('setup.html', name='Supervisor', message=None)


@blueprint.route('/setup', methods=['POST'])
@admits(ANYONE, here=True)
def make_first() -> _Answer:
    """Make the first supervisor, and show the recovery key this once."""
    name, pin = request.form.get('name', ''), request.form.get('pin', '')
    try:
        if pin != request.form.get('again', ''):
            raise different_pins()
        made, recovery_key = sessions().first(name, pin)
    except (OperatorError, BusyError) as error:
        return make_response(render_template('setup.html', name=name, message=error.message), error.http_status)
    _enter(made)
    return told_recovery_key(recovery_key)


@blueprint.route('/passphrase')
@admits(ANYONE, while_waiting=True, here=True)
def passphrase_page() -> _Answer:
    """What a station with a passphrase shows after its start."""
    return _passphrase() if sessions().operators.waits_for_passphrase else redirect('/login', 303)


@blueprint.route('/passphrase', methods=['POST'])
@admits(ANYONE, while_waiting=True, here=True)
def start() -> _Answer:
    """Take the passphrase."""
    try:
        sessions().start(request.form.get('passphrase', ''))
    except (OperatorError, BusyError) as error:
        return _passphrase(error)
    return redirect('/login', 303)


@blueprint.route('/recover')
@admits(ANYONE, while_waiting=True, here=True)
def recovery() -> _Answer:
    """What to do without a PIN: the supervisors, or the entry of the recovery key for one."""
    operators = sessions().operators
    if operators.is_new and not operators.needs_recovery:
        return redirect('/setup', 303)
    supervisors = [person for person in operators.list() if person.role == SUPERVISOR]
    who = request.args.get('who', '')
    if who or not supervisors:
        return _recovery_entry(who)
    pages = -(-len(supervisors) // PER_PAGE)
    number = min(whole_number('page'), pages)
    return render_template('forgotten.html', people=supervisors[PER_PAGE * (number - 1):PER_PAGE * number],
                           number=number, pages=pages)


@blueprint.route('/recover', methods=['POST'])
@admits(ANYONE, while_waiting=True, here=True)
def recover() -> _Answer:
    """Take the recovery key, then a new PIN with it."""
    operators, form = sessions().operators, request.form
    who = form.get('who', '')
    key = form.get('key') or '-'.join(form.get('group-%d' % number, '') for number in range(1, RECOVERY_GROUPS + 1))
    if 'pin' not in form:
        try:
            operators.check_recovery(key)
        except OperatorError as error:
            return _recovery_entry(who, key, error)
        return _new_pin(who, key)
    try:
        if form['pin'] != form.get('again', ''):
            raise different_pins()
        if operators.needs_recovery:
            made, _ = sessions().first(form.get('name', ''), form['pin'], key)
        else:
            made = sessions().recover(key, who, form['pin'])
    except (OperatorError, BusyError) as error:
        return _new_pin(who, key, error)
    _enter(made)
    return redirect('/operators', 303)


def told_recovery_key(recovery_key: str, is_another: bool = False) -> str:
    """The page that shows a recovery key this once; it holds when somebody says that it is written down."""
    return render_template('recovery.html', groups=recovery_key.split('-') if recovery_key else [],
                           is_another=is_another)


def sessions() -> Sessions:
    """The sessions of this application, which has operators."""
    return cast(Sessions, services().sessions)


def different_pins() -> OperatorError:
    """The error for a PIN that was typed in two ways."""
    return OperatorError('pin-different', 'The two PINs are not the same.', 'Type both again.')


def _mine() -> Session:
    """The session of who asks; a route that admits people has one."""
    return cast(Session, g.session)


def _first_page(operator: Operator) -> str:
    """Where a login leads: for those who see patients to the exam that goes on, or to what they may begin."""
    room = services().acquisition
    if room is None or operator.role not in CLINICAL:
        return '/'
    with contextlib.suppress(ThermoscreenError):
        entry = room.goes_on()
        if entry is not None:
            return '/exams/' + entry.row.id
    return '/home'


def _enter(made: Session) -> None:
    """The browser has another session; the one that it had is over, and so are the forms that it shows."""
    before = sessions().find(str(session.get('id', '')))
    if before is not None:
        sessions().end(before)
    session['id'] = made.id
    renew_csrf()


def _passphrase(error: Optional[ThermoscreenError] = None) -> _Answer:
    html = render_template('passphrase.html', message=error and error.message, wait_s=getattr(error, 'seconds', 0))
    return make_response(html, error.http_status if error else 200)


def _recovery_entry(who: str, key: str = '', error: Optional[OperatorError] = None) -> _Answer:
    """The entry of the recovery key; groups that cannot be right are marked.

    Raises:
        OperatorError: ``operator-unknown``.
    """
    groups = [group[:RECOVERY_GROUP] for group in key.split('-')][:RECOVERY_GROUPS]
    html = render_template('recover.html', person=sessions().operators.get(who) if who else None,
                           groups=groups + [''] * (RECOVERY_GROUPS - len(groups)), size=RECOVERY_GROUP,
                           wrong=misread_groups(key) if key else [], message=error and error.message,
                           wait_s=error.seconds if error else 0)
    return make_response(html, error.http_status if error else 200)


def _new_pin(who: str, key: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    """The pad for the PIN that a recovery key gives.

    Raises:
        OperatorError: ``operator-unknown``.
    """
    html = render_template('setup.html', name=request.form.get('name', 'Supervisor'), key=key, who=who,
                           person=sessions().operators.get(who) if who else None, message=error and error.message)
    return make_response(html, error.http_status if error else 200)


def _pad(who: str, error: Optional[ThermoscreenError] = None) -> _Answer:
    """The pad for the PIN of an operator.

    Raises:
        OperatorError: ``operator-unknown``.
    """
    operators = sessions().operators
    html = render_template('pin.html', person=operators.get(who), message=error and error.message,
                           wait_s=operators.wait_s(who, address_elsewhere()), alone=len(operators.list()) == 1)
    return make_response(html, error.http_status if error else 200)
