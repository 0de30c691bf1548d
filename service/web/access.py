"""Who may ask for what: every route names the roles that it admits, and a route that names none answers nobody.

A station without operators has no login: whoever asks from this machine has every role of a person. With operators a
person has the role of who is logged in. A program has that of a token once there is one, or once there are operators;
until then the API is open on this machine like the page.

``@admits(SUPERVISOR, act='export exams')`` below a route of POST asks for the PIN once more, valid for that one act.

Another machine is answered only where there are operators, and then ``ANYONE`` is whoever has logged in, but for the
login itself.
"""
import hmac
import secrets
from typing import Any, Callable, Dict, FrozenSet, Optional, TypeVar, Union

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request, session
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response as BaseResponse

from ..messages import Message, ThermoscreenError
from ..operators import EVENTS, OperatorError
from .responses import address_elsewhere, is_api, is_opened, refuse
from .sessions import BusyError, Fields, Sessions
from .tokens import Tokens

#: Roles of people, of a program with a token, and of everybody, logged in or not.
OPERATOR, SUPERVISOR, INTEGRATOR, TOKEN, ANYONE = ROLES = ('operator', 'supervisor', 'integrator', 'token', 'anyone')

#: Those who see patients.
CLINICAL = (OPERATOR, SUPERVISOR)
PEOPLE = (OPERATOR, SUPERVISOR, INTEGRATOR)

#: Field of every form, and header of every script, that changes something: another web site cannot know its value.
CSRF_FIELD, CSRF_HEADER = 'csrf', 'X-CSRF-Token'

#: Fields of the pad that asks for the PIN once more: the PIN, and which asking it answers.
PIN_FIELD, ASKED_FIELD = 'act-pin', 'act-asked'

_CLOSED = Message('route-closed', 'Nobody may open this page.', 'Go back to the live picture.')
_TOKEN_NEEDED = Message('token-needed', 'This address is for programs with a token.',
                        'Send it as Authorization: Bearer TOKEN; thermoscreen tokens add makes one.')
_TOKEN_WRONG = Message('token-wrong', 'This token is not known here, or not any more.',
                       'Make another with thermoscreen tokens add.')
_TOKEN_REFUSED = Message('role-refused', 'This token does not open this address.', 'Use an address below /api/v1.')
_NOT_YET = Message('setup-here', 'The first supervisor is made at the station itself.', 'Go there.')
_HERE = Message('station-only', 'This is done at the station itself.', 'Go there.')
_LOGIN_NEEDED = Message('login-needed', 'Nobody is logged in.', 'Log in on the page of the station.')
_ROLE_REFUSED = Message('role-refused', 'Your role does not open this page.', 'Ask a supervisor.')
_WAITS = Message('passphrase-needed', 'The station was started and waits for its passphrase.',
                 'A supervisor types it on the page of the station.')
_FORM_STALE = Message('form-stale', 'This page is from before the last login, so nothing was changed.',
                      'Open the page again and repeat it.')
_ASKING_OVER = Message('asking-over', 'The station does not wait for this PIN any more, so nothing was changed.',
                       'Open the page again and repeat it.')
_PIN_NEEDED = Message('pin-needed', 'This asks for your PIN once more.', 'Do it on the page of the station.')

#: Scheme of the header Authorization.
_BEARER = 'bearer '

_READING = ('GET', 'HEAD')

#: What another machine may ask for before somebody has logged in: the login, and its styles and scripts.
_DOOR = ('login.page', 'login.log_in', 'static', 'language.words')

_View = TypeVar('_View', bound=Callable[..., Any])
_Answer = Optional[Union[Response, BaseResponse]]


def admits(*roles: str, act: str = '', while_waiting: bool = False, here: bool = False) -> Callable[[_View], _View]:
    """Decorator that states the roles which a view admits; it stands below ``route``.

    Args:
        roles: of `ROLES`.
        act: what the view does, in words that go on from "To": then it asks for the PIN once more, each time. For
            people, and methods that change something. Cancel leads to the ``url_prefix`` of the blueprint.
        while_waiting: whether it also answers while the station waits for its passphrase.
        here: whether no other machine is answered.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError('a route admits some of %s, not %s' % (', '.join(ROLES), ', '.join(sorted(unknown)) or 'none'))
    if act and not set(roles) <= set(PEOPLE):
        raise ValueError('only people have a PIN')

    def mark(view: _View) -> _View:
        vars(view).update(_admitted=frozenset(roles), _act=act, _while_waiting=while_waiting, _here=here)
        return view

    return mark


def audited(event: str) -> Callable[[_View], _View]:
    """Decorator for a view whose answers are entries of the audit log; it stands below `admits`.

    Each says who asked, and the exam and the file that the address names. Whatever shows an exam has it.

    Args:
        event: of the audit log; empty for what belongs to a page that has its own entry, such as its pictures.
    """
    if event and event not in EVENTS:
        raise ValueError('%r is not in EVENTS' % event)

    def mark(view: _View) -> _View:
        vars(view).update(_audited=event)
        return view

    return mark


def audited_as(app: Flask, endpoint: str) -> Optional[str]:
    """What `audited` says of a route; None where it says nothing."""
    return getattr(app.view_functions[endpoint], '_audited', None)


def admitted(app: Flask, endpoint: str) -> FrozenSet[str]:
    """The roles that a route admits; empty where it states none."""
    return getattr(app.view_functions[endpoint], '_admitted', frozenset())


def act_of(app: Flask, endpoint: str) -> str:
    """What a route asks for the PIN to do; empty where it does not ask."""
    return getattr(app.view_functions[endpoint], '_act', '')


def answers_while_waiting(app: Flask, endpoint: str) -> bool:
    """Whether a route answers while the station waits for its passphrase."""
    return getattr(app.view_functions[endpoint], '_while_waiting', False)


def answers_here_alone(app: Flask, endpoint: str) -> bool:
    """Whether a route answers no other machine."""
    return getattr(app.view_functions[endpoint], '_here', False)


def install(app: Flask, tokens: Tokens, sessions: Optional[Sessions] = None) -> None:
    """Admit to every route whom it names; call it after `responses.install`, whose guard comes first.

    Args:
        app: the application; it has a secret key where there are sessions.
        tokens: of programs.
        sessions: of people; None for a station without operators.
    """
    if 'static' in app.view_functions:
        admits(ANYONE, while_waiting=True)(app.view_functions['static'])  # styles, icons and scripts: Flask's own route

    @app.before_request
    def check() -> _Answer:
        if sessions is not None:
            _identify(sessions)
        if request.endpoint is None:  # the address leads nowhere, which is said next
            return None
        wanted = admitted(current_app, request.endpoint)
        if not wanted:
            return refuse(403, _CLOSED)
        if is_opened():
            if sessions is None or sessions.operators.is_new:
                return refuse(403, _NOT_YET)
            if answers_here_alone(current_app, request.endpoint):
                return refuse(403, _HERE)
            if ANYONE in wanted and request.endpoint not in _DOOR:
                wanted = frozenset(PEOPLE + (TOKEN,))
        if (sessions is not None and sessions.operators.waits_for_passphrase
                and (is_opened() or not answers_while_waiting(current_app, request.endpoint))):
            return refuse(503, _WAITS) if is_opened() else _elsewhere('/passphrase', 503, _WAITS)
        refusal = None if ANYONE in wanted else _refusal(wanted, tokens, sessions)
        if refusal is None and sessions is not None:
            if request.method not in _READING:
                refusal = _refused_change()
            refusal = refusal or _unconfirmed(sessions)
        return refusal

    @app.after_request
    def tell(response: Response) -> Response:
        event = audited_as(app, request.endpoint) if request.endpoint else None
        if event and sessions is not None and request.method != 'HEAD' and response.status_code < 300:
            sessions.tell(event, g.operator.id if 'operator' in g else '', **_seen())
        return response


def csrf_token() -> str:
    """The value of `CSRF_FIELD` for this browser; made anew with every login."""
    if 'csrf' not in session:
        renew_csrf()
    return str(session['csrf'])


def actor() -> str:
    """Who asks, as events of exams name them: the id of an operator, or ``demo`` where nobody logs in."""
    operator = g.get('operator')
    return 'demo' if operator is None else str(operator.id)


def may_see_patients() -> bool:
    """Whether pages of patients may be offered to who asks."""
    return g.get('operator') is None or g.operator.role in CLINICAL


def renew_csrf() -> None:
    """Have every form that was shown before be refused."""
    session['csrf'] = secrets.token_urlsafe(32)


def _seen() -> Dict[str, str]:
    """What the audit log is told of what was shown; not the path of a file, which may be called after a patient."""
    named = request.view_args or {}
    seen = {'exam': named.get('exam_id', ''), 'file': named.get('name', ''), 'token': g.get('token', ''),
            'similar': ' '.join(g.get('similar', ()))}
    return {key: value for key, value in seen.items() if value}


def _refusal(wanted: FrozenSet[str], tokens: Tokens, sessions: Optional[Sessions]) -> _Answer:
    """Why who asks now is not admitted; None where it is."""
    given = request.headers.get('Authorization', '')
    if given.lower().startswith(_BEARER):
        g.token = tokens.holder(given[len(_BEARER):].strip())
        if g.token is None:
            return _unauthorised(_TOKEN_WRONG)
        return None if TOKEN in wanted else refuse(403, _TOKEN_REFUSED)
    if not wanted.intersection(PEOPLE):
        return None if sessions is None and not tokens.entries() else _unauthorised(_TOKEN_NEEDED)
    return None if sessions is None else _person_refused(wanted)


def _identify(sessions: Sessions) -> None:
    """Note whose request it is, and that a person made it: what pages ask by themselves is no sign of one."""
    found = sessions.find(str(session.get('id', '')))
    operator = None if found is None else sessions.operator(found)
    if found is not None and operator is not None and found.elsewhere == is_opened():
        g.session, g.operator = found, operator
        if request.headers.get('Sec-Fetch-Mode') == 'navigate' or request.method not in _READING:
            sessions.touch(found)


def _person_refused(wanted: FrozenSet[str]) -> _Answer:
    operator = g.get('operator')
    if operator is None:
        return _elsewhere('/login', 401, _LOGIN_NEEDED)
    return None if operator.role in wanted else refuse(403, _ROLE_REFUSED)


def _elsewhere(page: str, status: int, message: Message) -> _Answer:
    """Lead a person to another page, and refuse everything else."""
    return refuse(status, message) if is_api() or request.method not in _READING else redirect(page, 303)


def _refused_change() -> _Answer:
    """Why nothing may be changed: a form that another site made, or that is older than the login."""
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, '')
    known = str(session.get('csrf', ''))
    if not known or not hmac.compare_digest(given.encode('utf-8'), known.encode('utf-8')):
        return refuse(403, _FORM_STALE)
    return None


def _unconfirmed(sessions: Sessions) -> _Answer:
    """The pad, for an act whose PIN is not there or wrong. What its form holds waits here, and is in no page."""
    act, form, address = act_of(current_app, str(request.endpoint)), request.form, address_elsewhere()
    error: Optional[ThermoscreenError] = None
    if not act:
        return None
    fields: Optional[Fields] = [field for field in form.items(multi=True) if field[0] != CSRF_FIELD]
    if ASKED_FIELD in form:
        fields = sessions.answered(g.session, form[ASKED_FIELD], request.path)
        if fields is None:
            return refuse(403, _ASKING_OVER)
        try:
            sessions.confirm(g.session, form.get(PIN_FIELD, ''), act, address)
            request.form = ImmutableMultiDict(fields)
            return None
        except (OperatorError, BusyError) as refused:
            error = refused
    if is_api():
        return refuse(403, error.message if error else _PIN_NEEDED)
    html = render_template('confirm.html', person=g.operator, act=act,
                           asked=sessions.ask(g.session, request.path, fields or ()), message=error and error.message,
                           wait_s=sessions.operators.wait_s(g.operator.id, address),
                           back=current_app.blueprints[str(request.blueprint)].url_prefix or '/')
    return make_response(html, error.http_status if error else 403)


def _unauthorised(message: Message) -> Response:
    response = refuse(401, message)
    response.headers['WWW-Authenticate'] = 'Bearer'
    return response
