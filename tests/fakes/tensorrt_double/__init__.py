"""A fake TensorRT: the names, messages and behaviour of one release, computing with ONNX Runtime.

    double = install(monkeypatch, version='8.2.1', sm=53, low_memory=True)
    import tensorrt, pycuda.driver            # the doubles, until the test ends
    ...
    assert double.leaks() == []

What the double offers is what the release has (`tests/fakes/trt_api`); any other name raises AttributeError. A plan
holds the ONNX file; running it reads and writes the device memory of the pycuda double. Engines of half precision
compute in single precision with weights rounded to half; INT8 from a calibrator rounds weights to 8 bits where the
chip has INT8 and leaves them where it has not.
"""
import json
import os
import sys

import pytest

from service.backends import cuda_driver

from .. import libcuda, pycuda_double
from .asking import ask_here
from .library import Ended, Library
from .release import VARIABLE, Faults, board

__all__ = ['Double', 'Ended', 'Faults', 'install', 'install_here']

#: Where pycuda is the one way to CUDA, a driver of this machine must not be another.
_NO_LIBRARY = 'libcuda-not-here.so.1'

_CUDA = {'8.0.1': (10, 2, 0), '8.2.1': (10, 2, 0), '8.5.2': (11, 4, 0), '8.6.1': (12, 2, 0), '10.3.0': (12, 6, 0),
         '11.4.0': (13, 0, 0)}


class Double:
    """Handle on an installed double.

    Attributes:
        tensorrt, driver: the modules, without an import.
        faults (Faults): what goes wrong; may be changed at any time.
        lines (list): messages to any logger, (severity name, text).
        builds, executions (int): how often something was built and run.
        timed (list of str): layers that the last build had to time, where no timing cache has them.
        cuda_path (str): the stand-in for libcuda, where there is no pycuda.
    """

    def __init__(self, version, sm, faults, cuda='pycuda'):
        self.faults, self.cuda_path = faults, libcuda.copy_library() if cuda == 'driver' else _NO_LIBRARY
        self._cuda = cuda
        self._world = (libcuda.LibraryWorld(board(sm), faults, self.cuda_path) if cuda == 'driver'
                       else pycuda_double.World(board(sm), faults))
        self._library = Library(version, self._world.board, faults, self._world)
        self.tensorrt = self._library.module
        self.modules = {'tensorrt': self.tensorrt, 'pycuda': None, 'pycuda.driver': None}
        self.driver = cuda_driver
        if cuda == 'pycuda':
            self.modules.update(pycuda_double.make_modules(self._world, _CUDA[version]))
            self.driver = self.modules['pycuda.driver']

    @property
    def ends_process(self):
        """Whether what ends a process really does; elsewhere it raises `Ended`."""
        return self._library.ends_process

    @ends_process.setter
    def ends_process(self, value):
        self._library.ends_process = value

    lines = property(lambda self: self._library.lines)
    builds = property(lambda self: self._library.builds)
    executions = property(lambda self: self._library.executions)
    timed = property(lambda self: self._library.timed)

    @property
    def primary_used(self):
        """Whether TensorRT was used with no context current, so that it made one of its own beside the caller's."""
        return self._world.primary_used

    @property
    def broken(self):
        """The error that the device has run into, or None."""
        return self._world.sticky

    def messages(self, severity=None):
        """Texts of the messages so far, of one severity or of all (list of str)."""
        return [text for level, text in self.lines if severity in (None, level)]

    def alive(self):
        """How many contexts, buffers, pinned buffers, streams and events there are now (dict name to int)."""
        return self._world.alive()

    def current(self):
        """The CUDA context of this thread, or None."""
        return self._world.current()

    def leaks(self):
        """What was not given back: memory, contexts, work that nobody waited for (list of str)."""
        return self._world.leaks()

    def move(self, **changes):
        """Another double of the same faults, as if the files had gone to another machine.

        Args:
            changes: version, sm.
        """
        return Double(changes.get('version', self._library.version), changes.get('sm', self._world.board.sm),
                      self.faults, self._cuda)


class _NoAutoinit:
    """Fails the test that imports pycuda.autoinit: it makes a context on whatever thread imports it first."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ('pycuda.autoinit', 'pycuda.autoprimaryctx'):
            pytest.fail('%s was imported; a context belongs to the thread that makes it' % name)


def install(monkeypatch, version='8.2.1', sm=53, child=False, cuda='pycuda', **faults):
    """Put the doubles of tensorrt and CUDA in place until the test ends.

    Args:
        monkeypatch: pytest's fixture.
        version (str): TensorRT's release: 8.0.1, 8.2.1, 8.5.2, 8.6.1, 10.3.0 or 11.4.0.
        sm (int): compute capability times ten: 53 for the Nano, 72 for Xavier, 87 for Orin.
        child (bool): let `thermoscreen compile` build in another process, as it does, with a double of its own there.
            By default it builds in this one, which is quick and which the returned double sees.
        cuda (str): 'pycuda' for its double; 'driver' for no pycuda and a stand-in of libcuda (`tests.fakes.libcuda`).
        faults: see `Faults`.
    Returns:
        Double: what the test looks at.
    """
    if child:
        path = [os.path.join(os.path.dirname(__file__), 'in_child'), os.environ.get('PYTHONPATH', '')]
        monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, path)))
        monkeypatch.setenv(VARIABLE, json.dumps({'version': version, 'sm': sm, 'faults': faults, 'cuda': cuda}))
    else:
        monkeypatch.delenv(VARIABLE, raising=False)
        monkeypatch.setattr('jetson.compile.process.ask', ask_here)
    double = Double(version, sm, Faults(**faults), cuda)
    monkeypatch.setattr(cuda_driver, 'LIBRARY', double.cuda_path)
    for name, module in double.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ('pycuda.autoinit', 'pycuda.autoprimaryctx'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, 'meta_path', [_NoAutoinit] + sys.meta_path)
    return double


def install_here():
    """Put the doubles in place for the life of this process, a child of one that has them."""
    chosen = json.loads(os.environ[VARIABLE])
    double = Double(chosen['version'], chosen['sm'], Faults(**chosen['faults']), chosen['cuda'])
    cuda_driver.LIBRARY = double.cuda_path
    double.ends_process = True
    sys.modules.update(double.modules)
