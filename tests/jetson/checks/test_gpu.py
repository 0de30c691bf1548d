"""Whether TensorRT and CUDA can be reached, each by itself."""
import sys
import types

import pytest

from jetson.checks.gpu import check_gpu
from service.backends.tensorrt_api import import_tensorrt, tensorrt_installed
from service.messages import OK, WARNING, BackendError
from service.settings import Settings


def test_it_does_not_concern_a_machine_without_tensorrt(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    assert check_gpu(Settings()) is None and not tensorrt_installed()


@pytest.mark.parametrize('cuda, through', [('pycuda', 'pycuda'), ('driver', 'the driver')])
def test_a_board_whose_engines_can_run(tensorrt_double, cuda, through):
    double = tensorrt_double(cuda=cuda)
    message = check_gpu(Settings())
    assert message.severity == OK and message.subject == 'GPU'
    assert message.sentence == 'TensorRT 8.2.1.8 reaches NVIDIA Tegra X1 (compute capability 5.3) through %s.' % through
    assert not any(double.alive().values())


@pytest.mark.parametrize('cuda', ['auto', 'driver', 'pycuda'])
def test_tensorrt_without_cuda(tensorrt_double, monkeypatch, cuda):
    tensorrt_double()
    monkeypatch.setitem(sys.modules, 'pycuda', None)
    monkeypatch.setitem(sys.modules, 'pycuda.driver', None)
    message = check_gpu(Settings(cuda=cuda))
    assert (message.severity, message.code) == (WARNING, 'cuda-missing')
    assert message.sentence.startswith('TensorRT 8.2.1.8 is installed, but CUDA cannot be reached. ')
    assert message.sentence.endswith('ONNX Runtime runs the model.') and 'thermoscreen compile' in message.next_step


@pytest.mark.parametrize('cuda', ['driver', 'pycuda'])
def test_a_driver_without_a_device(tensorrt_double, cuda):
    tensorrt_double(cuda=cuda, no_device=True)
    message = check_gpu(Settings())
    assert 'no CUDA-capable device is detected' in message.sentence and 'group video' in message.next_step


@pytest.mark.parametrize('broken', ['namespace', 'library'])
def test_tensorrt_that_is_installed_in_part(monkeypatch, tmp_path, broken):
    monkeypatch.delitem(sys.modules, 'tensorrt', raising=False)
    (tmp_path / 'tensorrt').mkdir()
    if broken == 'library':
        (tmp_path / 'tensorrt' / '__init__.py').write_text(
            'raise ImportError("libnvinfer.so.8: cannot open shared object file: No such file or directory")\n')
    monkeypatch.setattr(sys, 'path', [str(tmp_path)] + sys.path)
    try:
        message = check_gpu(Settings())
    finally:
        sys.modules.pop('tensorrt', None)
    assert (message.severity, message.code) == (WARNING, 'tensorrt-broken') and 'ONNX Runtime' in message.sentence
    assert ('its package is empty' if broken == 'namespace' else 'libnvinfer.so.8') in message.sentence


def test_an_empty_module_is_no_tensorrt(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', types.ModuleType('tensorrt'))
    with pytest.raises(BackendError) as caught:
        import_tensorrt()
    assert caught.value.code == 'tensorrt-broken' and '--reinstall' in caught.value.message.next_step
