"""Whether there is memory for the model."""
from service.messages import OK, PROBLEM, WARNING, Message

from ..platform import RealPlatform

_MIB = 1 << 20
#: CUDA, cuBLAS and cuDNN of TensorRT 8.2 take 640 to 680 MiB of a Nano before any weights (logs of trtexec); Python
#: and the program come on top.
_LITTLE_BYTES = 1000 * _MIB
#: Below this the kernel is about to end programs.
_NONE_BYTES = 250 * _MIB


def check(settings, platform=None):
    """Look at what programs can still get."""
    with platform or RealPlatform() as machine:
        memory = machine.telemetry().memory
        desktop = 'The desktop takes up to 800 MB: sudo systemctl set-default multi-user.target, then restart.'\
            if machine.is_jetson else 'Close other programs.'
    if memory is None or memory.available_bytes is None:
        return None
    facts = {'available_bytes': memory.available_bytes, 'total_bytes': memory.total_bytes}
    words = '%.0f of %.0f MiB of memory are available' % (memory.available_bytes / float(_MIB),
                                                          memory.total_bytes / float(_MIB))
    if memory.available_bytes < _NONE_BYTES:
        return Message('memory-low', words + ', too little for anything.', desktop, PROBLEM, 'memory', facts)
    if memory.available_bytes < _LITTLE_BYTES:
        return Message('memory-low', words + '; where thermoscreen does not run yet, its model may not fit.', desktop,
                       WARNING, 'memory', facts)
    return Message('memory-ok', words + '.', severity=OK, subject='memory', facts=facts)
