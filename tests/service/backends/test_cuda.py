"""Which CUDA errors end the process."""
import subprocess
import sys

import pytest

from service.backends.cuda import LOST_EXIT_CODE, is_lasting

SCRIPT = '''
import atexit, logging, sys, threading
from service.backends.cuda import end_process
logging.basicConfig(format='%(levelname)s %(message)s')
atexit.register(lambda: sys.stdout.write('cleaned up'))
threading.Thread(target=end_process, args=('an illegal memory access was encountered',), daemon=True).start()
threading.Event().wait(60)
'''


@pytest.mark.parametrize('text', [
    'cuStreamSynchronize failed: an illegal memory access was encountered',
    'cuStreamSynchronize failed: unspecified launch failure',
    'cuMemcpyHtoDAsync failed: launch failed',
    'cuMemcpyHtoDAsync failed: illegal address',
    'the launch timed out and was terminated',
    'cuCtxPushCurrent failed: invalid device context',
    'context is destroyed',
    'Uncorrectable ECC error encountered',
    '1: [convolutionRunner.cpp::executeConv::465] Error Code 1: Cudnn (CUDNN_STATUS_EXECUTION_FAILED); '
    'Cuda Runtime (misaligned address)',
])
def test_lasting_errors_are_recognised_by_their_wording(text):
    assert is_lasting(text)


@pytest.mark.parametrize('text', ['cuMemAlloc failed: out of memory', 'it did not say why', '',
                                  'cuMemcpyHtoDAsync failed: invalid value', 'Parameter check failed at: engine.cpp'])
def test_other_errors_do_not_last(text):
    assert not is_lasting(text)


def test_the_process_ends_at_once_with_a_code_and_one_line(root):
    process = subprocess.run([sys.executable, '-c', SCRIPT], cwd=str(root), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=60)
    assert process.returncode == LOST_EXIT_CODE == 79
    lines = process.stderr.decode().splitlines()
    assert len(lines) == 1 and 'CRITICAL The GPU is lost (an illegal memory access was encountered)' in lines[0]
    assert process.stdout == b''
