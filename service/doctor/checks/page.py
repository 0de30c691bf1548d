"""Whether the page can be served where the settings say."""
import errno
import socket

from ...messages import OK, PROBLEM, WARNING, Message


def check(settings):
    """Bind the address and port of the page for a moment."""
    where = '%s:%d' % (settings.host, settings.port)
    family = socket.AF_INET6 if ':' in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return Message('port-in-use', 'Something serves %s already; it may be thermoscreen itself.' % where,
                               'If it is not, choose another port with --port.', WARNING, 'page')
            return Message('port-unavailable', 'The page cannot be served on %s (%s).' % (where, error.strerror),
                           'Choose another port with --port; ports below 1024 need rights.', PROBLEM, 'page')
    return Message('page-ok', 'The page can be served on %s.' % where, severity=OK, subject='page')
