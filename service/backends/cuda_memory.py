"""The GPU's context and the buffers of one engine: device memory, pinned staging, one stream."""
import logging
import time
import traceback

import numpy as np

from ..messages import BackendError

_log = logging.getLogger(__name__)


class CudaContext:
    """A context of the first GPU, current in one thread between `push` and `pop`.

    Never `pycuda.autoinit`: that makes a context in whichever thread imports it, and a TensorRT service
    with web threads then dies in the first request. Nor the device's primary context: a release of it
    (cuDevicePrimaryCtxRelease) does not take it off the thread, and pycuda does not either. TensorRT works
    in the context that is current, so there is one and not two of them.

    Raises:
        BackendError: ``cuda-missing`` from `push` where there is no pycuda, no driver or no GPU.
    """

    def __init__(self):
        self._context = None
        self.device_name = ''

    def __enter__(self):
        self.push()
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            drop_frames(error)
        self.pop()

    def push(self):
        """Make the context, current in the calling thread."""
        try:
            import pycuda.driver as cuda

            cuda.init()
            device = cuda.Device(0)
            self._context = device.make_context()
            self.device_name = str(device.name())
        except Exception as error:  # the import itself fails without a driver, each step after it in its own way
            raise BackendError('cuda-missing', 'The GPU cannot be used (%s); install pycuda and check the driver.'
                               % (str(error) or type(error).__name__), detail=repr(error))

    def pop(self):
        """Take the context off the thread that pushed it, and end it. May be called twice."""
        context, self._context = self._context, None
        if context is not None:
            for step in ('pop', 'detach'):
                quietly(getattr(context, step))


class Buffers:
    """Static buffers of an engine: made once, so that a frame allocates nothing on the device.

    On boards below compute capability 7.2 pinned memory is not cached, neither for the CPU nor for the
    GPU (NVIDIA, CUDA for Tegra): it serves for the copies alone, and an output is copied out of it once,
    before numpy works on it.

    Args:
        inputs, outputs (tuple of TensorSpec): of static shape.
    """

    def __init__(self, inputs, outputs):
        import pycuda.driver as cuda

        self._cuda = cuda
        self._inputs, self._outputs = inputs, outputs
        self.stream = cuda.Stream()
        # Around the copies in and the copies out: the stream works while the processor goes on.
        self._marks = [cuda.Event() for _ in range(4)]
        self._host_in_ms = self._host_out_ms = 0.0
        self._pinned, self._device = {}, {}
        for spec in inputs + outputs:
            self._pinned[spec.name] = cuda.pagelocked_empty(spec.shape, np.dtype(spec.dtype))
            self._device[spec.name] = cuda.mem_alloc(self._pinned[spec.name].nbytes)

    def addresses(self):
        """Device address (int) by tensor name."""
        return {name: int(memory) for name, memory in self._device.items()}

    def send(self, feed):
        """Copy a feed (dict of arrays) to pinned memory and enqueue its way to the device."""
        began = time.perf_counter()
        for spec in self._inputs:
            np.copyto(self._pinned[spec.name], feed[spec.name])
        self._host_in_ms = (time.perf_counter() - began) * 1e3
        self._marks[0].record(self.stream)
        for spec in self._inputs:
            self._cuda.memcpy_htod_async(self._device[spec.name], self._pinned[spec.name], self.stream)
        self._marks[1].record(self.stream)

    def receive(self, wanted):
        """Enqueue the outputs' way back, wait for the stream, and copy them out of pinned memory.

        Args:
            wanted (tuple of TensorSpec): dtypes of the arrays that come back.
        Returns:
            dict: ordinary arrays of their own by name.
        """
        self._marks[2].record(self.stream)
        for spec in self._outputs:
            self._cuda.memcpy_dtoh_async(self._pinned[spec.name], self._device[spec.name], self.stream)
        self._marks[3].record(self.stream)
        self.stream.synchronize()
        began = time.perf_counter()
        arrays = {spec.name: np.array(self._pinned[spec.name], dtype=spec.dtype) for spec in wanted}
        self._host_out_ms = (time.perf_counter() - began) * 1e3
        return arrays

    def parts_ms(self):
        """The last round: copies to and from pinned memory and over the bus, and what was between them.

        Returns:
            tuple: as `Stopwatch.lap_parts` takes it.
        """
        before, sent, done, received = self._marks
        return (('copy_in', self._host_in_ms + before.time_till(sent)), ('infer', None),
                ('copy_out', self._host_out_ms + done.time_till(received)))

    def free(self):
        """Give the memory back, while the context is current. May be called twice."""
        for memory in self._device.values():
            quietly(memory.free)
        self._device, self._pinned, self._marks, self.stream = {}, {}, [], None


def drop_frames(error):
    """Forget the local variables of the calls that failed: TensorRT objects must not outlive the context."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def quietly(release):
    """Call what releases something; after a CUDA error that stays, each of these fails too and says nothing new."""
    try:
        release()
    except Exception as error:
        _log.debug('not released: %s', error)
