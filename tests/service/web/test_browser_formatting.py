"""How the page writes numbers, asked of its own modules."""
import pytest

pytestmark = pytest.mark.browser

CELSIUS, RELATIVE = {'unit': 'celsius'}, {'unit': 'relative'}


@pytest.fixture
def words(serve, stub, camera, visit):
    """Calls a function of formatting.js."""
    page = visit(serve(stub, camera)).go('/healthz').page
    return lambda name, *arguments: page.evaluate(
        "([name, list]) => import('/static/js/formatting.js').then((module) => module[name](...list))",
        [name, list(arguments)])


def test_numbers(words):
    assert words('number', 31.449, 1) == '31.4'
    assert words('number', -0.04, 1) == '0.0'
    assert words('number', None, 1) == '\u2013'
    assert words('signed', 0.94, 1) == '+0.9' and words('signed', -0.94, 1) == '\u22120.9'
    assert words('signed', 0.0, 1) == '0.0'
    assert words('seconds', 640) == '0.6 s' and words('seconds', 12400) == '12 s'


@pytest.mark.parametrize('mean, digits', [(1.04, 2), (-0.96, 2), (0.94, 1), (1.06, 1)])
def test_a_difference_never_reads_as_the_threshold_it_is_above(words, mean, digits):
    difference = {'mean': mean, 'threshold_c': 1.0}
    assert words('digitsOf', difference, CELSIUS) == digits
    assert words('digitsOf', difference, RELATIVE) == 1


def test_names(words):
    assert words('regionWord', 'left_breast') == 'left breast'
    assert words('stageWord', 'infer') == 'network' and words('stageWord', 'some_new-stage') == 'some new stage'
    assert words('backendWords', {'name': 'tensorrt', 'precision': 'fp16'}) == 'TensorRT FP16'
    assert words('backendWords', {'name': 'onnxruntime', 'provider': 'CPUExecutionProvider',
                                  'precision': 'fp32'}) == 'ONNX Runtime FP32'
    assert words('backendWords', {'name': 'onnxruntime', 'provider': 'CUDAExecutionProvider',
                                  'precision': 'fp16'}) == 'ONNX Runtime CUDA FP16'
    assert words('backendWords', {}) == ''
