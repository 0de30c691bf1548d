"""A full or unwritable disk, a second builder, a killed builder: the existing engine stays."""
import errno
import os
import signal
import subprocess
import sys

from service.engines import EngineStore

from .bench import build, plans, refused


def test_an_unwritable_store_is_reported_before_the_build(tensorrt_double, bundle, tmp_path):
    double = tensorrt_double()
    (tmp_path / 'file').write_text('')
    assert refused(bundle, EngineStore(str(tmp_path / 'file'))).code == 'engine-store-unwritable'
    assert double.builds == 0


def test_a_disk_that_fills_up_during_the_build_leaves_the_old_engine(tensorrt_double, bundle, store, monkeypatch):
    double = tensorrt_double()
    build(bundle, store)
    there, real = plans(store), os.write

    def full(descriptor, data):
        if double.builds == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, 'write', full)
    assert refused(bundle, store, force=True).code == 'disk-full'
    monkeypatch.undo()
    assert plans(store) == there and not [name for name in os.listdir(store.folder) if name.endswith('.part')]


def test_a_second_build_is_told_who_builds(tensorrt_double, bundle, store):
    double = tensorrt_double()
    store.check_writable()
    with store.lock('fp16 of variants'):
        error = refused(bundle, store)
    assert error.code == 'engine-store-busy' and 'fp16 of variants' in error.message.text and double.builds == 0


KILLED = '''
import sys
import pytest
from jetson.compile import CompileOptions, Progress, compile_engine
from service.bundle import open_bundle
from service.engines import EngineStore
from tests.fakes.tensorrt_double import install
install(pytest.MonkeyPatch(), slow_build=600.0)
compile_engine(open_bundle(sys.argv[1]), EngineStore(sys.argv[2]), 'fp16', CompileOptions(force=True),
               Progress(interval_s=0.01))
'''


def test_a_builder_that_is_killed_leaves_the_old_engine_and_no_lock(tensorrt_double, bundle, store, root):
    tensorrt_double()
    build(bundle, store)
    there = plans(store)
    builder = subprocess.Popen([sys.executable, '-c', KILLED, bundle.folder, store.folder], cwd=str(root),
                               stderr=subprocess.PIPE)
    try:
        assert b'Building FP16' in builder.stderr.readline()
        assert 'process %d' % builder.pid in refused(bundle, store, force=True).message.text
    finally:
        builder.kill()
        builder.communicate()
    assert builder.returncode == -signal.SIGKILL
    assert plans(store) == there
    assert build(bundle, store, force=True).name in there
