"""Responses: what every one of them carries, JSON, and refusals as a page for people or JSON for programs.

The page has no login and serves this machine alone. A web site that is open in the same browser must neither reach it
under a name of its own (DNS rebinding) nor embed what it shows.
"""
import json
import logging
from typing import Any, Dict, Optional, Sequence

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ..messages import Message, ThermoscreenError

_LOGGER = logging.getLogger(__name__)

#: The names under which a browser on this machine reaches the page.
_NAMES = ('127.0.0.1', 'localhost', '[::1]')

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

#: Paths that programs read.
_API = ('/live/', '/live.mjpg', '/open/', '/healthz', '/readiness', '/metrics')

_LIVE = 'Go back to the live picture.'
_ADDRESS_ONLY = 'Open it by its address alone.'
_REFUSALS = {message.code: message for message in (
    Message('host-refused', 'This page is for this device only.', 'Open it as http://127.0.0.1 with its port.'),
    Message('method-refused', 'This page only shows things. Nothing can be sent to it.'),
    Message('upload-refused', 'Files are opened from the device and not sent to it.', 'Use Files.'),
    Message('body-refused', 'This page accepts no content.', _ADDRESS_ONLY),
    Message('request-too-large', 'The request is too large for this page.', _ADDRESS_ONLY),
    Message('page-missing', 'There is no such page.', _LIVE),
    Message('request-refused', 'The request cannot be answered.', _LIVE),
    Message('unexpected', 'Something inside the service failed.',
            'Go back to the live picture, and restart the device if it happens again.'))}
_CODES = {404: 'page-missing', 405: 'method-refused', 413: 'request-too-large', 500: 'unexpected'}


def install(app: Flask, port: int, methods: Sequence[str] = ('GET', 'HEAD')) -> None:
    """Put the guard in front of an application and its error handlers behind it.

    Args:
        app: the application.
        port: where it is served.
        methods: others are refused.
    """
    hosts = frozenset('%s:%d' % (name, port) for name in _NAMES)
    if port == 80:  # browsers leave the default port out
        hosts |= frozenset(_NAMES)

    @app.before_request
    def guard() -> Optional[Response]:
        if request.headers.get('Host', '').lower() not in hosts:
            return _refuse(400, 'host-refused')
        if request.method not in methods:
            response = _refuse(405, 'method-refused')
            response.headers['Allow'] = ', '.join(methods)
            return response
        if request.mimetype.startswith('multipart/'):
            return _refuse(415, 'upload-refused')
        if 'Transfer-Encoding' in request.headers:
            return _refuse(400, 'body-refused')
        if request.content_length:
            too_large = request.content_length > app.config['MAX_CONTENT_LENGTH']
            return _refuse(413, 'request-too-large') if too_large else _refuse(400, 'body-refused')
        return None

    @app.after_request
    def stamp(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response

    app.register_error_handler(ThermoscreenError, _thermoscreen_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def refuse(status: int, message: Message) -> Response:
    """A refusal: JSON for an API route, a page otherwise.

    Args:
        status: of HTTP.
        message: what is wrong and what to do.
    """
    if request.path.startswith(_API):
        return json_reply(message.to_dict(), status)
    return make_response(render_template('message.html', message=message), status)


def json_reply(document: Dict[str, Any], status: int = 200) -> Response:
    """A dict as JSON; its keys keep their order, since stages are read in the order in which they ran."""
    return text_reply(json.dumps(document, allow_nan=False), status)


def text_reply(text: str, status: int = 200) -> Response:
    """JSON that is text already."""
    return Response(text, status, mimetype='application/json')


def _refuse(status: int, code: str) -> Response:
    return refuse(status, _REFUSALS[code])


def _thermoscreen_error(error: ThermoscreenError) -> Response:
    if error.http_status >= 500:
        _LOGGER.warning('%s: %s', error, error.detail)
    return refuse(error.http_status, error.message)


def _http_error(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:  # to werkzeug a redirect is an exception
        return error
    response = _refuse(status, _CODES.get(status, 'request-refused'))
    if status == 405 and getattr(error, 'valid_methods', None):
        response.headers['Allow'] = 'GET, HEAD'
    return response


def _unexpected(error: Exception) -> Response:
    _LOGGER.exception('unexpected')
    return _refuse(500, 'unexpected')
