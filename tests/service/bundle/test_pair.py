"""A bundle of two networks: what its manifest may state, that all of it is checked and signed, and its two proofs."""
import copy
import json
import os
import random

import pytest

from service.backends import OnnxRuntimeBackend
from service.bundle import open_bundle, parse_manifest, prove, read_golden
from service.messages import BundleError
from tests.fakes import bundles, signing
from tests.fakes import onnx_builder as build


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    return open_bundle(bundles.write_pair(tmp_path_factory.mktemp('pair') / 'b'))


def refusal(folder, **options):
    with pytest.raises(BundleError) as caught:
        open_bundle(str(folder), **options)
    assert '\n' not in caught.value.message.text
    return caught.value.code, caught.value.message.text


def test_the_bundle_is_its_segmenter_and_has_its_classifier(pair):
    assert pair.manifest.order == 'classify-then-segment' and pair.networks == (pair, pair.classifier)
    assert pair.manifest.roles == ('labels', 'confidence') and pair.classifier.manifest.roles == ('finding',)
    assert [spec.name for spec in pair.outputs] == ['labels', 'confidence']
    assert [str(spec) for spec in pair.classifier.outputs] == ['finding float32[1, 1]']
    assert pair.inputs[0].shape == (1, 1, 48, 64) and pair.classifier.inputs[0].shape == (1, 1, 24, 32)
    assert pair.model != pair.classifier.model and pair.sha256() != pair.classifier.sha256()
    assert pair.manifest.identity == pair.classifier.manifest.identity
    assert pair.manifest.finding == pair.classifier.manifest.finding and pair.classifier.classifier is None


def test_a_bundle_of_one_network_is_joint(tmp_path):
    for name, changes in (('a', {}), ('b', {'order': 'joint'})):
        bundle = open_bundle(bundles.write(tmp_path / name, bundles.document(**changes)))
        assert bundle.manifest.order == 'joint' and bundle.classifier is None and bundle.networks == (bundle,)


def test_each_network_has_a_golden_pair_of_its_own(pair):
    measured = []
    for network in pair.networks:
        with OnnxRuntimeBackend(network.model, network.inputs, network.outputs, 1) as backend:
            measured.append(prove(network, backend.infer))
    assert [sorted(proof) for proof in measured] == [['confidence_error', 'labels_agreement'], ['finding_error']]
    assert set(read_golden(pair.classifier)) == {'thermogram', 'finding'}
    with pytest.raises(BundleError) as caught:
        prove(pair.classifier, lambda feed: {'finding': feed['thermogram'].mean((2, 3)) + 0.01})
    assert caught.value.code == 'golden-mismatch'


@pytest.mark.parametrize('name', ['classifier.onnx', 'classifier.golden.npz'])
def test_every_file_of_the_classifier_is_hashed_and_signed(tmp_path, name):
    folder = bundles.write_pair(tmp_path / 'b')
    signing.sign(folder)
    trusted = open_bundle(folder, trust=signing.TRUST)
    assert trusted.signed_by and trusted.classifier.signed_by == trusted.signed_by
    with open(os.path.join(folder, name), 'ab') as stream:
        stream.write(b'\0')
    assert refusal(folder, trust=signing.TRUST)[0] == 'bundle-hash'


def test_a_classifier_that_the_device_must_not_run(tmp_path):
    contents = bundles.pair_files(**{'classifier.onnx': build.tiny_classifier(opset=17)})
    code, sentence = refusal(bundles.write_pair(tmp_path / 'b', contents=contents))
    assert code == 'onnx-version' and sentence.startswith('classifier.onnx ')


@pytest.mark.parametrize('study', [False, True])
@pytest.mark.parametrize('order', ['classify-then-segment', 'segment-then-classify'])
def test_a_predicted_mask_never_reaches_a_classifier_that_takes_one(tmp_path, order, study):
    manifest = bundles.pair_document(order)
    manifest['classifier']['input']['shape'][1] = 2
    code, sentence = refusal(bundles.write_pair(tmp_path / 'b', manifest), study=study)
    assert code == 'mask-channel' and 'takes 2 channels and a thermogram gives 1' in sentence


def test_a_classifier_of_another_size_than_its_chain(tmp_path):
    manifest = bundles.pair_document()
    manifest['classifier']['input']['shape'][2] = 48
    assert refusal(bundles.write_pair(tmp_path / 'b', manifest))[0] == 'manifest-invalid'


def parse(manifest):
    manifest = dict(manifest, files=dict.fromkeys(bundles.pair_files(), '0' * 64))
    return parse_manifest(json.dumps(manifest).encode())


def without(manifest, *names):
    return {name: value for name, value in manifest.items() if name not in names}


FP16 = {'file': 'classifier.golden.npz', 'precision': 'fp16', 'answers': True, 'opset': 13, 'ir_version': 7,
        'golden': {'finding_tolerance': 0.01}}


@pytest.mark.parametrize('change, words', [
    (lambda manifest: dict(manifest, order='joint'), 'order joint is that of one network'),
    (lambda manifest: without(manifest, 'order'), 'order joint is that of one network'),
    (lambda manifest: without(manifest, 'classifier'), 'order classify-then-segment is that of a classifier and'),
    (lambda manifest: without(manifest, 'finding'), 'it has outputs.finding and no finding'),
    (lambda manifest: dict(manifest, outputs=bundles.document()['outputs']), 'both its model and its classifier'),
    (lambda manifest: dict(manifest, order='segment'), 'order must be one of'),
    (lambda manifest: manifest['classifier'].update(variants={'fp16': FP16}),
     "its classifier's golden and its classifier's variant fp16"),
    (lambda manifest: manifest['classifier'].update(variants={'fp16': dict(FP16, precision='int8')}),
     'variant fp16 is stated to have precision int8'),
    (lambda manifest: manifest['classifier'].update(variants={'fp16-logits': FP16}), 'classifier.variants'),
    (lambda manifest: manifest['classifier']['outputs'].update(labels=manifest['outputs']['labels']),
     'classifier.outputs'),
    (lambda manifest: manifest['classifier']['golden'].pop('finding_tolerance') and None,
     'classifier.golden'),
    (lambda manifest: manifest['classifier']['golden'].update(file='golden.npz'), "is its golden and its classifier's"),
    (lambda manifest: manifest['classifier']['model'].update(file='model.onnx'), "is its model and its classifier's"),
    (lambda manifest: manifest['classifier']['model'].update(file='../model.onnx'), 'classifier.model.file'),
    (lambda manifest: manifest['classifier']['model'].update(file='other.onnx'), 'does not list it'),
])
def test_a_manifest_that_contradicts_itself(change, words):
    parse(bundles.pair_document())
    manifest = copy.deepcopy(bundles.pair_document())
    with pytest.raises(BundleError) as caught:
        parse(change(manifest) or manifest)
    assert caught.value.code == 'manifest-invalid' and words in caught.value.message.text


def test_views_are_the_segmenter_s():
    manifest = copy.deepcopy(bundles.pair_document())
    manifest['classifier']['outputs']['view'] = {'name': 'view', 'shape': [1, 2], 'dtype': 'float32'}
    with pytest.raises(BundleError) as caught:
        parse(manifest)
    assert caught.value.code == 'manifest-invalid' and 'classifier.outputs' in caught.value.message.text


def places(value, path=()):
    """Every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in items:
        for place in places(entry, path + (key,)):
            yield place


def test_a_spoilt_manifest_is_refused_or_opens(tmp_path):
    """Anything in place of anything: a refusal with a code, never another exception."""
    folder = bundles.write_pair(tmp_path / 'b')
    path = os.path.join(folder, 'manifest.json')
    with open(path) as stream:
        whole = json.load(stream)
    rng, found = random.Random(1), set()
    for spot in [place for place in places(whole) if place]:
        document = copy.deepcopy(whole)
        place = document
        for step in spot[:-1]:
            place = place[step]
        value = rng.choice([None, [], {}, '', 'joint', -1, 0, 2, 1e308, True, 'x' * 3000, [1, 1, 48, 64],
                            {'file': 'model.onnx'}, copy.deepcopy(whole), 'delete'])
        if value == 'delete' and isinstance(place, dict):
            del place[spot[-1]]
        else:
            place[spot[-1]] = value
        with open(path, 'w') as stream:
            json.dump(document, stream)
        try:
            open_bundle(folder)
        except BundleError as error:
            found.add(error.code)
            assert '\n' not in error.message.text
    assert {'manifest-invalid', 'chain-constants'} <= found
