"""A network small enough to export in every test run."""
import pytest


@pytest.fixture(scope='session')
def small_network():
    """Region scores 8x48x64 and one finding of pictures 1x48x64, first weights."""
    torch = pytest.importorskip('torch', reason='PyTorch is not installed here')
    from .test_onnx_export import Small

    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture(scope='session')
def small_model(small_network):
    """The same as an ONNX file (bytes)."""
    pytest.importorskip('onnx', reason='onnx is not installed here')
    from export.onnx_export import make_onnx

    return make_onnx(small_network, 48, 64).SerializeToString()
