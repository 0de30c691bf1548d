"""What is refused before a route is reached, and what every answer carries.

The page has no login and is for this machine alone; a web site that is open in the same browser must
not reach it under a name of its own (DNS rebinding), nor embed what it shows.
"""
from flask import request

from .refusals import refuse

#: The names under which a browser on this machine reaches the page.
_NAMES = ('127.0.0.1', 'localhost', '[::1]')

_METHODS = ('GET', 'HEAD')

_HEADERS = {
    'Content-Security-Policy': "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                               "frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
}


def install(app, port, methods=_METHODS):
    """Put the guard in front of an application served on `port`; other methods than these are refused."""
    allowed = frozenset('%s:%d' % (name, port) for name in _NAMES)
    if port == 80:  # browsers leave the default port out
        allowed |= frozenset(_NAMES)

    @app.before_request
    def check():
        if request.headers.get('Host', '').lower() not in allowed:
            return refuse(400, 'host-refused')
        if request.method not in methods:
            response = refuse(405, 'method-refused')
            response.headers['Allow'] = ', '.join(methods)
            return response
        if request.mimetype.startswith('multipart/'):
            return refuse(415, 'upload-refused')
        if 'Transfer-Encoding' in request.headers:
            return refuse(400, 'body-refused')
        if request.content_length:
            too_large = request.content_length > app.config['MAX_CONTENT_LENGTH']
            return refuse(413, 'request-too-large') if too_large else refuse(400, 'body-refused')
        return None

    @app.after_request
    def stamp(response):
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response
