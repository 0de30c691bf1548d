"""The two endless answers: pictures as multipart/x-mixed-replace, values as server-sent events.

Neither does work of its own: pictures and text were made once by the live loop. Both say something
at intervals even when nothing happens, since a server learns that a viewer left only by writing to it.
"""
import json

BOUNDARY = 'picture'
PICTURES_TYPE = 'multipart/x-mixed-replace; boundary=' + BOUNDARY
EVENTS_TYPE = 'text/event-stream'

#: Without news the last picture is sent again after this time.
REPEAT_S = 2.0

#: Without news a sign of life is sent after this time: a page that hears nothing for a second says so.
BEAT_S = 0.4

#: A browser that lost the events asks again after this time.
RETRY_MS = 1000

_SEPARATOR = ('--%s\r\n' % BOUNDARY).encode('ascii')


def pictures(live):
    """The pictures of a `LiveLoop`, newest first come, each complete as soon as it is sent.

    The separator follows its picture at once: a browser shows a part when it sees its end, and would
    otherwise always be one picture behind.
    """
    sequence, shown = -1, 0
    yield _SEPARATOR
    while not live.stopped:
        state = live.wait_for(sequence, REPEAT_S)
        if state is None:
            state = live.state
        elif state.picture == shown:  # only the status changed, which the events tell
            sequence = state.sequence
            continue
        if live.stopped:
            return
        sequence, shown = state.sequence, state.picture
        if state.jpeg:
            yield b'Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n%s' % (len(state.jpeg), state.jpeg,
                                                                                      _SEPARATOR)


def events(live):
    """The values of a `LiveLoop`: ``values`` events as they come, ``alive`` events in between.

    ``alive`` is an event rather than a comment because the page must see it: with it, and without a
    picture, the camera or the analysis stopped; without it, the service did.
    """
    sequence = -1
    yield b'retry: %d\n\n' % RETRY_MS
    while not live.stopped:
        state = live.wait_for(sequence, BEAT_S)
        if live.stopped:
            return
        if state is None:
            yield _event('alive', json.dumps(live.pulse()))
        else:
            sequence = state.sequence
            yield _event('values', state.text)


def _event(name, text):
    return ('event: %s\ndata: %s\n\n' % (name, text)).encode('utf-8')
