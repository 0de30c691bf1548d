"""A training that dies goes on as if it had not; a full disk is one line and costs nothing."""
import errno
import os
import signal
import subprocess
import sys

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


#: Is killed when its third checkpoint lies beside the second and has not yet taken its place.
_KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, os.getcwd())
from tests.models.training.test_resume import STOPPING, _train, small_recipe
real, renamed = os.replace, []
def replace(source, target, **options):
    renamed.extend([1] if str(target).endswith('last.ckpt') else [])
    if len(renamed) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target, **options)
os.replace = replace
_train(small_recipe(*STOPPING), pathlib.Path(sys.argv[1]))
"""


def test_the_kill_signal_leaves_a_run_that_goes_on(plain, tmp_path):
    assert subprocess.call([sys.executable, '-c', _KILLED, str(tmp_path)]) == -signal.SIGKILL
    assert (tmp_path / 'checkpoints' / 'last.ckpt').exists()
    assert distance(_train(small_recipe(*STOPPING), tmp_path), plain) == 0


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
