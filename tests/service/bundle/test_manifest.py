"""What a manifest states about the finding and deployment, and what is refused."""
import functools
import json

import pytest

from service.bundle import Manifest, parse_manifest
from service.messages import BundleError
from tests.fakes import bundles


def parse(manifest):
    whole = dict(manifest, files={'model.onnx': '0' * 64, 'golden.npz': '0' * 64})
    return parse_manifest(json.dumps(whole).encode())


def refusal(manifest):
    with pytest.raises(BundleError) as caught:
        parse(manifest)
    assert '\n' not in caught.value.message.text
    return caught.value.code, caught.value.message.text


def test_with_a_finding_and_without():
    stated = Manifest(parse(bundles.document()), '')
    assert stated.finding['threshold'] == 0.5 and stated.roles == ('labels', 'confidence', 'finding')
    bare = Manifest(parse(bundles.without_finding()), '')
    assert bare.finding is None and bare.roles == ('labels', 'confidence')


def test_a_finding_without_its_output_and_an_output_without_its_finding():
    manifest = bundles.document()
    del manifest['outputs']['finding']
    code, sentence = refusal(manifest)
    assert code == 'manifest-invalid' and 'it has finding and no outputs.finding' in sentence
    manifest = bundles.document()
    del manifest['finding']
    code, sentence = refusal(manifest)
    assert code == 'manifest-invalid' and 'it has outputs.finding and no finding' in sentence


def test_a_finding_that_nothing_proves():
    manifest = bundles.document()
    del manifest['golden']['finding_tolerance']
    code, sentence = refusal(manifest)
    assert code == 'manifest-invalid' and 'golden.finding_tolerance' in sentence


@pytest.mark.parametrize('shape, classes', [([1, 3], ['a', 'b', 'c']), ([1, 2], ['a', 'b']), ([2, 1], ['a', 'b']),
                                            ([1, 1], ['a', 'b', 'c'])])
def test_a_finding_that_is_not_one_probability(shape, classes):
    manifest = bundles.document()
    manifest['outputs']['finding']['shape'] = shape
    manifest['finding']['classes'] = classes
    code, sentence = refusal(manifest)
    assert code == 'finding-unsupported'
    assert 'a finding of %d values for %d classes' % (shape[0] * shape[1], len(classes)) in sentence


def test_views_with_their_output():
    stated = Manifest(parse(bundles.with_views()), '')
    assert stated.views == ('frontal', 'none') and stated.roles == ('labels', 'confidence', 'finding', 'view')
    assert Manifest(parse(bundles.document()), '').views == ()


@pytest.mark.parametrize('path, sentence', [
    ('views', 'it has outputs.view and no views'), ('outputs.view', 'it has views and no outputs.view'),
    ('golden.view_tolerance', 'it has outputs.view and no golden.view_tolerance')])
def test_views_stated_in_part(path, sentence):
    manifest = bundles.with_views()
    *parents, last = path.split('.')
    del functools.reduce(dict.__getitem__, parents, manifest)[last]
    code, text = refusal(manifest)
    assert code == 'manifest-invalid' and sentence in text


def test_a_variant_that_nothing_proves_the_view_of():
    golden = {'labels_agreement': 0.9, 'confidence_tolerance': 0.1, 'finding_tolerance': 0.1}
    variant = {'file': 'model-fp16.onnx', 'precision': 'fp16', 'answers': True, 'opset': 13, 'ir_version': 7,
               'golden': golden}
    assert 'no variants.fp16.golden.view_tolerance' in refusal(bundles.with_views(variants={'fp16': variant}))[1]


def with_features(**changes):
    manifest = bundles.document()
    manifest['outputs']['features'] = dict({'name': 'features', 'shape': [1, 8], 'dtype': 'float32'}, **changes)
    manifest['golden']['features_tolerance'] = 0.02
    return manifest


def test_features_are_an_output_of_their_own():
    assert Manifest(parse(with_features()), '').roles == ('labels', 'confidence', 'finding', 'features')
    unproven = with_features()
    del unproven['golden']['features_tolerance']
    assert 'it has outputs.features and no golden.features_tolerance' in refusal(unproven)[1]
    for changes in ({'shape': [8]}, {'shape': [2, 8]}, {'dtype': 'float16'}):
        assert 'not one vector of float32' in refusal(with_features(**changes))[1]


@pytest.mark.parametrize('names, code, sentence', [
    (['frontal', 'rigth-oblique'], 'views-unsupported', 'the view rigth-oblique; the service knows frontal, '),
    (['left-oblique', 'none'], 'views-unsupported', 'no frontal view'),
    (['frontal', 'frontal'], 'manifest-invalid', 'views.names')])
def test_views_that_the_service_does_not_know(names, code, sentence):
    found, text = refusal(bundles.with_views(names))
    assert found == code and sentence in text
    assert ('Did you mean right-oblique?' in text) == ('rigth-oblique' in names)


@pytest.mark.parametrize('shape', [[1, 3], [2], [2, 1], [1, 1, 2]])
def test_views_that_are_not_the_values_of_the_output(shape):
    manifest = bundles.with_views()
    manifest['outputs']['view']['shape'] = shape
    code, sentence = refusal(manifest)
    assert code == 'manifest-invalid' and 'outputs.view has the shape' in sentence


@pytest.mark.parametrize('deployment', [{}, {'refused': ''}, {'refused': ' \n'}, {'refused': 1}, 'no',
                                        {'refused': 'Why.', 'by': 'whom'}])
def test_a_deployment_that_is_not_a_reason(deployment):
    assert refusal(bundles.document(deployment=deployment))[0] == 'manifest-invalid'


@pytest.mark.parametrize('written, read', [('Why not', 'Why not.'), ('Why not.', 'Why not.'),
                                           ('Why\nnot.\n', 'Why not.')])
def test_the_reason_is_one_line(written, read):
    assert Manifest(parse(bundles.document(deployment={'refused': written})), '').refused == read
    assert Manifest(parse(bundles.document()), '').refused == ''


def test_metrics_may_hold_anything():
    metrics = {'training_patients': ['0001', '0002'], 'miou': 0.5}
    assert parse(bundles.document(metrics=metrics))['metrics'] == metrics
