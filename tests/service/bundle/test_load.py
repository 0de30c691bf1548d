"""A bundle is opened only if every byte of it is accounted for."""
import json
import os

import pytest

from service.bundle import open_bundle
from service.messages import BundleError
from tests.fakes import bundles
from tests.fakes import onnx_builder as build


def refusal(folder):
    with pytest.raises(BundleError) as caught:
        open_bundle(str(folder))
    assert '\n' not in caught.value.message.text
    return caught.value.code


def test_a_whole_bundle_opens(tmp_path):
    bundle = open_bundle(bundles.write(tmp_path / 'b'))
    assert bundle.manifest.identity['id'] == 'tiny'
    assert len(bundle.manifest.sha256) == 64
    assert bundle.chain.id == 'plateau-1'
    assert bundle.inputs[0].shape == (1, 1, 48, 64)


def test_a_folder_without_a_manifest(tmp_path):
    assert refusal(tmp_path) == 'bundle-missing'
    assert refusal(tmp_path / 'nowhere') == 'bundle-missing'


@pytest.mark.parametrize('data', [b'', b'{', b'\xff\xfe', b'[' * 100000, b'null', b'[]', b'{}'])
def test_a_manifest_that_is_not_one(tmp_path, data):
    folder = bundles.write(tmp_path / 'b')
    with open(os.path.join(folder, 'manifest.json'), 'wb') as stream:
        stream.write(data)
    assert refusal(folder) in ('manifest-unreadable', 'manifest-invalid')


@pytest.mark.parametrize('key, value', [
    ('schema', 2), ('name', '../up'), ('version', '1'), ('limits', []), ('regions', {'names': [], 'sides': 'image'}),
    ('surprise', 1),
])
def test_a_manifest_outside_the_schema(tmp_path, key, value):
    assert refusal(bundles.write(tmp_path / 'b', bundles.document(**{key: value}))) == 'manifest-invalid'


@pytest.mark.parametrize('name', ['model.onnx', 'golden.npz'])
def test_a_changed_file_is_refused(tmp_path, name):
    folder = bundles.write(tmp_path / 'b')
    with open(os.path.join(folder, name), 'ab') as stream:
        stream.write(b'\0')
    assert refusal(folder) == 'bundle-hash'


def test_a_missing_an_added_and_a_linked_file(tmp_path):
    folder = bundles.write(tmp_path / 'a')
    os.unlink(os.path.join(folder, 'golden.npz'))
    assert refusal(folder) == 'bundle-file-missing'

    folder = bundles.write(tmp_path / 'b')
    open(os.path.join(folder, 'extra.so'), 'w').close()
    assert refusal(folder) == 'bundle-file-unlisted'

    folder = bundles.write(tmp_path / 'c')
    os.rename(os.path.join(folder, 'model.onnx'), str(tmp_path / 'elsewhere.onnx'))
    os.symlink(str(tmp_path / 'elsewhere.onnx'), os.path.join(folder, 'model.onnx'))
    assert refusal(folder) == 'bundle-file-link'


def test_a_path_out_of_the_folder_is_not_a_file_name(tmp_path):
    manifest = bundles.document(files={'../../etc/passwd': '0' * 64, 'model.onnx': '0' * 64})
    assert refusal(bundles.write(tmp_path / 'b', manifest)) == 'manifest-invalid'


def test_an_unknown_chain_and_unknown_constants(tmp_path):
    manifest = bundles.document(preprocess={'chain': 'magic-9', 'constants': {}})
    assert refusal(bundles.write(tmp_path / 'a', manifest)) == 'chain-unknown'
    manifest = bundles.document(preprocess={'chain': 'plateau-1', 'constants': {'gamma': 2}})
    assert refusal(bundles.write(tmp_path / 'b', manifest)) == 'chain-constants'


def test_a_chain_that_does_not_fit_the_model(tmp_path):
    manifest = bundles.document(preprocess={'chain': 'turbo-1', 'constants': {'height': 48, 'width': 64}})
    assert refusal(bundles.write(tmp_path / 'b', manifest)) == 'manifest-invalid'


@pytest.mark.parametrize('options, code', [
    ({'initializers': [build.external_tensor('w')]}, 'onnx-external-data'),
    ({'domains': (('com.example', 1),)}, 'onnx-domain'),
    ({'opset': 17}, 'onnx-version'),
    ({'ir_version': 9}, 'onnx-version'),
])
def test_an_onnx_file_that_the_device_must_not_run(tmp_path, options, code):
    contents = bundles.files(build.tiny_model(bundles.HEIGHT, bundles.WIDTH, **options))
    assert refusal(bundles.write(tmp_path / 'b', contents=contents)) == code


def test_rubbish_in_place_of_the_model(tmp_path):
    contents = dict(bundles.files(), **{'model.onnx': b'\x0a\xff\xff\xff\xff\x0fnothing'})
    assert refusal(bundles.write(tmp_path / 'b', contents=contents)) == 'onnx-unreadable'


def test_the_hash_of_the_manifest_covers_what_it_says(tmp_path):
    one = open_bundle(bundles.write(tmp_path / 'a')).manifest.sha256
    other = open_bundle(bundles.write(tmp_path / 'b', bundles.document(version='1.0.1'))).manifest.sha256
    assert one != other
    with open(str(tmp_path / 'a' / 'manifest.json')) as stream:
        assert json.load(stream)['version'] == '1.0.0'
