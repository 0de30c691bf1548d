"""A full or unwritable disk, a second builder: the existing engine stays. For a killed builder see test_child."""
import errno
import os

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
