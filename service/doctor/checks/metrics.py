"""Whether Prometheus finds something to read."""
from ...messages import OK, WARNING, Message

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    import importlib_metadata as metadata

_LIBRARY = 'prometheus_client'


def check(settings):
    """Look for the library that writes the metrics; nothing else needs it."""
    where = 'http://%s:%d/metrics' % ('[%s]' % settings.host if ':' in settings.host else settings.host, settings.port)
    try:
        version = metadata.version(_LIBRARY)
    except metadata.PackageNotFoundError:
        return Message('metrics-missing', 'There are no metrics, because the library %s is not installed.' % _LIBRARY,
                       'Install it as requirements/ says, if Prometheus is to read %s.' % where, WARNING, 'metrics',
                       {'address': where})
    return Message('metrics-ok', 'Prometheus on this machine can read %s.' % where, severity=OK, subject='metrics',
                   facts={'address': where, 'version': version})
