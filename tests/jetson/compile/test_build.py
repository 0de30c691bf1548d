"""One build: errors name the node that TensorRT cannot read or build, and Q/DQ on a GPU without INT8."""
import io

import pytest

from calibration.cache import write_cache
from jetson.compile import Progress, Route
from jetson.compile.build import TimingCache, build_plan
from service.backends.cuda import CudaContext
from service.backends.tensorrt_api import LogLines, make_logger
from service.bundle import open_bundle
from service.messages import BackendError, InputError
from tests.fakes import bundles
from tests.fakes.onnx_builder import FLOAT, model, node
from tests.fakes.variants import document, files, network

from .bench import build

PLAIN, QDQ = Route('fp32', 'fp32', 'plain'), Route('int8', 'int8-qdq', 'qdq')
LATER = model([node('HardSwish', ['thermogram'], ['finding'])], [('thermogram', FLOAT, (1, 1, 4, 4))],
              [('finding', FLOAT, (1, 1, 4, 4))], opset=14)


def run(double, onnx, route, tmp_path, workspace_mib=256):
    trt, lines = double.tensorrt, LogLines()
    with CudaContext():
        return build_plan(trt, make_logger(trt, lines), lines, onnx, route,
                          TimingCache(str(tmp_path / 'timings'), print), workspace_mib, False, None,
                          Progress(io.StringIO()))


def refused(double, onnx, route, tmp_path):
    with pytest.raises(BackendError) as caught:
        run(double, onnx, route, tmp_path)
    assert '\n' not in caught.value.message.text and double.leaks() == []
    return caught.value


@pytest.mark.parametrize('version, words', [('8.2.1', 'node 0: '), ('8.0.1', 'node 0: ')])
def test_a_node_without_an_importer_is_named(tensorrt_double, tmp_path, version, words):
    error = refused(tensorrt_double(version=version), LATER, PLAIN, tmp_path)
    assert error.code == 'engine-parse' and words in error.message.text and 'HardSwish' in error.message.text
    assert 'thermoscreen check' in error.message.text


def test_from_10_on_the_node_has_its_name_and_operator(tensorrt_double, tmp_path):
    foreign = model([node('Odd', ['thermogram'], ['finding'], domain='com.example')],
                    [('thermogram', FLOAT, (1, 1, 4, 4))], [('finding', FLOAT, (1, 1, 4, 4))],
                    domains=[('com.example', 1)])
    error = refused(tensorrt_double(version='10.3.0', sm=87), foreign, PLAIN, tmp_path)
    assert 'node 0 finding Odd: ' in error.message.text


@pytest.mark.parametrize('onnx', [b'', b'rubbish', network()[:-40]])
def test_an_incomplete_model_is_refused(tensorrt_double, tmp_path, onnx):
    assert refused(tensorrt_double(), onnx, PLAIN, tmp_path).code == 'engine-parse'


@pytest.mark.parametrize('version', ['8.2.1', '10.3.0', '11.4.0'])
def test_qdq_on_a_chip_without_int8_is_refused_with_fp16_offered(tensorrt_double, tmp_path, version):
    error = refused(tensorrt_double(version=version, sm=53), network('int8-qdq'), QDQ, tmp_path)
    assert error.code == 'precision-unsupported' and '--precision fp16' in error.message.text
    assert 'require hardware with Int8 support' in error.detail


@pytest.mark.parametrize('version, sm', [('8.0.1', 53), ('8.2.1', 53), ('8.5.2', 72), ('11.4.0', 90)])
def test_kernels_get_the_memory_that_was_asked_for(tensorrt_double, tmp_path, version, sm):
    double = tensorrt_double(version=version, sm=sm)
    assert run(double, network(), PLAIN, tmp_path, workspace_mib=64).plan
    assert not [line for line in double.messages() if 'sufficient workspace' in line]


def test_a_builder_that_runs_out_of_memory_is_reported(tensorrt_double, tmp_path, monkeypatch):
    double = tensorrt_double()

    def raising(self, network, config):
        raise MemoryError('std::bad_alloc')

    monkeypatch.setattr(double.tensorrt.Builder, 'build_serialized_network', raising)
    error = refused(double, network(), PLAIN, tmp_path)
    assert error.code == 'engine-memory' and '--no-cublas' in error.message.text


def test_a_builder_that_gives_up_is_quoted(tensorrt_double, tmp_path, monkeypatch):
    double = tensorrt_double()

    def refusing(self, network, config):
        self.logger.log(double.tensorrt.ILogger.ERROR, 'Something went wrong in here.')

    monkeypatch.setattr(double.tensorrt.Builder, 'build_serialized_network', refusing)
    error = refused(double, network(), PLAIN, tmp_path)
    assert error.code == 'engine-build' and 'Something went wrong in here.' in error.message.text


@pytest.mark.parametrize('version, sm, flags', [('8.5.2', 72, ['FP16', 'INT8', 'TF32']),
                                                ('8.2.1', 61, ['INT8', 'TF32'])])
def test_layers_without_ranges_are_in_fp16_where_that_is_native(tensorrt_double, tmp_path, monkeypatch, version, sm,
                                                               flags):
    double = tensorrt_double(version=version, sm=sm)
    assert _flags_of(double, monkeypatch, network('int8-qdq'), QDQ, tmp_path) == flags


@pytest.mark.parametrize('version, sm', [('8.6.1', 87), ('11.4.0', 90)])
def test_fp32_does_not_use_tf32(tensorrt_double, tmp_path, monkeypatch, version, sm):
    double = tensorrt_double(version=version, sm=sm)
    assert _flags_of(double, monkeypatch, network(), PLAIN, tmp_path) == []


def _flags_of(double, monkeypatch, onnx, route, tmp_path):
    """Names of the builder flags that a build is started with."""
    real, seen = double.tensorrt.Builder.build_serialized_network, []

    def watching(self, network, config):
        kinds = double.tensorrt.BuilderFlag.__members__
        seen.extend(name for name in sorted(kinds) if config.get_flag(kinds[name]))
        return real(self, network, config)

    monkeypatch.setattr(double.tensorrt.Builder, 'build_serialized_network', watching)
    assert run(double, onnx, route, tmp_path).plan
    return seen


def test_a_cache_of_whole_ranges_is_refused(tensorrt_double, store, tmp_path):
    tensorrt_double(version='8.5.2', sm=72)
    contents = files()
    contents['calibration.cache'] = write_cache({'thermogram': 1.0})  # and not a 127th of it
    bundle = open_bundle(bundles.write(tmp_path / 'bundle', document(), contents))
    with pytest.raises(InputError) as caught:
        build(bundle, store, 'int8')
    assert caught.value.code == 'cache-not-divided' and store.list() == []


@pytest.mark.parametrize('version, sm, names', [('8.2.1', 53, {'min_timing_iterations': 3, 'avg_timing_iterations': 2}),
                                                ('10.3.0', 87, {'avg_timing_iterations': 2})])
def test_kernels_are_timed_while_the_clock_still_rises(tensorrt_double, tmp_path, monkeypatch, version, sm, names):
    double = tensorrt_double(version=version, sm=sm)
    real, seen = double.tensorrt.Builder.build_serialized_network, {}

    def watching(self, network, config):
        seen.update({name: getattr(config, name) for name in names})
        return real(self, network, config)

    monkeypatch.setattr(double.tensorrt.Builder, 'build_serialized_network', watching)
    assert run(double, network(), PLAIN, tmp_path).plan and seen == names


def test_a_logger_that_fails_does_not_end_the_build(tensorrt_double, bundle, store, monkeypatch):
    tensorrt_double()
    monkeypatch.setattr(LogLines, 'take', _failing)
    compiled = build(bundle, store)
    assert 'messages of TensorRT were lost (spoiled)' in compiled.notes[0]


def _failing(self, severity, message):
    raise ValueError('spoiled')
