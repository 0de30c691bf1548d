"""A bundle with all its variants: each gives the golden answer, and a variant that disagrees is refused."""
import dataclasses
import errno
import os

import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from calibration import read_cache  # noqa: E402
from models.exporting import build  # noqa: E402
from models.exporting.build import ExportRequest, build_bundle  # noqa: E402
from models.exporting.checkpoint import open_checkpoint  # noqa: E402
from service.backends import FromLogits, OnnxRuntimeBackend  # noqa: E402
from service.bundle import open_bundle, prove  # noqa: E402
from service.messages import BundleError, StorageError  # noqa: E402
from service.views import VIEWS  # noqa: E402

from .small import write_run  # noqa: E402

REQUEST = ExportRequest(frames=2)


@pytest.fixture(scope='module')
def built(package):
    return build_bundle(package, REQUEST)


@pytest.fixture(scope='module')
def bundle(built, tmp_path_factory):
    return built.write(tmp_path_factory.mktemp('bundle') / 'bundle')


@pytest.mark.parametrize('name', ['fp32', 'fp16', 'fp32-logits', 'fp16-logits'])
def test_every_form_gives_the_golden_answer_on_a_device(bundle, name):
    variant = bundle.variants[name]
    backend = OnnxRuntimeBackend(bundle.read_model(name), bundle.inputs, variant.outputs, threads=1)
    if not variant.answers:
        backend = FromLogits(backend, bundle.outputs)
    with backend:
        assert prove(bundle, backend.infer, name)['labels_agreement'] > 0.99


def test_figures_name_reference_frames_and_conditions(bundle):
    parity = bundle.manifest['parity']
    assert parity['reference'] == 'PyTorch' and 'ONNX Runtime' in parity['conditions']
    figures = parity['frames']['2 phantoms']
    assert figures['frames'] == figures['labelled'] == 2
    assert max(figures[name] for name in ('logits_error', 'max_abs_error', 'finding_error')) < 1e-4
    half = bundle.variants['fp16'].parity
    assert 0 < half['frames']['2 phantoms']['max_abs_error'] < 0.05
    assert set(half['in_onnx_runtime']) == {'2 phantoms'} and half['weights']['clipped'] == 0
    assert half['weights']['count'] > 1e6


def test_fp16_is_half_as_large(bundle):
    sizes = {name: len(bundle.read_model(name)) for name in bundle.variants}
    assert sizes['fp16'] < 0.55 * sizes['fp32'] and sizes['fp16-logits'] < 0.55 * sizes['fp32-logits']


def test_two_builds_are_the_same_bytes(package, built):
    again = build_bundle(package, REQUEST)
    assert again.files == built.files and again.document == built.document


def test_a_bundle_gains_variants_and_keeps_its_model(package, tmp_path):
    plain = package.write(tmp_path / 'plain')
    assert list(plain.variants) == ['fp32']
    found = build_bundle(open_checkpoint(tmp_path / 'plain'), dataclasses.replace(REQUEST, version='1.2.3'))
    bundle = found.write(tmp_path / 'plain')
    assert bundle.model == package.files['model.onnx'] and len(bundle.variants) == 4
    assert bundle.manifest['version'] == '1.2.3'
    assert 'parity' not in bundle.manifest.raw, 'there was no network to compare with'


def test_int8_is_made_with_its_cache_kept_and_left_out(package, tmp_path):
    request = dataclasses.replace(REQUEST, calibrate='minmax', data='phantoms:0:4', fp16=False, logits=False)
    made = build_bundle(package, request).write(tmp_path / 'bundle')
    assert list(made.variants) == ['fp32', 'int8-qdq']
    assert made.manifest['calibration'] == {'file': 'calibration.cache', 'method': 'minmax', 'frames': 2,
                                            'data': 'phantoms'}
    scales = read_cache(made.read_calibration()).scales
    assert scales['thermogram'] == pytest.approx(1 / 127, rel=0.05)
    kept = build_bundle(open_checkpoint(tmp_path / 'bundle'), REQUEST)
    assert kept.files['model.int8.onnx'] == made.read_model('int8-qdq')
    assert set(kept.document['variants']) == {'int8-qdq', 'fp16', 'fp32-logits', 'fp16-logits'}
    bare = build_bundle(open_checkpoint(tmp_path / 'bundle'),
                        dataclasses.replace(REQUEST, logits=False, leave_out=('int8-qdq',)))
    assert set(bare.document['variants']) == {'fp16'} and 'model.int8.onnx' not in bare.files


def test_a_network_that_overflows_in_fp16_is_refused_and_exported_without_it(spoilt_run):
    package = open_checkpoint(spoilt_run)
    with pytest.raises(BundleError, match=r'overflows first at node Conv_\d+ \(Conv.*--no-fp16') as caught:
        build_bundle(package, REQUEST)
    assert caught.value.code == 'fp16-overflow' and caught.value.exit_code == 3
    whole = build_bundle(package, dataclasses.replace(REQUEST, fp16=False))
    assert set(whole.document['variants']) == {'fp32-logits'}


def test_a_form_that_answers_differently_is_refused(package, monkeypatch):
    monkeypatch.setattr(build, 'make_variants', lambda *args: {'fp16': with_other_labels(package.files['model.onnx'])})
    with pytest.raises(BundleError, match='labels agree, at least') as caught:
        build_bundle(package, REQUEST)
    assert caught.value.code == 'parity-failed'


def with_other_labels(model):
    """The FP16 twin with the scores of two regions exchanged."""
    import onnx
    from onnx import numpy_helper

    from export.variants import make_fp16

    half = onnx.load_from_string(make_fp16(model))
    head, = (tensor for tensor in half.graph.initializer if tensor.name.endswith('segmentation_head.0.weight'))
    head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head)[::-1].copy(), head.name))
    return half.SerializeToString()


def test_a_full_disk_leaves_nothing(built, monkeypatch, tmp_path):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('service.durable.os.write', full)
    with pytest.raises(StorageError) as caught:
        built.write(tmp_path / 'bundle')
    assert caught.value.code == 'disk-full' and not list(tmp_path.iterdir())


def test_a_full_disk_keeps_the_bundle_that_is_there(built, package, monkeypatch, tmp_path):
    before = package.write(tmp_path / 'bundle').manifest.sha256
    write = os.write
    monkeypatch.setattr('service.durable.os.write', lambda descriptor, data: write(descriptor, data[:4096])
                        if len(data) < 3e6 else (_ for _ in ()).throw(OSError(errno.ENOSPC, 'full')))
    with pytest.raises(StorageError):
        built.write(tmp_path / 'bundle')
    assert open_bundle(str(tmp_path / 'bundle')).manifest.sha256 == before
    assert [path.name for path in tmp_path.iterdir()] == ['bundle']


def test_view_and_features_go_into_every_variant(tmp_path):
    run = write_run(tmp_path / 'run', name='phantom-fpn')
    bundle = build_bundle(open_checkpoint(run), dataclasses.replace(REQUEST, features=True)).write(tmp_path / 'bundle')
    assert list(bundle.manifest['views']['names']) == list(VIEWS)
    for name in ('fp32', 'fp16-logits'):
        backend = OnnxRuntimeBackend(bundle.read_model(name), bundle.inputs, bundle.variants[name].outputs, threads=1)
        with backend if bundle.variants[name].answers else FromLogits(backend, bundle.outputs) as proven:
            measured, allowed = prove(bundle, proven.infer, name), bundle.variants[name].golden
            assert measured['view_error'] <= allowed['view_tolerance']
            assert measured['features_error'] <= allowed['features_tolerance'] < 0.2
