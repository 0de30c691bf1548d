"""Whether Prometheus finds something to read."""
from ..report import OK, WARNING, Report

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
        return Report('metrics', WARNING, 'There are no metrics, because the library %s is not installed.' % _LIBRARY,
                      'Install it as requirements/ says, if Prometheus is to read %s.' % where,
                      {'code': 'metrics-missing', 'address': where})
    return Report('metrics', OK, 'Prometheus on this machine can read %s.' % where,
                  facts={'address': where, 'version': version})
