"""The golden pair must match, or the bundle does not run."""
import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend, Worker
from service.bundle import golden_thermogram, open_bundle, pack_golden, prove, to_counts
from service.messages import BundleError
from service.pipeline import Pipeline
from tests.fakes import bundles


def test_the_right_answer_passes(tmp_path):
    bundle = open_bundle(bundles.write(tmp_path / 'b'))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs) as backend:
        measured = prove(bundle, backend.infer)
    assert measured['labels_agreement'] == 1
    assert measured['finding_error'] < 1e-4


def test_without_a_finding_the_regions_alone_are_proven(tmp_path):
    bundle = open_bundle(bundles.write(tmp_path / 'b', bundles.without_finding(), bundles.files(finding=False)))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs) as backend:
        measured = prove(bundle, backend.infer)
    assert set(measured) == {'labels_agreement', 'confidence_error'} and measured['labels_agreement'] == 1


def test_a_pair_that_lacks_the_finding_is_refused(tmp_path):
    contents = dict(bundles.files(), **{'golden.npz': bundles.files(finding=False)['golden.npz']})
    bundle = open_bundle(bundles.write(tmp_path / 'b', contents=contents))
    with pytest.raises(BundleError) as caught:
        prove(bundle, lambda feed: {})
    assert caught.value.code == 'golden-unreadable'


@pytest.mark.parametrize('role, finding', [('labels', True), ('confidence', True), ('finding', True),
                                           ('labels', False), ('confidence', False)])
def test_another_answer_is_refused_and_leaves_no_thread(tmp_path, role, finding):
    manifest = bundles.document() if finding else bundles.without_finding()
    bundle = open_bundle(bundles.write(tmp_path / 'good', manifest, bundles.files(finding=finding)))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs) as backend:
        tensor = bundle.chain.apply(golden_thermogram(to_counts(bundles.warm_square()))).tensor
        outputs = dict(backend.infer({'thermogram': tensor}))
    outputs[role] = outputs[role] + 1
    contents = dict(bundles.files(finding=finding),
                    **{'golden.npz': pack_golden(bundles.warm_square(), outputs)})
    spoiled = open_bundle(bundles.write(tmp_path / 'spoiled', manifest, contents))
    worker = Worker(lambda: OnnxRuntimeBackend(spoiled.model, spoiled.inputs, spoiled.outputs))
    with pytest.raises(BundleError) as caught:
        with Pipeline(spoiled, worker):
            pytest.fail('a bundle that answers differently must not start')
    assert caught.value.code == 'golden-mismatch'
    assert worker._thread is None


def test_a_damaged_pair_is_refused(tmp_path):
    contents = dict(bundles.files(), **{'golden.npz': b'PK\x03\x04 not an archive'})
    bundle = open_bundle(bundles.write(tmp_path / 'b', contents=contents))
    with pytest.raises(BundleError) as caught:
        prove(bundle, lambda feed: {})
    assert caught.value.code == 'golden-unreadable'


def test_counts_keep_temperatures_to_a_hundredth():
    celsius = np.array([[20.004, 31.236]])
    assert np.abs(golden_counts(celsius) - celsius).max() <= 0.0051


def golden_counts(celsius):
    return to_counts(celsius) * 0.01 - 273.15
