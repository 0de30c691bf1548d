"""Who may ask for what: every route names the roles that it admits, and a route that names none answers nobody.

A station without operators has no login: whoever stands in front of it has every role.
"""
from typing import Any, Callable, FrozenSet, Optional, TypeVar

from flask import Flask, Response, current_app, request

from ..messages import Message
from .responses import refuse

#: Roles of people, of a program with a token, and of everybody, logged in or not.
OPERATOR, SUPERVISOR, INTEGRATOR, TOKEN, ANYONE = ROLES = ('operator', 'supervisor', 'integrator', 'token', 'anyone')

#: Those who see patients.
CLINICAL = (OPERATOR, SUPERVISOR)

_CLOSED = Message('route-closed', 'Nobody may open this page.', 'Go back to the live picture.')

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


def install(app: Flask) -> None:
    """Close every route that states no role; call it after `responses.install`, whose guard comes first.

    Args:
        app: the application.
    """
    if 'static' in app.view_functions:
        admits(ANYONE)(app.view_functions['static'])  # styles, icons and scripts: Flask's own route

    @app.before_request
    def check() -> Optional[Response]:
        # Without an endpoint the address leads nowhere, which is said next.
        if request.endpoint is not None and not admitted(current_app, request.endpoint):
            return refuse(403, _CLOSED)
        return None
