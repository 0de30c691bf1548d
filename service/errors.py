"""One tree of errors: a code for the phone call, a sentence for the person, details for the log.

Anything that a user can cause is raised as a `ThermoscreenError`. The command line prints one line
and exits with `exit_code`; the web page answers with `http_status` and the same code. A traceback
that reaches a person is a bug.
"""


class ThermoscreenError(Exception):
    """Something a person can act on.

    Args:
        code (str): stable identifier, lower case with hyphens, such as ``'file-truncated'``.
        message (str): one sentence saying what is wrong and what to do next.
        detail (str): technical addition for the log; never needed to act.
    """

    exit_code = 1
    http_status = 400

    def __init__(self, code, message, detail=''):
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    def __str__(self):
        return '%s [%s]' % (self.message, self.code)

    def to_dict(self):
        """The error as JSON: ``{'code', 'message', 'detail'}``."""
        return {'code': self.code, 'message': self.message, 'detail': self.detail}


class InputError(ThermoscreenError):
    """A file, folder or value from outside that cannot be used."""

    exit_code = 2


class SettingsError(ThermoscreenError):
    """A settings file that contradicts itself or the product."""

    exit_code = 2
    http_status = 500


class BundleError(ThermoscreenError):
    """A model bundle that must not be run: incomplete, changed, or not giving its golden answer."""

    exit_code = 3
    http_status = 500


class BackendError(ThermoscreenError):
    """Inference that failed or was asked for with the wrong names, shapes or dtypes."""

    exit_code = 4
    http_status = 503


class CameraError(ThermoscreenError):
    """A camera that is missing, silent or sends what it should not."""

    exit_code = 5
    http_status = 503


class StorageError(ThermoscreenError):
    """A disk that is full, read-only or failing."""

    exit_code = 6
    http_status = 507
