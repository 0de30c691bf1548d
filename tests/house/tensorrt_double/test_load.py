"""Plans that do not fit: another release, another chip, damaged; and loggers."""
import numpy as np
import pytest

from tests.fakes.onnx_builder import tiny_model

from .steps import build, infer, load, make_logger, parse


@pytest.fixture
def plan(double):
    return build(double, tiny_model())


def test_plan_of_another_release(double, plan):
    other = double.move(version='8.0.1')
    assert load(other, plan) is None
    assert other.messages('ERROR')[0] == (
        '6: The engine plan file is not compatible with this version of TensorRT, expecting library version 8.0.1 got '
        '8.2.1, please rebuild.')
    assert 'Engine deserialization failed' in other.messages('ERROR')[1]


def test_plan_of_another_chip(double, plan):
    other = double.move(sm=72)
    assert load(other, plan) is None
    assert 'expecting compute 7.2 got compute 5.3' in other.messages('ERROR')[0]


def test_plan_of_another_board_with_the_same_chip(double, plan):
    # The device's name stands in the plan; 52 and 52 would be two boards, and the double knows one of each.
    renamed = plan.replace(b'NVIDIA Tegra X1', b'NVIDIA Tegra X9')
    assert load(double, renamed) is None  # its checksum is wrong
    other = double.move()
    other._world.board.device = 'NVIDIA Tegra X1 (2 GB)'
    assert load(other, plan) is not None
    assert 'different models of devices is not recommended' in other.messages('WARNING')[0]


@pytest.mark.parametrize('spoil', [
    lambda plan: b'', lambda plan: b'rubbish', lambda plan: plan[:40], lambda plan: plan[:-1], lambda plan: plan + b'x',
    lambda plan: plan[:-5] + b'\0' + plan[-4:], lambda plan: b'x' + plan[1:]])
def test_damaged_plan(double, plan, spoil):
    assert load(double, plan) is not None
    assert load(double, spoil(plan)) is None
    assert double.messages('ERROR')


def test_plan_must_be_a_buffer(double, plan):
    runtime = double.tensorrt.Runtime(make_logger(double.tensorrt))
    for wrong in (None, 'plan', 3):
        with pytest.raises(TypeError):
            runtime.deserialize_cuda_engine(wrong)
    for good in (bytearray(plan), memoryview(plan), np.frombuffer(plan, np.uint8)):
        assert runtime.deserialize_cuda_engine(good) is not None


def test_plan_begins_as_newer_plans_do(plan):
    words = np.frombuffer(plan[:8], '<u4')
    assert words[0] == 0x74727466 and words[1] == 0 and list(plan[24:28]) == [8, 2, 1, 0]


def test_logger_must_be_a_logger_and_be_begun(double):
    trt = double.tensorrt

    class Forgetful(trt.ILogger):
        def __init__(self):
            self.said = []

        def log(self, severity, msg):
            self.said.append(msg)

    with pytest.raises(TypeError, match='must be called when overriding __init__'):
        Forgetful()
    with pytest.raises(TypeError, match='ILogger'):
        trt.Builder(print)


def test_logger_that_comes_along_prints_what_is_severe_enough(double, capsys):
    trt = double.tensorrt
    logger = trt.Logger()
    assert logger.min_severity == trt.Logger.WARNING
    logger.log(trt.Logger.INFO, 'a')
    logger.log(trt.Logger.WARNING, 'b')
    logger.min_severity = trt.Logger.VERBOSE
    logger.log(trt.Logger.Severity.VERBOSE, 'c')
    assert capsys.readouterr().err == '[TRT] [W] b\n[TRT] [V] c\n'
    assert trt.Runtime(trt.Logger(trt.Logger.ERROR)).logger.min_severity == trt.Logger.ERROR


def test_caller_s_logger_hears_everything(double):
    builder, network, _ = parse(double, tiny_model())
    builder.build_serialized_network(network, builder.create_builder_config())
    said = builder.logger.said
    assert [text for _, text in said] == double.messages() and len(said) > 5
    assert {severity.name for severity, _ in said} == {'INFO', 'VERBOSE'}


def test_no_device(tensorrt_double):
    double = tensorrt_double(no_device=True)
    with pytest.raises(double.driver.RuntimeError, match='no CUDA-capable device'):
        double.driver.init()
    for kind in (double.tensorrt.Builder, double.tensorrt.Runtime):
        logger = make_logger(double.tensorrt)
        with pytest.raises(TypeError, match='factory function returned nullptr'):
            kind(logger)
        assert 'CUDA initialization failure' in logger.said[0][1]


def test_engine_that_does_not_fit_into_memory(double, plan):
    double.faults.out_of_memory = 100
    assert load(double, plan) is None and 'could not be allocated' in double.messages('ERROR')[0]
    double.faults.out_of_memory = 100000
    engine = load(double, plan)
    assert engine.create_execution_context() is None
    double.faults.out_of_memory = False
    assert engine.create_execution_context() is not None


def test_engine_that_goes_gives_its_memory_back(double, plan):
    free = double._world.free_bytes()
    engine = load(double, plan)
    assert double._world.free_bytes() < free
    del engine
    assert double._world.free_bytes() == free


def test_serialised_again_it_is_the_same_plan(double, plan):
    again = bytes(load(double, plan).serialize())
    assert again == plan
    frame = np.ones((1, 1, 48, 64), np.float32)
    assert (infer(double, again, frame)['labels'] == 1).all()
