"""The builder and a calibrator: what is called, what is read, what is said."""
import struct

import numpy as np
import pytest

from tests.fakes import onnx_builder
from tests.fakes.tensorrt_double import Ended

from .steps import build, current_context, infer, parse, weighted_model

FRAME = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
#: Scales of input and output for amax 127 and 254.
CACHE = b'TRT-8201-EntropyCalibration2\nthermogram: 3f800000\nlogits: 40000000\n'


def make_calibrator(double, frames=(), cache=None, base='IInt8EntropyCalibrator2', fail=''):
    """A calibrator that notes its calls in `calls` and what it is given in `written`."""
    trt, driver = double.tensorrt, double.driver

    class Calibrator(getattr(trt, base)):
        def __init__(self):
            getattr(trt, base).__init__(self)
            self.left, self.calls, self.written = list(frames), [], None
            self.memory = driver.mem_alloc(FRAME.nbytes) if frames else None

        def _note(self, name):
            self.calls.append(name)
            if name == fail:
                raise ValueError('spoiled')

        def get_batch_size(self):
            self._note('get_batch_size')
            return 1

        def get_batch(self, names):
            self._note('get_batch')
            assert names == ['thermogram']
            if not self.left:
                return None
            driver.memcpy_htod(self.memory, np.ascontiguousarray(self.left.pop(0)))
            return [int(self.memory)]

        def read_calibration_cache(self):
            self._note('read_calibration_cache')
            return cache

        def write_calibration_cache(self, cache):
            self._note('write_calibration_cache')
            self.written = bytes(cache)

    return Calibrator()


def test_cache_is_enough(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    calibrator = make_calibrator(double, cache=CACHE)
    plan = build(double, weighted_model([0.1, 1.0]), ['INT8'], calibrator)
    assert calibrator.calls == ['read_calibration_cache'] and not double.messages('WARNING')
    answer = infer(double, plan, FRAME)['logits']
    np.testing.assert_allclose(answer[0, 1], FRAME[0, 0], rtol=1e-6)


def test_batches_are_read_from_the_device_and_a_cache_is_written(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    with current_context(double):
        calibrator = make_calibrator(double, [FRAME, -2 * FRAME])
        assert build(double, weighted_model([3.0]), ['INT8'], calibrator) is not None
        calibrator.memory.free()
    assert calibrator.calls == ['read_calibration_cache', 'get_batch_size'] + ['get_batch'] * 3 + [
        'write_calibration_cache']
    first, one, two = calibrator.written.decode().splitlines()
    assert first == 'TRT-8201-EntropyCalibration2'
    scale = struct.unpack('>f', bytes.fromhex(dict(line.split(': ') for line in (one, two))['logits']))[0]
    assert scale == pytest.approx(30 / 127)


def test_weights_become_8_bits_where_the_chip_has_them(tensorrt_double):
    kernel = np.float32([1, 0.333, 0.01]).reshape(1, 1, 1, 3)
    model = onnx_builder.model(
        [onnx_builder.node('Conv', ['thermogram', 'w'], ['logits'])], [('thermogram', onnx_builder.FLOAT, FRAME.shape)],
        [('logits', onnx_builder.FLOAT, (1, 1, 2, 1))], [onnx_builder.tensor('w', kernel)])
    for sm, rounded in ((72, True), (53, False)):
        double = tensorrt_double('8.2.1', sm=sm)
        answer = infer(double, build(double, model, ['INT8'], make_calibrator(double, cache=CACHE)), FRAME)['logits']
        used = np.float32([127, 42, 1]) / 127 if rounded else kernel.ravel()
        np.testing.assert_allclose(answer[0, 0, :, 0], FRAME[0, 0] @ used, rtol=1e-5)
        warned = [text for text in double.messages('WARNING') if 'without native Int8 support' in text]
        assert bool(warned) != rounded


def test_int8_and_fp16_on_a_nano_is_fp16(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=53)
    model, calibrator = weighted_model([1 / 3]), make_calibrator(double, cache=CACHE)
    both = infer(double, build(double, model, ['INT8', 'FP16'], calibrator), FRAME)['logits']
    half = infer(double, build(double, model, ['FP16']), FRAME)['logits']
    np.testing.assert_array_equal(both, half)


def test_without_any_range_there_is_nothing_to_go_by(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    assert build(double, weighted_model([1.0]), ['INT8']) is None
    assert 'Calibrator is not being used' in double.messages('WARNING')[0]
    assert 'no scaling factors detected' in double.messages('ERROR')[0]
    assert build(double, weighted_model([1.0]), ['INT8'], make_calibrator(double)) is None


def test_cache_that_misses_a_tensor_is_warned_of(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    short = b'\n'.join(CACHE.splitlines()[:2]) + b'\n'
    assert build(double, weighted_model([1.0]), ['INT8'], make_calibrator(double, cache=short)) is not None
    assert 'Missing scale and zero-point for tensor logits' in double.messages('WARNING')[0]


def test_header_of_another_release_is_refused_from_10_on(tensorrt_double):
    eight, ten = tensorrt_double('8.5.2', sm=72), tensorrt_double('10.3.0', sm=87)
    assert build(eight, weighted_model([1.0]), ['INT8'], make_calibrator(eight, cache=CACHE)) is not None
    assert build(ten, weighted_model([1.0]), ['INT8'], make_calibrator(ten, cache=CACHE)) is None
    assert ten.messages('ERROR')[0] == 'Calibration table does not match calibrator algorithm type.'
    local = CACHE.replace(b'8201', b'100300')
    assert build(ten, weighted_model([1.0]), ['INT8'], make_calibrator(ten, cache=local)) is not None


def test_algorithm_must_be_the_calibrator_s(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    wrong = make_calibrator(double, cache=CACHE, base='IInt8MinMaxCalibrator')
    assert wrong.get_algorithm().name == 'MINMAX_CALIBRATION'
    assert build(double, weighted_model([1.0]), ['INT8'], wrong) is None
    right = CACHE.replace(b'EntropyCalibration2', b'MinMaxCalibration')
    calibrator = make_calibrator(double, cache=right, base='IInt8MinMaxCalibrator')
    assert build(double, weighted_model([1.0]), ['INT8'], calibrator) is not None


@pytest.mark.parametrize('callback', ['read_calibration_cache', 'get_batch_size', 'get_batch'])
def test_callback_that_fails_ends_the_process_up_to_8_2_and_the_build_later(tensorrt_double, callback, capsys):
    double = tensorrt_double('8.2.1', sm=72)
    with pytest.raises(Ended, match='error_already_set.*\n.*ValueError: spoiled'):
        build(double, weighted_model([1.0]), ['INT8'], make_calibrator(double, fail=callback))
    double = tensorrt_double('8.5.2', sm=72)
    assert build(double, weighted_model([1.0]), ['INT8'], make_calibrator(double, fail=callback)) is None
    assert '[ERROR] Exception caught in %s(): ValueError: spoiled' % callback in capsys.readouterr().err


def test_logger_that_fails_ends_the_process_up_to_8_2(tensorrt_double, capsys):
    for version in ('8.2.1', '8.5.2'):
        double = tensorrt_double(version)

        class Failing(double.tensorrt.ILogger):
            def __init__(self, base=double.tensorrt.ILogger):
                base.__init__(self)

            def log(self, severity, msg):
                raise ValueError('spoiled')

        def parse(double=double, logger=Failing):
            network = double.tensorrt.Builder(logger()).create_network(1)
            return double.tensorrt.OnnxParser(network, logger()).parse(b'rubbish')

        if version == '8.2.1':
            with pytest.raises(Ended, match='spoiled'):
                parse()
        else:
            assert not parse() and 'Exception caught in log(): ValueError: spoiled' in capsys.readouterr().err


def test_dynamic_ranges_do_instead_of_a_calibrator(tensorrt_double):
    double = tensorrt_double('8.2.1', sm=72)
    builder, network, _ = parse(double, weighted_model([1.0]))
    config = builder.create_builder_config()
    config.set_flag(double.tensorrt.BuilderFlag.INT8)
    assert network.get_input(0).set_dynamic_range(-5, 5) and network.get_input(0).dynamic_range == (-5, 5)
    assert builder.build_serialized_network(network, config) is not None


def test_only_a_calibrator_can_be_set(tensorrt_double):
    double = tensorrt_double()
    config = double.tensorrt.Builder(double.tensorrt.Logger()).create_builder_config()
    with pytest.raises(TypeError):
        config.int8_calibrator = object()
    config.int8_calibrator = None
