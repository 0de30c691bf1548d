"""The golden pair must match, or the bundle does not run."""
import io
import struct
import zipfile

import numpy as np
import pytest

from service.backends import OnnxRuntimeBackend, Worker
from service.bundle import golden_thermogram, open_bundle, pack_golden, prove, read_golden, to_counts
from service.messages import BundleError
from service.pipeline import Pipeline
from service.selection.measurement import feeds
from tests.fakes import bundles


def test_the_right_answer_passes(tmp_path):
    bundle = open_bundle(bundles.write(tmp_path / 'b'))
    with OnnxRuntimeBackend(bundle.model, bundle.inputs, bundle.outputs) as backend:
        measured = prove(bundle, backend.infer)
    assert measured['labels_agreement'] == 1
    assert measured['finding_error'] < 1e-4


def test_views_are_proven(tmp_path):
    good = open_bundle(bundles.write(tmp_path / 'b', bundles.with_views(), bundles.files(views=True)))
    with OnnxRuntimeBackend(good.model, good.inputs, good.outputs) as backend:
        assert prove(good, backend.infer)['view_error'] < 1e-4

        def infer(feed):
            answer = dict(backend.infer(feed))
            answer['view'] = answer['view'][:, ::-1]
            return answer

        with pytest.raises(BundleError) as caught:
            prove(good, infer)
    assert caught.value.code == 'golden-mismatch'


def test_a_pair_that_lacks_the_view_is_refused(tmp_path):
    contents = dict(bundles.files(views=True), **{'golden.npz': bundles.files()['golden.npz']})
    bundle = open_bundle(bundles.write(tmp_path / 'b', bundles.with_views(), contents))
    with pytest.raises(BundleError) as caught:
        prove(bundle, lambda feed: {})
    assert caught.value.code == 'golden-unreadable'


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


def archive(arrays, method=zipfile.ZIP_DEFLATED):
    """A zip file of arrays, as numpy writes it, with a bytes object put in as it is."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', method) as file:
        for name, array in arrays:
            member = io.BytesIO()
            member.write(array) if isinstance(array, bytes) else np.lib.format.write_array(member, array)
            file.writestr(name + '.npy', member.getvalue())
    return stream.getvalue()


def pair(**changes):
    """The arrays of the small bundle's golden pair."""
    good = np.load(io.BytesIO(bundles.files()['golden.npz']))
    return [(name, changes.get(name, good[name])) for name in good.files]


def claiming(shape, header=118):
    """An array that claims a shape and has no values."""
    words = ("{'descr': '<u2', 'fortran_order': False, 'shape': %r, }" % (shape,)).encode().ljust(header - 1) + b'\n'
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(words)) + words


@pytest.mark.parametrize('data, why', [
    (archive(pair(thermogram=np.zeros((3000, 3000), np.uint16))), 'thermogram has more than'),
    (archive(pair(labels=np.zeros((1, 4000, 4000), np.uint8))), 'labels has more than 3328 bytes'),
    (archive(pair(labels=np.zeros((1, 48, 64), np.int32))), 'labels has more than 3328 bytes'),
    (archive(pair(labels=np.zeros((1, 64, 48), np.uint8))), '(1, 48, 64) of uint8 is stated'),
    (archive(pair(confidence=np.zeros((1, 48, 64), np.int16))), 'float16 is stated'),
    (archive(pair(thermogram=np.zeros((8, 8), np.uint16))), 'thermogram is (8, 8)'),
    (archive(pair(thermogram=np.zeros((1, 96, 128), np.uint16))), 'thermogram is (1, 96, 128)'),
    (archive(pair(thermogram=np.asfortranarray(np.zeros((96, 128), np.uint16)))), 'thermogram is'),
    (archive(pair(thermogram=claiming((2048, 2048)))), ''),
    (archive(pair(thermogram=claiming((96, 128), 60000))), 'does not begin as numpy begins'),
    (archive(pair(thermogram=b'\x93NUMPY\x02\x00' + bytes(200))), 'does not begin as numpy begins'),
    (archive(pair(), zipfile.ZIP_LZMA), 'unusual way'),
    (archive(pair(), zipfile.ZIP_BZIP2), 'unusual way'),
    (archive([('a%d' % index, b'') for index in range(100)] + pair()), 'more arrays'),
    (archive(pair(), zipfile.ZIP_STORED) + bytes(8 << 20), 'bytes'),
], ids=lambda value: value if isinstance(value, str) else 'file')
def test_a_pair_that_is_larger_than_stated_or_of_another_kind_is_refused(tmp_path, data, why):
    contents = dict(bundles.files(), **{'golden.npz': data})
    with pytest.raises(BundleError) as caught:
        read_golden(open_bundle(bundles.write(tmp_path / 'b', contents=contents)))
    assert caught.value.code == 'golden-unreadable' and why in caught.value.detail


def test_no_more_is_inflated_than_the_manifest_states(tmp_path, monkeypatch):
    contents = dict(bundles.files(), **{'golden.npz': archive(pair(labels=bytes(20 << 20)))})
    bundle, asked, read = open_bundle(bundles.write(tmp_path / 'b', contents=contents)), [], zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, 'read', lambda self, size=-1: asked.append(size) or read(self, size))
    with pytest.raises(BundleError):
        read_golden(bundle)
    assert asked == [48 * 64 + 257]


def test_what_is_measured_reads_the_pair_with_the_same_limits(tmp_path):
    contents = dict(bundles.files(), **{'golden.npz': archive(pair(thermogram=np.zeros((3000, 3000), np.uint16)))})
    with pytest.raises(BundleError):
        feeds(open_bundle(bundles.write(tmp_path / 'b', contents=contents)), 0)


def test_counts_keep_temperatures_to_a_hundredth():
    celsius = np.array([[20.004, 31.236]])
    assert np.abs(golden_counts(celsius) - celsius).max() <= 0.0051


def golden_counts(celsius):
    return to_counts(celsius) * 0.01 - 273.15
