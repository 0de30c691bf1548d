"""A bundle is written whole or not at all, and what must not be deployed can be written but not opened."""
import os

import pytest

from service.bundle import open_bundle, write_bundle
from service.messages import BundleError, StorageError
from service.pipeline import Pipeline
from tests.fakes import bundles
from tests.fakes import onnx_builder as build

REFUSED = {'refused': 'It needs a mask drawn by hand, which no camera gives'}
REASON = ('is not for deployment: It needs a mask drawn by hand, which no camera gives. Name another one with '
          '--bundle.')


def masked(channels, side=bundles.HEIGHT):
    """Manifest and contents of a bundle whose model takes more channels than the chain gives."""
    manifest = bundles.without_finding()
    manifest['input'] = dict(manifest['input'], shape=[1, channels, side, bundles.WIDTH])
    return manifest, bundles.files(build.tiny_model(side, bundles.WIDTH, channels=channels, finding=False),
                                   finding=False)


@pytest.mark.parametrize('finding', [True, False])
def test_what_is_written_opens(tmp_path, finding):
    manifest = bundles.document() if finding else bundles.without_finding()
    folder = str(tmp_path / 'b')
    written = write_bundle(folder, manifest, bundles.files(finding=finding))
    opened = open_bundle(folder)
    assert opened.manifest == written.manifest and len(opened.outputs) == (3 if finding else 2)
    assert os.listdir(str(tmp_path)) == ['b']
    with Pipeline.from_folder(folder, threads=1) as pipeline:
        assert pipeline.proof['labels_agreement'] == 1


def test_what_is_no_bundle_leaves_nothing(tmp_path):
    manifest = bundles.document()
    del manifest['finding']
    with pytest.raises(BundleError):
        write_bundle(str(tmp_path / 'b'), manifest, bundles.files())
    assert os.listdir(str(tmp_path)) == []


def test_another_folder_is_not_replaced_and_a_bundle_is(tmp_path):
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'notes' / 'mine.txt').write_text('keep')
    with pytest.raises(StorageError) as caught:
        write_bundle(str(tmp_path / 'notes'), bundles.document(), bundles.files())
    assert caught.value.code == 'not-a-bundle' and (tmp_path / 'notes' / 'mine.txt').read_text() == 'keep'
    folder = str(tmp_path / 'b')
    write_bundle(folder, bundles.document(), bundles.files())
    newer = write_bundle(folder, bundles.document(version='1.0.1'), bundles.files())
    assert newer.manifest['version'] == '1.0.1'
    assert sorted(os.listdir(str(tmp_path))) == ['b', 'notes']


def test_a_refused_bundle_is_written_and_studied_and_not_opened(tmp_path):
    folder = str(tmp_path / 'b')
    written = write_bundle(folder, bundles.document(deployment=REFUSED), bundles.files())
    assert written.manifest.refused
    assert open_bundle(folder, study=True).model == written.model
    for start in (open_bundle, Pipeline.from_folder):
        with pytest.raises(BundleError) as caught:
            start(folder)
        assert caught.value.code == 'bundle-not-for-deployment'
        assert caught.value.message.text == 'The bundle in %s %s' % (folder, REASON)


def test_to_be_studied_it_must_be_whole(tmp_path):
    folder = str(tmp_path / 'b')
    write_bundle(folder, bundles.document(deployment=REFUSED), bundles.files())
    with open(os.path.join(folder, 'model.onnx'), 'ab') as stream:
        stream.write(b'\0')
    with pytest.raises(BundleError) as caught:
        open_bundle(folder, study=True)
    assert caught.value.code == 'bundle-hash'


def test_a_model_that_takes_a_mask_as_well_can_only_be_studied(tmp_path):
    manifest, contents = masked(channels=2)
    with pytest.raises(BundleError) as caught:
        write_bundle(str(tmp_path / 'b'), manifest, contents)
    assert caught.value.code == 'manifest-invalid' and '(1, 2, 48, 64)' in caught.value.message.text
    bundle = write_bundle(str(tmp_path / 'b'), dict(manifest, deployment=REFUSED), contents)
    assert bundle.inputs[0].shape == (1, 2, 48, 64)
    with pytest.raises(BundleError) as caught:
        open_bundle(str(tmp_path / 'b'))
    assert caught.value.code == 'bundle-not-for-deployment'


def test_a_mask_is_a_channel_and_nothing_else(tmp_path):
    manifest, contents = masked(channels=2, side=32)
    with pytest.raises(BundleError) as caught:
        write_bundle(str(tmp_path / 'b'), dict(manifest, deployment=REFUSED), contents)
    assert caught.value.code == 'manifest-invalid'
