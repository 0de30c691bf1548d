"""Calibrators answer TensorRT's questions and keep what goes wrong; chosen frames represent the others."""
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.cache import read_cache, scale_of, write_cache
from calibration.calibrators import cache_calibrator, choose_frames, describe_frame, entropy_calibrator
from service.messages import BackendError, InputError, StorageError
from tests.fakes.onnx_builder import tiny_model
from tests.fakes.tensorrt_double import install

CACHE = write_cache({'thermogram': scale_of(1), 'confidence': scale_of(1), 'finding': scale_of(1)}, version='7.1.3')


class Abstract:
    """The base class as bindings have it: a subclass that skips its __init__ cannot be used."""

    made = False

    def __init__(self):
        self.made = True


class Memory:
    """pycuda.driver as far as a calibrator needs it: buffers at addresses, copies counted."""

    def __init__(self):
        self.held, self.copied = {}, []

    def mem_alloc(self, size):
        memory = self

        class Buffer:
            def __int__(self):
                return 4096

            def free(self):
                del memory.held[id(self)]

        buffer = Buffer()
        self.held[id(buffer)] = size
        return buffer

    def memcpy_htod(self, buffer, array):
        assert self.held[id(buffer)] == array.nbytes and array.flags['C_CONTIGUOUS']
        self.copied.append(array.copy())


def _trt(version='8.2.1.8'):
    return types.SimpleNamespace(__version__=version, IInt8EntropyCalibrator2=Abstract)


def _batches(count=3, shape=(2, 1, 4, 6)):
    return [np.full(shape, number / 10.0, np.float32) for number in range(count)]


@pytest.mark.parametrize('version, number', [('8.0.1.6', b'8001'), ('10.3.0', b'100300')])
def test_cache_calibrator_answers_from_the_cache(version, number):
    calibrator = cache_calibrator(_trt(version), CACHE)
    assert isinstance(calibrator, Abstract) and calibrator.made
    assert calibrator.get_batch(['thermogram']) is None and calibrator.get_batch_size() == 1
    header, lines = calibrator.read_calibration_cache().split(b'\n', 1)
    assert header == b'TRT-' + number + b'-EntropyCalibration2' and lines == CACHE.split(b'\n', 1)[1]
    assert calibrator.write_calibration_cache(b'other') is None
    assert calibrator.read_calibration_cache().endswith(lines)


def test_cache_that_would_quantise_wrongly_makes_no_calibrator():
    wrong = write_cache({'thermogram': 1.0})
    with pytest.raises(InputError) as caught:
        cache_calibrator(_trt(), wrong, {'thermogram': 1.0})
    assert caught.value.code == 'cache-not-divided'


@pytest.mark.parametrize('make', [lambda trt: cache_calibrator(trt, CACHE),
                                  lambda trt: entropy_calibrator(trt, Memory(), _batches(), '/nowhere')])
def test_tensorrt_without_calibrators_is_refused_in_words(make):
    with pytest.raises(BackendError) as caught:
        make(types.SimpleNamespace(__version__='11.4.0'))
    assert caught.value.code == 'calibrator-missing' and 'int8-qdq' in caught.value.message.text


def test_entropy_calibrator_hands_every_batch_over_once(tmp_path):
    memory, batches = Memory(), _batches()
    calibrator = entropy_calibrator(_trt(), memory, iter(batches), str(tmp_path / 'c.cache'))
    assert calibrator.made and calibrator.get_batch_size() == 2 and calibrator.read_calibration_cache() is None
    assert not memory.held
    for batch in batches:
        assert calibrator.get_batch(['thermogram']) == [4096]
        np.testing.assert_array_equal(memory.copied[-1], batch)
    assert calibrator.get_batch(['thermogram']) is None and calibrator.get_batch(['thermogram']) is None
    assert len(memory.copied) == 3 and not memory.held and calibrator.problem is None


def test_what_tensorrt_found_is_kept_and_read_under_another_version(tmp_path):
    path = tmp_path / 'c.cache'
    entropy_calibrator(_trt(), Memory(), _batches(), str(path)).write_calibration_cache(memoryview(CACHE))
    assert path.read_bytes() == CACHE
    again = entropy_calibrator(_trt('8.5.2'), Memory(), _batches(), str(path))
    assert again.read_calibration_cache().startswith(b'TRT-8502-')


def test_existing_cache_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / 'c.cache'
    path.write_bytes(CACHE[:-3])
    with pytest.raises(InputError) as caught:
        entropy_calibrator(_trt(), Memory(), _batches(), str(path))
    assert caught.value.code == 'cache-truncated'


@pytest.mark.parametrize('batches, code', [
    ([], 'calibration-empty'), ([np.zeros((1, 1, 4, 6))], 'calibration-batch'),
    ([np.zeros((4, 6), np.float32)], 'calibration-batch'),
    ([np.full((1, 1, 4, 6), np.nan, np.float32)], 'calibration-batch')])
def test_wrong_first_batch(batches, code):
    with pytest.raises(InputError) as caught:
        entropy_calibrator(_trt(), Memory(), batches, '/nowhere')
    assert caught.value.code == code


def test_wrong_later_batch_ends_the_calibration_and_is_told(tmp_path):
    memory = Memory()
    calibrator = entropy_calibrator(_trt(), memory, _batches(1) + _batches(1, (1, 1, 4, 6)), str(tmp_path / 'c'))
    assert calibrator.get_batch(['thermogram']) is None
    assert calibrator.problem.code == 'calibration-batch' and not memory.held


def test_what_cannot_be_freed_after_an_error_raises_nothing(tmp_path, monkeypatch):
    memory = Memory()
    calibrator = entropy_calibrator(_trt(), memory, _batches(2), str(tmp_path / 'c'))
    assert calibrator.get_batch(['thermogram']) == [4096]
    monkeypatch.setattr(memory, 'held', {})  # freeing raises KeyError, copying fails
    assert calibrator.get_batch(['thermogram']) is None and calibrator.problem is not None


def test_unwritable_cache_is_told(tmp_path):
    calibrator = entropy_calibrator(_trt(), Memory(), _batches(), str(tmp_path / 'no' / 'c.cache'))
    calibrator.write_calibration_cache(CACHE)
    assert isinstance(calibrator.problem, StorageError)


@pytest.mark.parametrize('version', ['8.0.1', '8.2.1', '8.5.2', '8.6.1', '10.3.0'])
def test_every_tensorrt_with_calibrators_takes_both(version, monkeypatch, tmp_path):
    double = install(monkeypatch, version=version, sm=72)
    trt, cuda = double.tensorrt, double.driver
    path = tmp_path / 'c.cache'
    batches = [np.random.RandomState(seed).rand(1, 1, 48, 64).astype(np.float32) for seed in range(3)]
    batches[0][0, 0, 0, 0] = 1  # the network's labels are zeros without it
    cuda.init()
    context = cuda.Device(0).make_context()
    try:
        calibrator = entropy_calibrator(trt, cuda, batches, str(path))
        assert _build(trt, calibrator) is not None and calibrator.problem is None
        found = read_cache(path.read_bytes(), {'thermogram': 1.0})
        assert found.scales['thermogram'] == scale_of(max(batch.max() for batch in batches))
        assert _build(trt, cache_calibrator(trt, CACHE)) is not None
    finally:
        context.pop()
        context.detach()


def _build(trt, calibrator):
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(tiny_model())
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.INT8)
    config.int8_calibrator = calibrator
    return builder.build_serialized_network(network, config)


# -- frames


def _frames(counts, seed=0):
    """Descriptors and patients: so many frames a patient."""
    patients = ['p%d' % number for number, count in enumerate(counts) for _ in range(count)]
    return np.random.RandomState(seed).rand(len(patients), 5), patients


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 30), st.integers(0, 99))
def test_patients_take_turns(counts, wanted, seed):
    descriptors, patients = _frames(counts)
    chosen = choose_frames(descriptors, patients, wanted, seed)
    assert len(chosen) == len(set(chosen)) == min(wanted, len(patients)) and chosen == sorted(chosen)
    taken = [sum(patients[place] == 'p%d' % number for place in chosen) for number in range(len(counts))]
    # Nobody has two frames more than another who had one left to give.
    for own in taken:
        for other, available in zip(taken, counts):
            assert own <= other + 1 or other == available


def test_one_seed_one_choice():
    descriptors, patients = _frames([3] * 10)
    first = choose_frames(descriptors, patients, 12, 5)
    assert first == choose_frames(descriptors, patients, 12, 5)
    assert len({tuple(choose_frames(descriptors, patients, 12, seed)) for seed in range(5)}) > 1


def test_looks_are_spread():
    descriptors = np.concatenate([np.random.RandomState(0).normal(0, 0.01, (97, 3)), np.eye(3) * 10])
    chosen = choose_frames(descriptors, ['p%d' % number for number in range(100)], 8, 1)
    assert {97, 98, 99} <= set(chosen)


def test_equal_frames_are_no_obstacle():
    assert len(choose_frames(np.ones((20, 4)), ['p'] * 20, 7)) == 7


def test_descriptor_tells_place_and_brightness():
    dark, bright, left = (np.zeros((1, 2, 24, 30), np.float32) for _ in range(3))
    bright[:] = 1
    left[..., :15] = 1
    shapes = {describe_frame(frame).shape for frame in (dark, bright, left)}
    assert shapes == {(52,)}
    cells = describe_frame(left)[:36].reshape(6, 6) * 6
    np.testing.assert_allclose(cells, np.repeat([[1, 1, 1, 0, 0, 0]], 6, 0))
    np.testing.assert_allclose(describe_frame(left)[[36, 51]], [0.5, 0.5])
