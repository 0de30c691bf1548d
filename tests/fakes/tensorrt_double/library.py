"""One installed double: the module `tensorrt` of one release over one fake device."""
import os
import sys
import types
import warnings
import weakref

import numpy as np

from . import builder, config, context, engine, network, values
from .bindings import Bound, bind, make, make_enum
from .onnx_file import numpy_type
from .release import Names, severity_numbers, value_member

#: Template of each class that the double implements, bases before derived classes.
_TEMPLATES = (
    values.ILogger, values.Logger, values.Dims, values.IHostMemory, values.IOptimizationProfile, values.IPluginRegistry,
    config.IInt8Calibrator, network.ITensor, network.ILayer, network.INetworkDefinition, network.ParserError,
    network.OnnxParser, config.ITimingCache, config.IBuilderConfig, builder.Builder, engine.Runtime,
    engine.ICudaEngine, engine.EngineInspector, context.IExecutionContext)
#: Classes that a caller derives from and that do nothing themselves.
_TO_DERIVE = ('IProfiler', 'IProgressMonitor', 'IInt8EntropyCalibrator', 'IInt8EntropyCalibrator2',
              'IInt8LegacyCalibrator', 'IInt8MinMaxCalibrator')
#: The CUDA context that TensorRT makes for itself where none is current.
_IMPLICIT = object()


#: From this release on the bindings catch what a callback raises, print it on standard error and go on without it
#: ("[ERROR] Exception caught in get_batch()", [NvidiaTensorrt3871] with 8.4). Before it, an exception leaves a C++
#: function that is `noexcept`, and the process aborts (seen with the real bindings of 8.2.1).
_CATCHES = (8, 4)


class Ended(BaseException):
    """The process would have ended here. No `Exception`: nobody could have caught the real thing."""


class Library:
    """State and classes behind the module.

    Args:
        version (str): release, such as ``8.2.1``.
        board (Board): the fake device.
        faults (Faults): what goes wrong.
        world (pycuda_double.World): memory, streams and contexts.
    """

    def __init__(self, version, board, faults, world):
        self.version, self.release = version, tuple(int(part) for part in version.split('.'))
        self.names, self.board, self.faults, self.world = Names(version), board, faults, world
        #: Every message so far, (severity name, text).
        self.lines = []
        self.builds = self.executions = 0
        #: Names of the layers that the last build had to time.
        self.timed = []
        self.ends_process = False
        self.enums, self.classes = {}, {}
        self._make_enums()
        self._make_classes()
        self.module = self._make_module()

    def voice(self, logger):
        return values.Voice(self, logger)

    def dims(self, shape):
        return make(self.classes['Dims'], shape)

    def member(self, enum, name):
        """A member of an enum, or None where the release lacks it or the whole enum."""
        return getattr(self.enums.get(enum), name or '', None)

    @property
    def default_verbosity(self):
        return self.member('ProfilingVerbosity', 'LAYER_NAMES_ONLY') or self.enums['ProfilingVerbosity'].DEFAULT

    @property
    def cache_version(self):
        """The release as a calibration cache's first line writes it."""
        return ('%d%d%02d' if self.release < (10,) else '%d%02d%02d') % self.release

    def identity(self):
        """What a timing cache holds for."""
        return {'tensorrt': self.version, 'sm': self.board.sm, 'device': self.board.device}

    def home(self):
        """The CUDA context of this moment; without a current one TensorRT makes one of its own."""
        current = self.world.current()
        if current is None:
            self.world.primary_used = True
            return _IMPLICIT
        return current

    def need_device(self, voice):
        if self.faults.no_device:
            voice.error('CUDA initialization failure with error: 100')
            raise TypeError('pybind11::init(): factory function returned nullptr')

    def raised(self, callback, error):
        """A callback has raised an exception: printed and forgotten, or the end of the process, by release."""
        if self.release >= _CATCHES:
            sys.stderr.write('[ERROR] Exception caught in %s(): %s: %s\n' % (callback, type(error).__name__, error))
        else:
            self.end("terminate called after throwing an instance of 'pybind11::error_already_set'\n"
                     '  what():  %s: %s\n' % (type(error).__name__, error), os.abort)

    def end(self, words, how):
        """End the process, with words on standard error.

        Args:
            words (str): what C++ or CUDA print.
            how (callable): ends it.
        """
        if not self.ends_process:
            raise Ended(words)
        os.write(2, words.encode())
        how()

    def deprecated(self, text):
        warnings.warn(text, DeprecationWarning, stacklevel=4)

    def buffer(self, value, call):
        """The bytes of what a caller passes as a buffer; text and numbers are refused as pybind11 refuses them."""
        try:
            return bytes(memoryview(value))
        except TypeError:
            raise TypeError('%s(): incompatible function arguments: a buffer is wanted, not %s'
                            % (call, type(value).__name__))

    def _make_enums(self):
        for name in self.names.classes:
            numbers = self.names.numbers(name)
            if numbers:
                self.enums[name] = make_enum(name, numbers, self.names.offered(name))
        self.severity = make_enum('Severity', severity_numbers(), {'name', 'value'}, ordered=True)
        sizes = weakref.WeakKeyDictionary()

        def itemsize(member):
            try:
                sizes[member] = numpy_type(member).itemsize
            except KeyError:
                sizes[member] = {'INT4': 0.5, 'FP4': 0.5, 'BF16': 2}.get(member._name, 1)
            return sizes[member]

        self.enums['DataType'].itemsize = property(itemsize)

    def _make_classes(self):
        for template in _TEMPLATES:
            name = template.__name__
            if name in self.names.classes:
                self.classes[name] = bind(self, name, template, self._base(name))
        for name in _TO_DERIVE:
            if name in self.names.classes:
                base = self._base(name)
                self.classes[name] = bind(self, name, values.Base if base is Bound else config.IInt8Calibrator,
                                          base)
        for name in ('ILogger', 'Logger'):
            for level, number in [('Severity', self.severity)] + list(self.severity.__members__.items()):
                setattr(self.classes[name], level, number)

    def _base(self, name):
        bases = self.names.classes[name]['bases']
        return self.classes[bases[0]] if bases else Bound

    def _make_module(self):
        module = types.ModuleType('tensorrt')
        # JetPack's packages name the build as well, the wheels do not.
        module.__version__ = {'8.0.1': '8.0.1.6', '8.2.1': '8.2.1.8', '8.5.2': '8.5.2.2'}.get(self.version,
                                                                                             self.version)
        for name, thing in list(self.enums.items()) + list(self.classes.items()):
            setattr(module, name, thing)
        for name in self.names.values:
            setattr(module, name, getattr(self.enums['DataType'], value_member(name)))
        functions = {'get_nv_onnx_parser_version': lambda: self.release[0] * 10000 + self.release[1] * 100,
                     'init_libnvinfer_plugins': self._init_plugins,
                     'get_plugin_registry': lambda: make(self.classes['IPluginRegistry'])}
        for name, function in functions.items():
            if name in self.names.functions:
                setattr(module, name, function)
        module.nptype, module.volume = self._nptype, lambda iterable: int(np.prod([1] + list(iterable)))
        return module

    def _init_plugins(self, logger, namespace):
        return True

    def _nptype(self, trt_type):
        try:
            return numpy_type(trt_type).type
        except KeyError:
            raise TypeError('Could not resolve TensorRT datatype to an equivalent numpy datatype.')
