"""A bundle is installed whole and verified, or the one that was there stays."""
import dataclasses
import errno
import fcntl
import json
import os
import shutil
from collections import namedtuple
from unittest import mock

import pytest

from service import durable
from service.bundle import key_id, open_bundle, previous_bundle, recover_bundle, stage, write_bundle
from service.bundle import previous_of as previous_path
from service.messages import BundleError, InputError, StorageError
from service.pipeline import Pipeline
from tests.fakes import bundles, signing, variants
from tests.fakes import onnx_builder as build


def release(folder, version='1.0.0', **changes):
    return signing.sign(variants.write_variants(folder, version=version, **changes))


Done = namedtuple('Done', ['bundle', 'replaced'])


def install_bundle(source, target, trust, allow_older=False):
    """Put a bundle in place as the act does, without its trial on this machine."""
    with stage(source, target, trust, allow_older) as staged:
        change = staged.place('1a2b')
        assert change.outcome == 'trial' and change.after == staged.bundle.manifest.identity
        return Done(open_bundle(target, trust=trust), staged.old and staged.old.manifest['version'])


def return_to_previous(target, trust):
    return install_bundle(previous_bundle(target), target, trust, allow_older=True)


def previous_of(target):
    return previous_path(str(target))


def beside(target):
    """What is in the folder of the station, without the history."""
    return sorted(set(os.listdir(str(target.parent))) - {'bundle-history.json'})


def version_in(folder):
    return open_bundle(str(folder), trust=signing.TRUST).manifest['version']


@pytest.fixture(params=['exchange', 'rename-twice'])
def way(request, monkeypatch):
    """Both ways of putting a folder in place: the kernel's, and that of machines without it."""
    if request.param == 'rename-twice':
        monkeypatch.setattr(durable, '_exchange', lambda one, other: False)
    return request.param


@pytest.fixture
def target(tmp_path):
    """A folder with version 1.0.0 installed."""
    folder = tmp_path / 'device' / 'bundle'
    install_bundle(release(tmp_path / 'old'), str(folder), signing.TRUST)
    return folder


def refused(kind, source, target, trust=signing.TRUST, **options):
    with pytest.raises(kind) as caught:
        install_bundle(str(source), str(target), trust, **options)
    assert '\n' not in caught.value.message.text
    return caught.value.code


def test_the_first_one_makes_its_folder(tmp_path):
    done = install_bundle(release(tmp_path / 'new'), str(tmp_path / 'some' / 'where'), signing.TRUST)
    assert done.replaced is None and done.bundle.folder == str(tmp_path / 'some' / 'where')
    assert sorted(os.listdir(str(tmp_path / 'some'))) == ['bundle-history.json', 'where']
    assert os.stat(done.bundle.folder).st_mode & 0o777 == 0o755


def test_a_newer_one_takes_its_place(tmp_path, target, way):
    done = install_bundle(release(tmp_path / 'new', '1.1.0'), str(target), signing.TRUST)
    assert done.replaced == '1.0.0' and version_in(target) == '1.1.0' and version_in(previous_of(target)) == '1.0.0'
    assert beside(target) == ['bundle', 'bundle.previous']


def test_only_what_the_manifest_lists_is_copied(tmp_path, target):
    assert sorted(os.listdir(str(target))) == sorted(os.listdir(str(tmp_path / 'old')))
    (tmp_path / 'old' / 'notes.txt').write_text('extra')
    assert refused(BundleError, tmp_path / 'old', tmp_path / 'other') == 'bundle-file-unlisted'


def test_a_full_disk_leaves_the_old_one(tmp_path, target, monkeypatch, way):
    source = release(tmp_path / 'new', '2.0.0')
    real, room = os.write, [3000]

    def write(descriptor, data):
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, 'No space left on device')
        room[0] -= len(data)
        return real(descriptor, data)

    monkeypatch.setattr(durable.os, 'write', write)
    assert refused(StorageError, source, target) == 'disk-full'
    monkeypatch.undo()
    assert version_in(target) == '1.0.0' and beside(target) == ['bundle']


@pytest.mark.parametrize('step', ['mkdtemp', 'rename'])
@pytest.mark.parametrize('number, code', [(errno.ENOSPC, 'disk-full'), (errno.EROFS, 'disk-read-only'),
                                          (errno.EIO, 'disk-failing')])
def test_any_step_that_the_disk_refuses_leaves_the_old_one(tmp_path, target, monkeypatch, step, number, code):
    source = release(tmp_path / 'new', '2.0.0')
    monkeypatch.setattr(durable, '_exchange', lambda one, other: False)

    def fail(*args, **kwargs):
        if step == 'rename' and str(args[1]) != str(target):
            return real(*args, **kwargs)
        monkeypatch.undo()
        raise OSError(number, os.strerror(number))

    if step == 'mkdtemp':
        monkeypatch.setattr('service.bundle.install.tempfile.mkdtemp', fail)
    else:
        real = os.rename
        monkeypatch.setattr(durable.os, 'rename', fail)
    assert refused(StorageError, source, target) == code
    assert version_in(target) == '1.0.0'
    # The last step is the exchange: the old one was kept by then.
    assert beside(target) == ['bundle', 'bundle.previous'][:2 if step == 'rename' else 1]


def test_a_copy_that_is_not_the_source_is_not_put_in_place(tmp_path, target, monkeypatch):
    source = release(tmp_path / 'new', '2.0.0')
    real = durable.atomic_write

    def write(path, data):
        real(path, data[:-1] + b'\0' if path.endswith('model-fp16.onnx') else data)

    monkeypatch.setattr('service.bundle.install.atomic_write', write)
    assert refused(BundleError, source, target) == 'bundle-hash'
    assert version_in(target) == '1.0.0' and beside(target) == ['bundle']


@pytest.mark.parametrize('sign, code', [
    (lambda folder: folder, 'bundle-unsigned'),
    (lambda folder: signing.sign(folder, signing.STRANGER), 'bundle-key'),
])
def test_what_is_not_trusted_is_not_installed(tmp_path, target, sign, code):
    source = sign(variants.write_variants(tmp_path / 'new', version='2.0.0'))
    assert refused(BundleError, source, target) == code and version_in(target) == '1.0.0'


def test_what_is_not_for_deployment_is_not_installed(tmp_path, target):
    source = release(tmp_path / 'new', '2.0.0', deployment={'refused': 'A reason'})
    assert refused(BundleError, source, target) == 'bundle-not-for-deployment' and version_in(target) == '1.0.0'


def test_an_unsigned_one_where_that_is_allowed(tmp_path):
    source = variants.write_variants(tmp_path / 'new')
    done = install_bundle(source, str(tmp_path / 'there'), signing.LENIENT)
    assert done.bundle.signed_by == '' and 'signature.json' not in os.listdir(str(tmp_path / 'there'))


@pytest.mark.parametrize('older', ['1.9.9', '1.10.1', '0.99.99'])
def test_a_downgrade_is_asked_for(tmp_path, older):
    target = tmp_path / 'device'
    install_bundle(release(tmp_path / 'old', '1.10.2'), str(target), signing.TRUST)
    source = release(tmp_path / 'older', older)
    assert refused(BundleError, source, target) == 'bundle-downgrade' and version_in(target) == '1.10.2'
    install_bundle(source, str(target), signing.TRUST, allow_older=True)
    assert version_in(target) == older


def test_the_same_version_is_no_downgrade(tmp_path, target):
    assert install_bundle(str(tmp_path / 'old'), str(target), signing.TRUST).replaced == '1.0.0'
    assert beside(target) == ['bundle']


def test_a_downgrade_is_seen_for_the_station_and_not_for_a_name(tmp_path, target):
    older = signing.sign(bundles.write(tmp_path / 'older', bundles.document(version='0.0.1')))
    assert refused(BundleError, older, target) == 'bundle-downgrade'
    done = install_bundle(older, str(target), signing.TRUST, allow_older=True)
    assert done.bundle.manifest['name'] == 'tiny'
    # The name is known now, and goes on from its own version.
    newer = signing.sign(bundles.write(tmp_path / 'newer', bundles.document(version='0.0.2')))
    install_bundle(newer, str(target), signing.TRUST)
    assert refused(BundleError, release(tmp_path / 'variants', '0.9.0'), target) == 'bundle-downgrade'


def test_another_bundle_in_between_or_a_spoiled_or_removed_one_opens_no_way_back(tmp_path):
    target = tmp_path / 'device' / 'bundle'
    install_bundle(release(tmp_path / 'old', '9.0.0'), str(target), signing.TRUST)
    (target / 'model.onnx').write_bytes(b'spoiled')
    old = release(tmp_path / 'new')
    assert refused(BundleError, old, target) == 'bundle-downgrade'
    shutil.rmtree(str(target))
    assert refused(BundleError, old, target) == 'bundle-downgrade'
    assert install_bundle(old, str(target), signing.TRUST, allow_older=True).replaced is None
    other = signing.sign(bundles.write(tmp_path / 'other', bundles.document(version='9.9.9')))
    install_bundle(other, str(target), signing.TRUST)
    assert refused(BundleError, old, target) == 'bundle-downgrade'


@pytest.mark.parametrize('text', ['', 'null', '[]', '{"versions": {"a": "1"}, "latest": "2026-01-01"}',
                                  '{"versions": {}, "latest": "today"}', '{"versions": {"a": 1}}', '[' * 5000,
                                  '{"versions": {}, "latest": "2026-01-01", "changes": [{"utc": 1}]}',
                                  '{"versions": {}, "latest": "2026-01-01", "changes": [{"utc": "", "by": "", '
                                  '"before": null, "after": null}]}'])
def test_a_damaged_history_is_named(tmp_path, target, text):
    (target.parent / 'bundle-history.json').write_text(text)
    assert refused(StorageError, release(tmp_path / 'new', '2.0.0'), target) == 'bundle-history'
    (target.parent / 'bundle-history.json').unlink()
    install_bundle(release(tmp_path / 'newer', '2.0.0'), str(target), signing.TRUST)


def test_one_returns_to_the_previous_bundle_and_back(tmp_path, target, way):
    install_bundle(release(tmp_path / 'new', '1.1.0'), str(target), signing.TRUST)
    assert return_to_previous(str(target), signing.TRUST).replaced == '1.1.0'
    assert version_in(target) == '1.0.0' and version_in(previous_of(target)) == '1.1.0'
    return_to_previous(str(target), signing.TRUST)
    assert version_in(target) == '1.1.0' and beside(target) == ['bundle', 'bundle.previous']


def test_a_previous_bundle_that_is_missing_or_spoiled_replaces_nothing(tmp_path, target):
    for code in ('bundle-missing', 'bundle-hash'):
        with pytest.raises(BundleError) as caught:
            return_to_previous(str(target), signing.TRUST)
        assert caught.value.code == code and version_in(target)
        install_bundle(release(tmp_path / code, '1.1.0'), str(target), signing.TRUST)
        (target.parent / 'bundle.previous' / 'model.onnx').write_bytes(b'spoiled')
    assert version_in(target) == '1.1.0'


def test_a_spoiled_bundle_does_not_take_the_place_of_the_previous_one(tmp_path, target):
    install_bundle(release(tmp_path / 'new', '1.1.0'), str(target), signing.TRUST)
    (target / 'model.onnx').write_bytes(b'spoiled')
    assert return_to_previous(str(target), signing.TRUST).replaced is None
    assert version_in(target) == '1.0.0'


def test_what_is_spoiled_while_it_takes_its_place_is_taken_back(tmp_path, target, monkeypatch):
    source, real = release(tmp_path / 'new', '1.1.0'), durable.replace_folder

    def spoil(staging, folder):
        real(staging, folder)
        if folder == str(target):
            monkeypatch.undo()
            (target / 'model.onnx').write_bytes(b'spoiled')

    monkeypatch.setattr('service.bundle.install.replace_folder', spoil)
    assert refused(BundleError, source, target) == 'bundle-hash' and version_in(target) == '1.0.0'


def test_a_key_that_has_expired_installs_nothing_and_what_is_installed_goes_on(tmp_path, target, monkeypatch):
    def clock(day):
        monkeypatch.setattr('service.bundle.history.datetime', mock.Mock(**{'now.return_value.strftime.return_value':
                                                                            day}))

    trust = dataclasses.replace(signing.TRUST, not_after={key_id(signing.raw(signing.SIGNER)): '2027-06-30'})
    new, newer = release(tmp_path / 'new', '1.1.0'), release(tmp_path / 'newer', '1.2.0')
    clock('2027-06-30')
    install_bundle(new, str(target), trust)
    clock('2027-07-01')
    assert refused(BundleError, newer, target, trust) == 'bundle-key-expired'
    assert open_bundle(str(target), trust=trust).manifest['version'] == '1.1.0'
    # The refusal was not an installation; the clock of a board without a battery starts in 1970.
    clock('1970-01-01')
    install_bundle(newer, str(target), trust)
    history = json.loads((target.parent / 'bundle-history.json').read_text())
    assert (history['latest'], history['versions']) == ('2027-06-30', {'variants': '1.2.0'})
    late = release(tmp_path / 'late', '1.3.0', created='2027-07-02T08:00:00Z')
    assert refused(BundleError, late, target, trust) == 'bundle-key-expired'


def test_other_folders_and_files_are_left_alone(tmp_path):
    source = release(tmp_path / 'new')
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'notes' / 'mine.txt').write_text('keep')
    (tmp_path / 'file').write_text('keep')
    assert refused(StorageError, source, tmp_path / 'notes') == 'not-a-bundle'
    assert refused(StorageError, source, tmp_path / 'file') == 'not-a-bundle'
    assert (tmp_path / 'notes' / 'mine.txt').read_text() == (tmp_path / 'file').read_text() == 'keep'


def test_an_empty_folder_and_a_link_to_a_folder(tmp_path, way):
    source = release(tmp_path / 'new')
    (tmp_path / 'empty').mkdir()
    os.symlink('empty', str(tmp_path / 'current'))
    install_bundle(source, str(tmp_path / 'current'), signing.TRUST)
    assert os.path.islink(str(tmp_path / 'current')) and version_in(tmp_path / 'empty') == '1.0.0'


def test_into_itself(tmp_path):
    source = release(tmp_path / 'new')
    for place in (source, source + '/inside', str(tmp_path)):
        assert refused(InputError, source, place) == 'install-into-itself'
    assert version_in(source) == '1.0.0'


def test_one_at_a_time(tmp_path, target):
    source = release(tmp_path / 'new', '2.0.0')
    descriptor = os.open(str(target.parent), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert refused(StorageError, source, target) == 'install-busy'
    finally:
        os.close(descriptor)
    install_bundle(source, str(target), signing.TRUST)


def test_a_start_puts_back_and_clears_away_what_a_power_cut_left(target):
    os.rename(str(target), str(target.parent / '.bundle.previous.staged'))
    (target.parent / '.install-abc_1234').mkdir()
    (target.parent / ('.%s.part' % ('0' * 32))).write_bytes(b'half')
    (target.parent / '.install-notes').mkdir()
    recover_bundle(str(target))
    assert version_in(target) == '1.0.0' and beside(target) == ['.install-notes', 'bundle']


def test_a_start_leaves_an_installation_that_runs(target):
    (target.parent / '.install-abc_1234').mkdir()
    descriptor = os.open(str(target.parent), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    recover_bundle(str(target))
    assert '.install-abc_1234' in beside(target)
    os.close(descriptor)
    recover_bundle(str(target.parent / 'nowhere' / 'bundle'))


def test_what_a_power_cut_left_is_cleared_away(tmp_path, target):
    (target.parent / ('.%s.part' % ('0' * 32))).write_bytes(b'half a history')
    (target.parent / '.install-abc_1234').mkdir()
    (target.parent / '.install-abc_1234' / 'model.onnx').write_bytes(b'half')
    install_bundle(release(tmp_path / 'new', '2.0.0'), str(target), signing.TRUST)
    assert beside(target) == ['bundle', 'bundle.previous']


def test_a_power_cut_between_two_renames_loses_nothing(tmp_path, target):
    os.rename(str(target), str(target.parent / '.bundle.previous.staged'))
    assert refused(BundleError, release(tmp_path / 'older', '0.1.0'), target) == 'bundle-downgrade'
    assert version_in(target) == '1.0.0'
    shutil.copytree(str(target), str(target.parent / '.bundle.previous.staged'))
    install_bundle(release(tmp_path / 'new', '2.0.0'), str(target), signing.TRUST)
    assert beside(target) == ['bundle', 'bundle.previous']


REFUSED = {'refused': 'It needs a mask drawn by hand, which no camera gives'}
REASON = ('is not for deployment: It needs a mask drawn by hand, which no camera gives. Name another '
          'bundle.')


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


def test_an_invalid_bundle_leaves_nothing(tmp_path):
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


def test_a_refused_bundle_is_written_and_opens_for_study_only(tmp_path):
    folder = str(tmp_path / 'b')
    written = write_bundle(folder, bundles.document(deployment=REFUSED), bundles.files())
    assert written.manifest.refused
    assert open_bundle(folder, study=True).model == written.model
    for start in (open_bundle, Pipeline.from_folder):
        with pytest.raises(BundleError) as caught:
            start(folder)
        assert caught.value.code == 'bundle-not-for-deployment'
        assert caught.value.message.text == 'The bundle in %s %s' % (folder, REASON)


def test_a_bundle_to_be_studied_must_be_intact(tmp_path):
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
