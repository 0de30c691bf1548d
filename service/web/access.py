"""Who may ask for what: every route names the roles that it admits, and a route that names none answers nobody.

The station has no login: whoever asks from this machine has every role of a person. A program has that of a token once
there is one; until then the API is open on this machine like the page.
"""
from typing import Any, Callable, FrozenSet, Optional, TypeVar

from flask import Flask, Response, current_app, request

from ..messages import Message
from .responses import refuse
from .tokens import Tokens

#: Roles of people, of a program with a token, and of everybody, logged in or not.
OPERATOR, SUPERVISOR, INTEGRATOR, TOKEN, ANYONE = ROLES = ('operator', 'supervisor', 'integrator', 'token', 'anyone')

#: Those who see patients.
CLINICAL = (OPERATOR, SUPERVISOR)

PEOPLE = (OPERATOR, SUPERVISOR, INTEGRATOR)

_CLOSED = Message('route-closed', 'Nobody may open this page.', 'Go back to the live picture.')

_TOKEN_NEEDED = Message('token-needed', 'This address is for programs with a token.',
                        'Send it as Authorization: Bearer TOKEN; thermoscreen tokens add makes one.')
_TOKEN_WRONG = Message('token-wrong', 'This token is not known here, or not any more.',
                       'Make another with thermoscreen tokens add.')
_ROLE_REFUSED = Message('role-refused', 'This token does not open this address.', 'Use an address below /api/v1.')

#: Scheme of the header Authorization.
_BEARER = 'bearer '

_View = TypeVar('_View', bound=Callable[..., Any])


def admits(*roles: str) -> Callable[[_View], _View]:
    """Decorator that states the roles which a view admits; it stands below ``route``.

    Args:
        roles: of `ROLES`.
    """
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError('a route admits some of %s, not %s' % (', '.join(ROLES), ', '.join(sorted(unknown)) or 'none'))

    def mark(view: _View) -> _View:
        vars(view)['_admitted'] = frozenset(roles)
        return view

    return mark


def admitted(app: Flask, endpoint: str) -> FrozenSet[str]:
    """The roles that a route admits; empty where it states none."""
    return getattr(app.view_functions[endpoint], '_admitted', frozenset())


def install(app: Flask, tokens: Tokens) -> None:
    """Admit to every route whom it names; call it after `responses.install`, whose guard comes first.

    Args:
        app: the application.
        tokens: of programs.
    """
    if 'static' in app.view_functions:
        admits(ANYONE)(app.view_functions['static'])  # styles, icons and scripts: Flask's own route

    @app.before_request
    def check() -> Optional[Response]:
        if request.endpoint is None:  # the address leads nowhere, which is said next
            return None
        wanted = admitted(current_app, request.endpoint)
        if not wanted:
            return refuse(403, _CLOSED)
        return None if ANYONE in wanted else _refusal(wanted, tokens)


def _refusal(wanted: FrozenSet[str], tokens: Tokens) -> Optional[Response]:
    """Why who asks now is not admitted; None where it is."""
    given = request.headers.get('Authorization', '')
    if given.lower().startswith(_BEARER):
        if tokens.holder(given[len(_BEARER):].strip()) is None:
            return _unauthorised(_TOKEN_WRONG)
        return None if TOKEN in wanted else refuse(403, _ROLE_REFUSED)
    if wanted.intersection(PEOPLE) or not tokens.entries():
        return None
    return _unauthorised(_TOKEN_NEEDED)


def _unauthorised(message: Message) -> Response:
    response = refuse(401, message)
    response.headers['WWW-Authenticate'] = 'Bearer'
    return response
