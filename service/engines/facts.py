"""What the machine offers an engine, asked of its libraries and its files."""
from ..backends.tensorrt_api import import_tensorrt
from ..machine import board_facts
from ..messages import BackendError


def machine_facts(root='/'):
    """What an engine of this machine is keyed by.

    Args:
        root (str): folder that stands for ``/`` where the board is looked up.
    Returns:
        dict: ``tensorrt`` (str, ``''`` where there is none), ``sm`` (int, or None where no GPU answers),
        ``board`` and ``power_mode`` (str). Never raises for what is absent.
    """
    board = board_facts(root)
    gpu, sm = _gpu()
    # A PC's files name its processor; what an engine is tied to is the GPU.
    named = board['board'] if board['sm'] is not None or not gpu else gpu
    return {'tensorrt': _tensorrt(), 'sm': sm if sm is not None else board['sm'], 'board': named,
            'power_mode': board['power_mode']}


def _tensorrt():
    try:
        return str(import_tensorrt().__version__)
    except BackendError:
        return ''


def _gpu():
    """(name, compute capability times ten) of the first GPU, or ``('', None)``."""
    try:
        import pycuda.driver as cuda

        cuda.init()
        device = cuda.Device(0)
        major, minor = device.compute_capability()
        return str(device.name()), 10 * major + minor
    except Exception:  # without a driver the import itself raises, with one but no GPU pycuda's own classes do
        return '', None
