"""JSON answers."""
import json

from flask import Response


def json_reply(document, status=200):
    """A dict as JSON, its keys in the order in which they were put: stages are read in the order they ran."""
    return text_reply(json.dumps(document, allow_nan=False), status)


def text_reply(text, status=200):
    """JSON that is text already."""
    return Response(text, status, mimetype='application/json')
