"""Everything that goes wrong, as a page for people and as JSON for programs; never a traceback."""
import logging

from flask import make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ..messages import ThermoscreenError
from .replies import json_reply

_LOGGER = logging.getLogger(__name__)

#: Paths that programs read.
_API = ('/live/', '/live.mjpg', '/open/', '/healthz', '/readiness', '/metrics')

_SENTENCES = {
    'host-refused': 'This page is for this device only; open it as http://127.0.0.1 with its port.',
    'method-refused': 'This page only shows things; nothing can be sent to it.',
    'upload-refused': 'Files are opened from the device, not sent to it; use Files.',
    'body-refused': 'This page takes no contents; open it by its address alone.',
    'request-too-large': 'The request is larger than this page takes; open it by its address alone.',
    'page-missing': 'There is no such page; go back to the live picture.',
    'request-refused': 'The request cannot be answered; go back to the live picture.',
    'unexpected': 'Something inside the service failed; go back to the live picture, and restart the device if it '
                  'happens again.',
}
_CODES = {404: 'page-missing', 405: 'method-refused', 413: 'request-too-large', 500: 'unexpected'}


def install(app):
    """Register the handlers."""
    app.register_error_handler(ThermoscreenError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def refuse(status, code, sentence=''):
    """An answer that refuses: JSON for an API route, a page otherwise.

    Args:
        status (int): HTTP status.
        code (str): stable identifier.
        sentence (str): what is wrong and what to do; by default the sentence of `code`.
    """
    sentence = sentence or _SENTENCES[code]
    if request.path.startswith(_API):
        return json_reply({'code': code, 'sentence': sentence}, status)
    return make_response(render_template('message.html', code=code, sentence=sentence), status)


def _known(error):
    if error.http_status >= 500:
        _LOGGER.warning('%s: %s', error, error.detail)
    return refuse(error.http_status, error.code, error.message.text)


def _http(error):
    status = error.code or 500
    if status < 400:  # a redirect is an exception to werkzeug
        return error
    response = refuse(status, _CODES.get(status, 'request-refused'))
    if status == 405 and getattr(error, 'valid_methods', None):
        response.headers['Allow'] = 'GET, HEAD'
    return response


def _unknown(error):
    _LOGGER.exception('unexpected')
    return refuse(500, 'unexpected')
