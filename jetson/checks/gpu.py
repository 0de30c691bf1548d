"""Whether engines can run: TensorRT is one thing, and reaching the GPU through CUDA another."""
from typing import Optional

from service.backends.cuda import cuda_library, first_gpu
from service.backends.tensorrt_api import import_tensorrt, tensorrt_installed
from service.messages import OK, WARNING, BackendError, Message
from service.settings import Settings

_INSTEAD = 'ONNX Runtime runs the model.'


def check_gpu(settings: Settings) -> Optional[Message]:
    """Load TensorRT and ask the first GPU for its name. A machine without TensorRT runs no engine and needs no CUDA."""
    if not tensorrt_installed():
        return None
    try:
        version = str(import_tensorrt().__version__)
    except BackendError as error:
        return Message(error.code, '%s %s' % (error.message.sentence, _INSTEAD), error.message.next_step, WARNING,
                       'GPU', {'detail': error.detail})
    facts = {'tensorrt': version, 'cuda': settings.cuda}
    try:
        name, sm = first_gpu(settings.cuda)
        through = cuda_library(settings.cuda).__name__
    except BackendError as error:
        return Message(error.code, 'TensorRT %s is installed, but CUDA cannot be reached. %s %s'
                       % (version, error.message.sentence, _INSTEAD),
                       '%s Then build the engine: thermoscreen compile %s' % (error.message.next_step, settings.bundle),
                       WARNING, 'GPU', dict(facts, detail=error.detail))
    return Message('gpu-ok', 'TensorRT %s reaches %s (compute capability %d.%d) through %s.'
                   % ((version, name) + divmod(sm, 10) + ('pycuda' if through.startswith('pycuda') else 'the driver',)),
                   severity=OK, subject='GPU', facts=facts)
