"""The kiosk page: a Flask application on loopback, and waitress to serve it."""
from .safe import create_safe_app, serve_safe
from .server import Server, serve_app


def create_app(pipeline, live, settings, vitals=None):
    """See `service.web.app`; imported when it is called, so that the page of safe mode needs nothing of it."""
    from .app import create_app as create
    return create(pipeline, live, settings, vitals)


__all__ = ['Server', 'create_app', 'create_safe_app', 'serve_app', 'serve_safe']
