"""``thermoscreen`` with short limits and a model that a test can break; everything else is what ships.

``$FAULT_FILE`` names a file. It is absent, or holds a word and a process id: ``hang`` makes the next inference of
that process never return, ``die`` ends its inference thread, ``refuse`` keeps it from loading a model.
"""
import os
import threading

from service.backends.onnx_runtime import OnnxRuntimeBackend
from service.cli import main
from service.supervise import heartbeats

heartbeats.LIMITS_S.update(capture=5.0, inference=5.0, storage=5.0, page=10.0)
heartbeats.CHECK_EVERY_S = heartbeats.WRITE_EVERY_S = 0.3

_infer, _activate = OnnxRuntimeBackend._infer, OnnxRuntimeBackend._activate


def _fault():
    try:
        with open(os.environ['FAULT_FILE']) as stream:
            word, pid = stream.read().split()
    except (OSError, ValueError):
        return ''
    return word if pid in (str(os.getpid()), 'all') else ''


def _breakable_infer(self, feed):
    fault = _fault()
    if fault == 'hang':
        threading.Event().wait()
    if fault == 'die':
        raise SystemExit
    return _infer(self, feed)


def _breakable_activate(self):
    if _fault() == 'refuse':
        threading.Event().wait()
    return _activate(self)


OnnxRuntimeBackend._infer = _breakable_infer
OnnxRuntimeBackend._activate = _breakable_activate
main()
