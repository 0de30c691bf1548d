"""ILogger and Logger."""
import sys


class ILogger:
    """Base of a caller's own logger: `log(severity, msg)` is called for every message."""

    def __init__(self):
        self._ready = True

    def log(self, severity, msg):
        raise NotImplementedError('Tried to call pure virtual function "ILogger::log"')


class Logger:
    """The logger that comes with tensorrt: prints what is at least as severe as `min_severity`."""

    def __init__(self, min_severity=None):
        self._least = self._lib.severity.WARNING if min_severity is None else min_severity
        self._ready = True

    @property
    def min_severity(self):
        return self._least

    @min_severity.setter
    def min_severity(self, value):
        self._least = value

    def log(self, severity, msg):
        if int(severity) <= int(self._least):
            mark = {0: 'F', 1: 'E', 2: 'W', 3: 'I', 4: 'V'}[int(severity)]
            sys.stderr.write('[TRT] [%s] %s\n' % (mark, msg))


class Voice:
    """Says things to a caller's logger and keeps them for the test.

    Args:
        library (Library): whose `lines` the messages go to, as (severity name, text).
        logger (ILogger): the caller's.
    """

    def __init__(self, library, logger):
        if not isinstance(logger, library.classes['ILogger']):
            raise TypeError('incompatible constructor arguments: logger must be a tensorrt.tensorrt.ILogger')
        self._library, self.logger = library, logger

    def _say(self, severity, text):
        self._library.lines.append((severity, text))
        self.logger.log(getattr(self._library.severity, severity), text)

    def error(self, text):
        self._say('ERROR', text)

    def warning(self, text):
        self._say('WARNING', text)

    def info(self, text):
        self._say('INFO', text)

    def verbose(self, text):
        self._say('VERBOSE', text)

    def failed(self, code, place, text):
        """An error in TensorRT's own form: code, where, kind, and what."""
        kinds = {1: 'Cuda Runtime', 2: 'Internal Error', 3: 'API Usage Error', 4: 'Internal Error',
                 9: 'Internal Error', 10: 'Internal Error'}
        self.error('%d: [%s] Error Code %d: %s (%s)' % (code, place, code, kinds[code], text))
