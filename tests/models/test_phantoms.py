"""Phantom sets on disk: made once, made anew by another simulator, and no workers left behind by a kill."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models import phantoms
from models.phantoms import prepare_set
from service.simulator import make_phantom

_MAKE = ('from models.phantoms import prepare_set\n'
         'if __name__ == "__main__":\n'
         '    prepare_set(%r, 0, 5000, 60, 80, 2)\n')


def test_a_set_is_made_once(tmp_path):
    made = prepare_set(tmp_path, 5, 3, 60, 80, 1)
    stamp = (tmp_path / 'milli_c.npy').stat().st_mtime_ns
    again = prepare_set(tmp_path, 5, 3, 60, 80, 1)
    assert (tmp_path / 'milli_c.npy').stat().st_mtime_ns == stamp
    assert len(made) == 3 and np.array_equal(made.labels, again.labels)


def test_a_set_of_kinds_says_every_view(tmp_path):
    kinds = {'flat': 1.0, 'left-lateral': 1.0, 'none': 1.0}
    made = prepare_set(tmp_path, 5, 6, 60, 80, 1, kinds)
    assert set(made.views) <= {'frontal', 'raised-arms', 'left-lateral', 'none'} and len(set(made.views)) > 1
    for view, planted, labels in zip(made.views, made.planted, made.labels):
        assert planted.get('view', view) == view and labels.any() == (view != 'none')
    stamp = (tmp_path / 'milli_c.npy').stat().st_mtime_ns
    assert np.array_equal(prepare_set(tmp_path, 5, 6, 60, 80, 1, kinds).views, made.views)
    assert (tmp_path / 'milli_c.npy').stat().st_mtime_ns == stamp


def test_a_set_without_kinds_is_of_seeds_alone(tmp_path):
    made = prepare_set(tmp_path, 5, 1, 60, 80, 1)
    assert np.abs(made.celsius(0) - make_phantom(5, 60, 80).celsius).max() < 0.001
    assert made.planted[0]['arms'] != 'arms raised' and list(made.views) == ['frontal']


def test_an_unknown_kind_makes_no_set(tmp_path):
    with pytest.raises(ValueError, match='sideways'):
        prepare_set(tmp_path / 'set', 5, 1, 60, 80, 1, {'sideways': 1.0})
    assert not (tmp_path / 'set').exists()


def test_another_simulator_makes_it_anew(tmp_path, monkeypatch):
    prepare_set(tmp_path, 5, 2, 60, 80, 1)
    monkeypatch.setattr(phantoms, 'simulator_hash', lambda: 'another')
    prepare_set(tmp_path, 5, 2, 60, 80, 1)
    assert json.loads((tmp_path / 'set.json').read_text())['simulator'] == 'another'


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(), reason='needs /proc to see processes')
def test_a_kill_leaves_no_workers(tmp_path, root):
    script = tmp_path / 'make.py'
    script.write_text(_MAKE % str(tmp_path / 'set'))
    maker = subprocess.Popen([sys.executable, str(script)], env=dict(os.environ, PYTHONPATH=str(root)))
    workers = _until(lambda: [pid for pid in _children(maker.pid) if b'spawn_main' in _command(pid)], 'workers')
    maker.kill()
    maker.wait()
    _until(lambda: not any(b'spawn_main' in _command(pid) for pid in workers), 'the end of the workers')


def _until(ask, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail('waited %d s for %s' % (seconds, what))


def _children(pid):
    path = Path('/proc/%d/task/%d/children' % (pid, pid))
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def _command(pid):
    try:
        return Path('/proc/%d/cmdline' % pid).read_bytes()
    except OSError:
        return b''
