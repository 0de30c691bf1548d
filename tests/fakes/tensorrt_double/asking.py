"""`jetson.compile.process.ask` within this process: the same request and answer, without another Python."""
import contextlib
import io
import json

from service.messages import ThermoscreenError


def ask_here(request, progress, note, log_path, limit_s=0.0):
    """As `process.ask`; what would end a child raises `Ended`."""
    from jetson.compile import child  # the doubles are used where nothing of the board is

    class Direct(child.Channel):
        """Hands everything to the caller's objects at once."""

        def heard(self, message):
            progress.heard(message)

        def watching(self, title):
            return progress.watching(title)

        def log(self, severity, message):
            with contextlib.suppress(OSError):
                log.write('[%s] %s\n' % (severity[:1], message))

        def lost(self, reason):
            pass  # the backend raises then

        def _send(self, say='', note=''):
            if note:
                notes(note)
            else:
                progress.say(say)

    notes = note
    with open(log_path, 'w', encoding='utf-8') as log:
        try:
            return json.loads(json.dumps(child.answer(json.loads(json.dumps(request)), Direct(io.StringIO()))))
        except ThermoscreenError as error:
            json.dumps(error.to_dict())  # another process could tell it
            raise
