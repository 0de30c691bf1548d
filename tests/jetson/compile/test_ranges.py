"""INT8 ranges that TensorRT measures on given frames."""
import os

import numpy as np
import pytest
from click.testing import CliRunner

from calibration import read_cache
from jetson.compile import find_routes
from jetson.compile.cli import compile_command
from service.messages import BackendError, InputError
from service.simulator import make_phantom

from .bench import build
from .test_routes import TODAY, XAVIER


@pytest.fixture
def frames(tmp_path):
    """A folder with three phantoms and a text file."""
    folder = tmp_path / 'frames'
    folder.mkdir()
    for seed in range(3):
        np.savetxt(str(folder / ('%d.txt' % seed)), make_phantom(seed, 120, 160).celsius, '%.2f')
    (folder / 'letter.txt').write_text('Dear colleague')
    return str(folder)


@pytest.mark.parametrize('version', ['8.0.1', '8.5.2', '10.3.0'])
def test_tensorrt_measures_and_what_it_found_is_kept(tensorrt_double, plain, store, frames, version):
    double = tensorrt_double(version=version, sm=72)
    compiled = build(plain, store, 'int8', frames=(frames,))
    assert compiled.record['key']['precision'] == 'int8' and '1 of the frames' in compiled.notes[0]
    assert any(flag.startswith('measured=') for flag in compiled.record['key']['flags'])
    caches = [name for name in os.listdir(store.folder) if name.endswith('.cache')]
    with open(store.folder + '/' + [name for name in caches if name.startswith('int8-')][0], 'rb') as stream:
        assert 'thermogram' in read_cache(stream.read()).scales
    assert build(plain, store, 'int8', frames=(frames,)).reused
    assert double.leaks() == []


def test_without_calibrators_frames_are_refused(bundle):
    assert [route.method for route in find_routes(bundle, 'int8', XAVIER, measured=True)] == ['measured']
    with pytest.raises(BackendError) as caught:
        find_routes(bundle, 'int8', TODAY, measured=True)
    assert caught.value.code == 'calibrator-missing' and '--frames' in caught.value.message.text


def test_frames_without_a_body_are_refused(tensorrt_double, plain, store, tmp_path):
    tensorrt_double(version='8.5.2', sm=72)
    np.savetxt(str(tmp_path / 'wall.txt'), np.full((120, 160), 21.0), '%.2f')
    with pytest.raises(InputError) as caught:
        build(plain, store, 'int8', frames=(str(tmp_path / 'wall.txt'),))
    assert caught.value.code == 'calibration-empty' and store.list() == []


def test_no_memory_for_a_batch_is_reported_and_nothing_is_kept(tensorrt_double, plain, store, frames, monkeypatch):
    double = tensorrt_double(version='8.5.2', sm=72)

    def full(size):
        raise double.driver.MemoryError('cuMemAlloc failed: out of memory')

    monkeypatch.setattr(double.driver, 'mem_alloc', full)
    with pytest.raises(BackendError) as caught:
        build(plain, store, 'int8', frames=(frames,))
    assert caught.value.code in ('calibration-failed', 'engine-build') and store.list() == []


def test_frames_are_for_int8():
    result = CliRunner().invoke(compile_command, ['bundle', '--frames', 'there'])
    assert result.exit_code == 2 and '--precision int8' in result.output
