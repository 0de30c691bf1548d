"""The kiosk page: a Flask application on loopback, and waitress to serve it."""
from .app import create_app
from .server import Server, serve_app

__all__ = ['Server', 'create_app', 'serve_app']
