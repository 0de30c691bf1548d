"""What a manifest states about the finding and deployment, and what is refused."""
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
