"""TensorRT's log: where it explains itself, since its calls answer None."""
import logging

#: The builder says these when it passes over kernels for want of memory. The engine is right and possibly
#: slower than it could be (facts of the Nano: wordings of TensorRT 8.0 to 8.6, "insuficient" included).
_LOW_MEMORY = ('Device memory is insufficient', 'due to insuficient memory', 'due to insufficient memory',
               'sufficient workspace')

#: What TensorRT, CUDA and C++ call having no memory left.
_NO_MEMORY = ('out of memory', 'outofmemory', 'bad_alloc', 'memoryerror', 'not be enough free memory')

#: Lines kept of each kind, and of each line its first so many characters: a failing build repeats itself
#: thousands of times.
KEPT_LINES, KEPT_CHARACTERS = 50, 400

_log = logging.getLogger(__name__)


class Lines:
    """What TensorRT logged, by kind; filled from whichever thread it logs on.

    Args:
        heard (callable): called with every message, for a display of what a build is doing; or None.

    Attributes:
        errors (list of str): the first ones since somebody cleared it; later ones follow from these.
        warnings, low_memory (dict of str to int): each line once, with how often it came.
    """

    def __init__(self, heard=None):
        self.errors = []
        self.warnings, self.low_memory = {}, {}
        self._heard = heard

    def take(self, severity, message):
        """One message of TensorRT: the name of its severity, and its text."""
        message = ' '.join(str(message).split())[:KEPT_CHARACTERS]
        # What matters of it reaches the person as an error of ours or in an engine's sidecar, once.
        _log.debug('TensorRT %s: %s', severity, message)
        if any(words in message for words in _LOW_MEMORY):
            _count(self.low_memory, message)
        elif severity == 'WARNING':
            _count(self.warnings, message)
        elif severity in ('ERROR', 'INTERNAL_ERROR') and len(self.errors) < KEPT_LINES:
            self.errors.append(message)
        if self._heard is not None:
            self._heard(message)

    def reason(self):
        """The first error TensorRT logged, for a sentence; ``'it did not say why'`` where there is none."""
        return self.errors[0].rstrip('. ') if self.errors else 'it did not say why'


def tells_of_memory(text):
    """Whether an error's words mean that memory ran out."""
    return any(words in text.lower() for words in _NO_MEMORY)


def make_logger(trt, lines):
    """A TensorRT logger that fills `lines`.

    Args:
        trt (module): tensorrt.
        lines (Lines): where the messages go.
    Returns:
        tensorrt.ILogger: must outlive everything that was made with it.
    """
    class Collecting(trt.ILogger):
        """TensorRT calls `log` from its own threads."""

        def __init__(self):
            # pybind11 refuses an object whose base was not initialised by name.
            trt.ILogger.__init__(self)

        def log(self, severity, msg):
            lines.take(getattr(severity, 'name', str(severity)).rpartition('.')[2], msg)

    logger = Collecting()
    # Without it a plan or a model that needs one of TensorRT's own plugins (InstanceNormalization in 8.x) is refused.
    trt.init_libnvinfer_plugins(logger, '')
    return logger


def _count(table, message):
    if message in table or len(table) < KEPT_LINES:
        table[message] = table.get(message, 0) + 1
