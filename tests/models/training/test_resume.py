"""A training that dies goes on as if it had not; a full disk is one line and costs nothing."""
import errno
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.training import fit  # noqa: E402
from models.training.fit import KeepLast  # noqa: E402
from service import durable  # noqa: E402
from service.messages import StorageError  # noqa: E402

from .small import distance, small_collection, small_network, small_recipe  # noqa: E402

#: 18 steps, a validation every 3.
STOPPING = ('training.patience=2', 'optimizer.learning_rate=0.02')


class DiedError(Exception):
    pass


def _train(recipe, out=None):
    return fit(small_network(recipe), recipe, small_collection(), small_collection(3, first=50), out, workers=0)


@pytest.fixture(scope='module')
def plain():
    recipe = small_recipe(*STOPPING)
    return _train(recipe)


@pytest.mark.parametrize('checkpoint', [1, 2, 3, 5, 9])
def test_what_died_after_a_checkpoint_ends_with_the_same_weights(plain, tmp_path, monkeypatch, checkpoint):
    recipe, real, saved = small_recipe(*STOPPING), KeepLast._save, []

    def save_and_die(self, trainer):
        real(self, trainer)
        saved.append(trainer.global_step)
        if len(saved) == checkpoint:
            raise DiedError()

    with monkeypatch.context() as patch:
        patch.setattr(KeepLast, '_save', save_and_die)
        with pytest.raises(DiedError):
            _train(recipe, tmp_path)
    assert distance(_train(recipe, tmp_path), plain) == 0


def test_the_kill_signal_leaves_a_run_that_goes_on(tmp_path):
    recipe = small_recipe('training.epochs=40')
    program = ('import sys; sys.path[:0] = [%r]\n'
               'from tests.models.training.test_resume import _train, small_recipe\n'
               'import pathlib; _train(small_recipe("training.epochs=40"), pathlib.Path(%r))'
               % (os.getcwd(), str(tmp_path)))
    child = subprocess.Popen([sys.executable, '-c', program])
    last = tmp_path / 'checkpoints' / 'last.ckpt'
    try:
        deadline = time.monotonic() + 120
        while not last.exists():
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert distance(_train(recipe, tmp_path), _train(recipe)) == 0


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    recipe, real, written = small_recipe(), durable._write, []

    def write(descriptor, data):
        written.append(descriptor)
        if len(written) > 3:
            os.write(descriptor, bytes(data)[:1000])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor, data)

    monkeypatch.setattr(durable, '_write', write)
    with pytest.raises(StorageError, match='last.ckpt was not written: the disk is full. Free some space'):
        _train(recipe, tmp_path)
    assert os.listdir(str(tmp_path / 'checkpoints')) == ['last.ckpt']
    monkeypatch.undo()
    assert distance(_train(recipe, tmp_path), _train(recipe)) == 0
