"""Device memory, pinned memory and copies of the pycuda double."""
import numpy as np

from .contexts import plain_address
from .errors import INVALID_CONTEXT, INVALID_VALUE, failure
from .world import BadAddressError


def make_functions(world, queue_of):
    """mem_alloc, pagelocked_empty, the copies and their classes (dict name to object), bound to a world."""

    class DeviceAllocation:
        """Device memory that is freed when the last reference goes, or before by `free`."""

        def __init__(self, block):
            self._block = block

        def __int__(self):
            return self._block.address

        __index__ = __int__

        def free(self):
            if self._block.data is None:
                raise failure('device_allocation::free', INVALID_CONTEXT)
            world.release(self._block)

        def __del__(self):
            if self._block.data is not None:
                world.release(self._block)

    class PagelockedHostAllocation:
        """Base of a pinned array; alive as long as an array looks at it."""

        def __init__(self, shape, dtype, order, context):
            self._array = np.empty(shape, dtype, order)
            self._array.reshape(-1).view(np.uint8)[...] = 0xCB
            self._context = context
            world.pinned.add(self)

        def _home_of(self):
            return self._context

        @property
        def __array_interface__(self):
            return self._array.__array_interface__

        def covers(self, address):
            start = self._array.__array_interface__['data'][0]
            return start <= address < start + self._array.nbytes

        def free(self):
            world.pinned.discard(self)

    def mem_alloc(nbytes):
        context = world.need_context('cuMemAlloc')
        return DeviceAllocation(world.allocate(int(nbytes), context))

    def mem_get_info():
        world.need_context('cuMemGetInfo')
        return max(world.free_bytes(), 0), world.board.total_bytes

    def pagelocked_empty(shape, dtype, order='C', mem_flags=0):
        context = world.need_context('cuMemHostAlloc')
        return np.asarray(PagelockedHostAllocation(shape, dtype, order, context))

    def pagelocked_zeros(shape, dtype, order='C', mem_flags=0):
        array = pagelocked_empty(shape, dtype, order, mem_flags)
        array.fill(0)
        return array

    def pagelocked_empty_like(array, mem_flags=0):
        return pagelocked_empty(array.shape, array.dtype, 'C', mem_flags)

    def pagelocked_zeros_like(array, mem_flags=0):
        return pagelocked_zeros(array.shape, array.dtype, 'C', mem_flags)

    def is_pinned(array):
        return any(holder.covers(array.ctypes.data) for holder in list(world.pinned))

    def check_range(address, nbytes, call):
        try:
            world.view(address, nbytes)
        except BadAddressError:
            raise failure(call, INVALID_VALUE)

    def to_device(address, source):
        world.view(address, source.nbytes)[...] = source

    def to_host(target, address):
        target[...] = world.view(address, target.nbytes)

    def memcpy_htod(dest, src):
        context, address, source = prepare('cuMemcpyHtoD', dest, src)
        context._drain_all('cuMemcpyHtoD')
        to_device(address, source)

    def memcpy_htod_async(dest, src, stream=None):
        context, address, source = prepare('cuMemcpyHtoDAsync', dest, src)
        # The driver has copied ordinary memory aside before it returns; pinned memory is read when its turn comes.
        source = source if is_pinned(source) else source.copy()
        queue_of(context, stream).add(lambda: to_device(address, source))

    def memcpy_dtoh(dest, src):
        context, address, target = prepare('cuMemcpyDtoH', src, dest, write=True)
        context._drain_all('cuMemcpyDtoH')
        to_host(target, address)

    def memcpy_dtoh_async(dest, src, stream=None):
        context, address, target = prepare('cuMemcpyDtoHAsync', src, dest, write=True)
        queue = queue_of(context, stream)
        queue.add(lambda: to_host(target, address))
        if not is_pinned(target):  # into ordinary memory the call returns when all is done
            queue.drain('cuMemcpyDtoHAsync')

    def memcpy_dtod(dest, src, size):
        context = world.need_context('cuMemcpyDtoD')
        context._drain_all('cuMemcpyDtoD')
        copy_inside(plain_address(dest, 'cuMemcpyDtoD'), plain_address(src, 'cuMemcpyDtoD'), size, 'cuMemcpyDtoD')()

    def memcpy_dtod_async(dest, src, size, stream=None):
        context, call = world.need_context('cuMemcpyDtoDAsync'), 'cuMemcpyDtoDAsync'
        queue_of(context, stream).add(copy_inside(plain_address(dest, call), plain_address(src, call), size, call))

    def copy_inside(dest, src, size, call):
        check_range(dest, size, call)
        check_range(src, size, call)
        return lambda: to_host(world.view(dest, size), src)

    def memset_d8(dest, data, count):
        context = world.need_context('cuMemsetD8')
        address = plain_address(dest, 'cuMemsetD8')
        check_range(address, count, 'cuMemsetD8')
        context._drain_all('cuMemsetD8')
        world.view(address, count)[...] = data

    def prepare(call, device, host, write=False):
        """Current context, address and the bytes of the host buffer (uint8 view)."""
        context = world.need_context(call)
        address = plain_address(device, call)
        view = memoryview(host)
        if not (view.c_contiguous or view.f_contiguous):
            raise ValueError('ndarray is not contiguous')
        if write and view.readonly:
            raise BufferError('Object is not writable.')
        flat = np.asarray(host) if isinstance(host, np.ndarray) else np.frombuffer(view, np.uint8)
        flat = flat.reshape(-1, order='A' if flat.flags.c_contiguous else 'F').view(np.uint8)
        check_range(address, flat.nbytes, call)
        return context, address, flat

    return {name: value for name, value in locals().items() if name in (
        'DeviceAllocation', 'PagelockedHostAllocation', 'mem_alloc', 'mem_get_info', 'pagelocked_empty',
        'pagelocked_zeros', 'pagelocked_empty_like', 'pagelocked_zeros_like', 'memcpy_htod', 'memcpy_htod_async',
        'memcpy_dtoh', 'memcpy_dtoh_async', 'memcpy_dtod', 'memcpy_dtod_async', 'memset_d8')}
