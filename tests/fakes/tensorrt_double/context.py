"""IExecutionContext: runs an engine on device memory, in the order of a stream."""
import operator
import time

import numpy as np

from ..pycuda_double import BadAddressError
from .bindings import instead, keep
from .onnx_file import numpy_type, run

_ENQUEUE = 'executionContext.cpp::enqueueInternal::330'
_NO_ADDRESS = ('Neither address or allocator is set for %s tensor %s. Call setTensorAddress before enqueue/execute.')


@keep('name', 'debug_sync', 'profiler', 'enqueue_emits_profile', 'error_recorder', 'persistent_cache_limit')
class IExecutionContext:
    """One use of an engine; belongs to the CUDA context in which it was made."""

    def _setup(self, engine):
        self._engine, self._voice = engine, engine._voice
        self._home, self._addresses, self._shapes = self._lib.home(), {}, {}
        self._plain = {'name': '', 'debug_sync': False, 'profiler': None, 'enqueue_emits_profile': True,
                       'error_recorder': None, 'persistent_cache_limit': 0}
        self._profile = 0
        self._lib.world.dependants.add(self)

    def _home_of(self):
        return self._home

    @property
    def engine(self):
        return self._engine

    # Bindings by number.

    def execute_v2(self, bindings):
        world = self._lib.world
        queued = self._enqueue(dict(zip(self._names(), _addresses(bindings))), None)
        if not queued:
            return False
        try:
            queued()
        except BadAddressError:
            world.fail()
        if world.sticky:
            self._voice.failed(1, 'checkMacros.cpp::catchCudaError::272', world.sticky)
        return not world.sticky

    def execute_async_v2(self, bindings, stream_handle, input_consumed=None):
        return self._start(dict(zip(self._names(), _addresses(bindings))), stream_handle)

    @instead('set_input_shape')
    def set_binding_shape(self, binding, shape):
        return self._reshape(self._names()[binding], shape)

    @instead('get_tensor_shape')
    def get_binding_shape(self, binding):
        return self._lib.dims(self._known_shapes()[self._names()[binding]])

    def get_strides(self, binding):
        return self._strides(self._names()[binding])

    # Tensors by name.

    def set_tensor_address(self, name, memory):
        memory = operator.index(memory)
        if self._engine._index(name) < 0:
            return False
        self._addresses[name] = memory
        return True

    def get_tensor_address(self, name):
        return self._addresses.get(name, 0)

    def execute_async_v3(self, stream_handle):
        if stream_handle == 0:
            self._voice.warning('Using default stream in enqueueV3() may lead to performance issues due to additional '
                                'calls to cudaStreamSynchronize() by TensorRT to ensure correct synchronization.')
        return self._start(dict(self._addresses), stream_handle)

    def set_input_shape(self, name, shape):
        return self._reshape(name, shape)

    def _reshape(self, name, shape):
        index = self._engine._index(name)
        declared = self._engine._tensors[index][1] if 0 <= index < self._engine._inputs else ()
        shape = tuple(shape)
        if len(shape) != len(declared) or any(wanted not in (-1, side) for wanted, side in zip(declared, shape)):
            self._voice.failed(3, 'executionContext.cpp::setInputShape::1', 'Parameter check failed, condition: '
                               'engineDims.d[i] == dims.d[i]. Static dimension mismatch while setting input shape.')
            return False
        self._shapes[name] = shape
        return True

    def get_tensor_shape(self, name):
        return self._lib.dims(self._known_shapes().get(name, ()))

    def get_tensor_strides(self, name):
        return self._strides(name)

    def _strides(self, name):
        shape = list(self._known_shapes()[name])
        return self._lib.dims([int(np.prod(shape[side + 1:])) for side in range(len(shape))])

    def infer_shapes(self):
        return self._open_inputs()

    def _open_inputs(self):
        return [name for name in self._names()[:self._engine._inputs] if -1 in self._known_shapes()[name]]

    def _names(self):
        return [name for name, _, _ in self._engine._tensors]

    def _known_shapes(self):
        """Shape by tensor name; those of outputs from a trial where the engine leaves them open."""
        engine = self._engine
        shapes = {name: self._shapes.get(name, shape) for name, shape, _ in engine._tensors}
        inputs = engine._tensors[:engine._inputs]
        if any(-1 in shapes[name] for name, _, _ in engine._tensors[engine._inputs:]) and not any(
                -1 in shapes[name] for name, _, _ in inputs):
            feed = {name: np.zeros(shapes[name], numpy_type(dtype)) for name, _, dtype in inputs}
            wanted = self._names()[engine._inputs:]
            shapes.update((name, array.shape) for name, array in run(engine._session, feed, wanted).items())
        return shapes

    # Running.

    def _start(self, addresses, stream_handle):
        handle, world = operator.index(stream_handle), self._lib.world
        operation = self._enqueue(addresses, handle)
        if not operation:
            return False
        if handle:
            world.streams[handle].add(operation)
        elif world.current() is not None:
            world.current()._default.add(operation)
        else:
            operation()
        return True

    def _enqueue(self, addresses, handle):
        """What the device will do (a function), or None where the call is refused; why is said."""
        world, voice = self._lib.world, self._voice
        if world.sticky:
            voice.failed(1, 'checkMacros.cpp::catchCudaError::272', world.sticky)
            return None
        stream = world.streams.get(handle)
        strange = handle and (stream is None or stream.context is not self._home)
        if strange or self._lib.home() is not self._home:
            voice.failed(1, 'genericReformat.cu::genericReformat::200', 'invalid resource handle')
            return None
        shapes = self._known_shapes()
        if any(-1 in shape for shape in shapes.values()):
            voice.failed(3, _ENQUEUE, 'Parameter check failed at: runtime/api/%s, condition: '
                         'allInputDimensionsSpecified(0)' % _ENQUEUE)
            return None
        for index, name in enumerate(self._names()):
            if not addresses.get(name):
                voice.failed(3, _ENQUEUE, _NO_ADDRESS % ('input' if index < self._engine._inputs else 'output', name))
                return None
        return lambda: self._run(addresses, shapes)

    def _run(self, addresses, shapes):
        library, engine = self._lib, self._engine
        if library.faults.cuda_error:
            library.world.fail(library.faults.cuda_error)
            return
        library.executions += 1
        feed, places = {}, {}
        for index, (name, _, dtype) in enumerate(engine._tensors):
            kind = numpy_type(dtype)
            count = int(np.prod(shapes[name])) * kind.itemsize
            place = library.world.view(addresses[name], count, self._home)
            places[name] = place.view(kind).reshape(shapes[name])
            if index < engine._inputs:
                feed[name] = places[name]
        before = time.perf_counter()
        answers = run(engine._session, feed, self._names()[engine._inputs:])
        for name, array in answers.items():
            broken = library.faults.nan and 'FP16' in engine._description['flags']
            floating = places[name].dtype.kind == 'f'
            places[name][...] = (np.nan if floating else 0) if broken else array
        if self._plain['profiler'] is not None:
            self._report(time.perf_counter() - before)

    def _report(self, seconds):
        layers = self._engine._description['layers']
        for name in layers:
            self._plain['profiler'].report_layer_time(name, seconds * 1000 / len(layers))

    @property
    def all_binding_shapes_specified(self):
        return not self._open_inputs()

    all_shape_inputs_specified = all_binding_shapes_specified

    @property
    def active_optimization_profile(self):
        return self._profile

    def set_optimization_profile_async(self, profile_index, stream_handle):
        self._profile = profile_index
        return True

    def report_to_profiler(self):
        return self._plain['profiler'] is not None


def _addresses(bindings):
    return [operator.index(address) for address in list(bindings)]
