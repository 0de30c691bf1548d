"""A fake pycuda 2022.1: contexts, streams, device memory and copies within this process.

Only names that pycuda has are offered. Asynchronous work happens when somebody waits for it; memory that nobody
wrote is not zero; a context belongs to a thread; a device that has failed stays failed. Use it through
`tests.fakes.tensorrt_double.install`.
"""
import types

from . import contexts, errors, memory, streams
from .world import BadAddressError, Block, World

__all__ = ['BadAddressError', 'Block', 'World', 'errors', 'make_modules']

_ERRORS = ('Error', 'MemoryError', 'LogicError', 'LaunchError', 'RuntimeError')


class _Flags:
    """Numbers of cuda.h under the names that pycuda gives them."""

    def __init__(self, **numbers):
        self.__dict__.update(numbers)


def make_modules(world, cuda_version):
    """The modules `pycuda` and `pycuda.driver` over one world.

    Args:
        world (World): the fake GPU.
        cuda_version (tuple): major, minor and patch of the fake CUDA.
    Returns:
        dict: module by its full name.
    """
    package, driver = types.ModuleType('pycuda'), types.ModuleType('pycuda.driver')
    package.__path__ = []
    package.VERSION, package.VERSION_TEXT, package.VERSION_STATUS = (2022, 1), '2022.1', ''
    package.driver = driver
    device, context = contexts.make_classes(world)
    stream, event, queue_of = streams.make_classes(world)

    def init(flags=0):
        if world.faults.no_device:
            raise errors.failure('cuInit', errors.NO_DEVICE)
        world.initialised = True

    def get_version():
        return tuple(cuda_version)

    def get_driver_version():
        return cuda_version[0] * 1000 + cuda_version[1] * 10

    names = dict({name: getattr(errors, name) for name in _ERRORS}, init=init, get_version=get_version,
                 get_driver_version=get_driver_version, Device=device, Context=context, Stream=stream, Event=event)
    names.update(memory.make_functions(world, queue_of))
    names['ctx_flags'] = _Flags(SCHED_AUTO=0, SCHED_SPIN=1, SCHED_YIELD=2, SCHED_BLOCKING_SYNC=4, BLOCKING_SYNC=4,
                                MAP_HOST=8, LMEM_RESIZE_TO_MAX=16)
    names['event_flags'] = _Flags(DEFAULT=0, BLOCKING_SYNC=1, DISABLE_TIMING=2)
    names['host_alloc_flags'] = _Flags(PORTABLE=1, DEVICEMAP=2, WRITECOMBINED=4)
    for name, value in names.items():
        setattr(driver, name, value)
    return {'pycuda': package, 'pycuda.driver': driver}
