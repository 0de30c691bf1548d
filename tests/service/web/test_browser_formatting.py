"""How the page writes numbers, asked of its own modules."""
import pytest

pytestmark = pytest.mark.browser

CELSIUS, RELATIVE = {'unit': 'celsius'}, {'unit': 'relative'}


@pytest.fixture
def call(common_port, visit):
    """Calls a function of formatting.js."""
    page = visit(common_port).go('/healthz').page
    return lambda name, *arguments: page.evaluate(
        "([name, list]) => import('/static/js/formatting.js').then((module) => module[name](...list))",
        [name, list(arguments)])


def test_numbers(call):
    assert call('number', 31.449, 1) == '31.4'
    assert call('number', -0.04, 1) == '0.0'
    assert call('number', None, 1) == '\u2013'
    assert call('signed', 0.94, 1) == '+0.9' and call('signed', -0.94, 1) == '\u22120.9'
    assert call('signed', 0.0, 1) == '0.0'
    assert call('seconds', 640) == '0.6 s' and call('seconds', 12400) == '12 s'


def test_a_difference_never_reads_as_the_threshold_it_is_above(call):
    for mean, digits in [(1.04, 2), (-0.96, 2), (0.94, 1), (1.06, 1)]:
        difference = {'mean': mean, 'threshold_c': 1.0}
        assert call('digitsOf', difference, CELSIUS) == digits, mean
        assert call('digitsOf', difference, RELATIVE) == 1


def test_names(call):
    assert call('regionName', 'left_breast') == 'left breast'
    assert call('stageName', 'infer') == 'network' and call('stageName', 'some_new-stage') == 'some new stage'
    assert call('backendName', {'name': 'tensorrt', 'precision': 'fp16'}) == 'TensorRT FP16'
    assert call('backendName', {'name': 'onnxruntime', 'provider': 'CPUExecutionProvider',
                                 'precision': 'fp32'}) == 'ONNX Runtime FP32'
    assert call('backendName', {'name': 'onnxruntime', 'provider': 'CUDAExecutionProvider',
                                 'precision': 'fp16'}) == 'ONNX Runtime CUDA FP16'
    assert call('backendName', {}) == ''
