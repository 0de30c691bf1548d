"""The variants of a bundle's network: each is checked, read on demand, and proven by its own tolerances."""
import os

import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend
from service.bundle import golden_thermogram, open_bundle, prove, to_counts, write_bundle
from service.messages import BundleError
from tests.fakes import bundles, variants
from tests.fakes import onnx_builder as build


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        open_bundle(str(folder))
    assert '\n' not in caught.value.message.text
    return caught.value.code, caught.value.message.text


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return open_bundle(variants.write_variants(tmp_path_factory.mktemp('variants') / 'b'))


def answering(bundle, name, run):
    """`Backend.infer` of a variant that gives logits, with labels and confidence made of them in plain numpy."""
    def infer(feed):
        outputs = dict(run(feed))
        if not bundle.variants[name].answers:
            logits = outputs.pop('logits').astype(np.float64)
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            outputs.update(labels=logits.argmax(axis=1), confidence=odds.max(axis=1) / odds.sum(axis=1))
        return outputs
    return infer


def test_the_model_is_the_first_variant_and_all_are_there(bundle):
    assert list(bundle.variants) == ['fp32', 'fp16', 'int8-qdq', 'fp32-logits', 'fp16-logits']
    base = bundle.variants['fp32']
    assert base.outputs == bundle.outputs and base.answers and base.precision == 'fp32'
    assert base.golden == {'labels_agreement': 0.999, 'confidence_tolerance': 0.001, 'finding_tolerance': 0.001}
    logits = bundle.variants['fp16-logits']
    assert [str(spec) for spec in logits.outputs] == ['logits float32[1, 8, 48, 64]', 'finding float32[1, 1]']
    assert not logits.answers and logits.precision == 'fp16' and logits.parity == {'label_agreement': 0.99}


def test_a_bundle_without_variants_has_its_model(tmp_path):
    bundle = open_bundle(bundles.write(tmp_path / 'b'))
    assert list(bundle.variants) == ['fp32'] and bundle.read_calibration() is None
    assert bundle.model == bundle.read_model() == bundles.files()['model.onnx']
    with pytest.raises(BundleError) as caught:
        bundle.read_model('fp16')
    assert caught.value.code == 'variant-missing' and 'it has fp32' in caught.value.message.text


@pytest.mark.parametrize('name', ('fp32',) + variants.NAMES)
def test_every_variant_proves_itself(bundle, name):
    variant = bundle.variants[name]
    with OnnxRuntimeBackend(bundle.read_model(name), bundle.inputs, variant.outputs, threads=1) as backend:
        measured = prove(bundle, answering(bundle, name, backend.infer), name)
    assert measured['labels_agreement'] >= variants.TOLERANCES.get(name, (0.999,))[0]
    assert set(measured) == {'labels_agreement', 'confidence_error', 'finding_error'}


def test_the_golden_thermogram_shows_every_region(bundle):
    tensor = bundle.chain.apply(golden_thermogram(to_counts(bundles.warm_square()))).tensor
    assert set(np.unique(variants.answers_of(tensor)['labels'])) >= {0, 6, 7}


def test_each_variant_has_its_own_tolerances(bundle):
    right = variants.answers_of(bundle.chain.apply(golden_thermogram(to_counts(bundles.warm_square()))).tensor)
    near = dict(right, confidence=np.clip(right['confidence'] - 0.02, 0, 1))
    assert prove(bundle, lambda feed: near, 'fp16')['confidence_error'] == pytest.approx(0.02, abs=2e-3)
    for strict in ('fp32', 'fp32-logits'):
        with pytest.raises(BundleError) as caught:
            prove(bundle, lambda feed: near, strict)
        assert caught.value.code == 'golden-mismatch'


@pytest.mark.parametrize('name', ('fp32',) + variants.NAMES)
def test_not_finite_values_are_no_answer(bundle, name):
    right = variants.answers_of(bundle.chain.apply(golden_thermogram(to_counts(bundles.warm_square()))).tensor)
    for role in ('confidence', 'finding'):
        with pytest.raises(BundleError) as caught:
            prove(bundle, lambda feed, role=role: dict(right, **{role: right[role] * np.nan}), name)
        assert caught.value.code == 'golden-mismatch'


def test_the_bytes_are_those_that_were_checked(tmp_path):
    folder = variants.write_variants(tmp_path / 'b')
    bundle = open_bundle(folder)
    assert bundle.read_calibration() == variants.calibration_cache()
    assert bundle.sha256('fp16') == bundle.manifest['files']['model-fp16.onnx'] != bundle.sha256()
    with open(os.path.join(folder, 'model-fp16.onnx'), 'ab') as stream:
        stream.write(b'\0')
    with pytest.raises(BundleError) as caught:
        bundle.read_model('fp16')
    assert caught.value.code == 'bundle-hash'
    os.unlink(os.path.join(folder, 'model-fp16.onnx'))
    with pytest.raises(BundleError) as caught:
        bundle.read_model('fp16')
    assert caught.value.code == 'bundle-file-missing'


@pytest.mark.parametrize('options, code', [
    ({'initializers': [build.external_tensor('w')]}, 'onnx-external-data'),
    ({'domains': (('ai.onnx.ml', 5),)}, 'onnx-domain'),
    ({'opset': 12}, 'onnx-version'),
    ({'ir_version': 8}, 'onnx-version'),
])
def test_a_variant_that_the_device_must_not_run_is_named(tmp_path, options, code):
    contents = dict(variants.files(), **{'model-fp16.onnx': build.tiny_model(**options)})
    found, sentence = refusal(bundles.write(tmp_path / 'b', variants.document(), contents))
    assert found == code and sentence.startswith('model-fp16.onnx ')


def changed(path, value):
    """The manifest with one entry changed; `path` is dotted, and None takes the entry out."""
    manifest = variants.document()
    *steps, last = path.split('.')
    place = manifest
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return manifest


POINT = {'name': 'screening', 'threshold': 0.4, 'sensitivity': 0.9, 'specificity': 0.5, 'n': 40, 'basis': 'Phantoms.'}


@pytest.mark.parametrize('path, value, words', [
    ('variants.fp16.file', 'elsewhere.onnx', 'names elsewhere.onnx as variant fp16'),
    ('variants.fp16.file', 'model.onnx', 'model.onnx is its model and variant fp16'),
    ('variants.fp16.precision', 'fp32', 'variant fp16 is stated to have precision fp32'),
    ('variants.int8-qdq.precision', 'fp16', 'variant int8-qdq is stated to have precision fp16'),
    ('variants.fp16.answers', False, 'variant fp16 is stated to give logits'),
    ('variants.fp16-logits.answers', True, 'variant fp16-logits is stated to give labels'),
    ('variants.fp16.golden.finding_tolerance', None, 'no variants.fp16.golden.finding_tolerance'),
    ('variants.fp16.golden.labels_agreement', 0.5, 'labels_agreement'),
    ('variants.fp16.golden.confidence_tolerance', 1, 'confidence_tolerance'),
    ('variants.fp16.opset', 17, 'opset'),
    ('variants.fp16.golden', None, 'golden'),
    ('variants.fp8', {}, 'fp8'),
    ('calibration.file', 'other.cache', 'names other.cache as its calibration'),
    ('calibration.file', 'golden.npz', 'golden.npz is its golden and its calibration'),
    ('calibration.method', 'guess', 'calibration.method'),
    ('calibration.frames', 0, 'calibration.frames'),
    ('parity', [], 'parity'),
    ('finding.temperature', 0, 'finding.temperature'),
    ('finding.temperature', 1e999, 'not JSON'),
    ('finding.temperature', float('nan'), 'not JSON'),
    ('finding.temperature', 1e9, 'finding.temperature'),
    ('finding.operating_points', [], 'finding.operating_points'),
    ('finding.operating_points', [dict(POINT, threshold=1.2)], 'threshold'),
    ('finding.operating_points', [dict(POINT, sensitivity=-0.1)], 'sensitivity'),
    ('finding.operating_points', [dict(POINT, n=0)], 'operating_points[0].n'),
    ('finding.operating_points', [POINT, POINT], 'two operating points are called screening'),
])
def test_a_manifest_that_contradicts_itself(tmp_path, path, value, words):
    code, sentence = refusal(bundles.write(tmp_path / 'b', changed(path, value), variants.files()))
    assert code == ('manifest-unreadable' if words == 'not JSON' else 'manifest-invalid') and words in sentence


def test_a_number_too_large_for_a_number_is_outside_the_schema(tmp_path):
    folder = variants.write_variants(tmp_path / 'b')
    path = os.path.join(folder, 'manifest.json')
    with open(path) as stream:
        text = stream.read()
    with open(path, 'w') as stream:
        stream.write(text.replace('"threshold": 0.5', '"threshold": 0.5, "temperature": 1e999'))
    assert refusal(folder)[0] == 'manifest-invalid'


def test_temperature_and_operating_points_are_kept(tmp_path):
    manifest = variants.document()
    manifest['finding'].update(temperature=1.5, operating_points=[POINT])
    bundle = write_bundle(str(tmp_path / 'b'), manifest, variants.files())
    assert bundle.manifest.finding['temperature'] == 1.5
    assert bundle.manifest.finding['operating_points'] == [POINT]


def test_logits_of_a_network_whose_labels_are_not_a_map(tmp_path):
    manifest = variants.document(finding=False)
    manifest['outputs']['labels']['shape'] = [1, 1, 48, 64]
    code, sentence = refusal(bundles.write(tmp_path / 'b', manifest, variants.files(finding=False)))
    assert code == 'manifest-invalid' and 'needs labels of three sides' in sentence
