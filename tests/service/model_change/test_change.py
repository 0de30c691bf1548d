"""The change of the model as one act: what is refused changes nothing, and the audit log has a line of everything."""
import dataclasses
import errno
import os
import shutil
import stat
import zipfile

import pytest

from service import durable
from service.bundle import stage
from service.messages import ThermoscreenError
from service.model_change import Trial, child, installed, prepare, selftest
from service.model_change.selftest import Figures, compared

from ...fakes import bundles, signing, variants
from ...fakes.killing import killed_at
from ...fakes.synced import Synced
from .conftest import release


def spoiled(folder):
    with open(os.path.join(folder, 'model.onnx'), 'r+b') as stream:
        stream.seek(40)
        stream.write(b'\xff')
    return folder


def wrong_golden(folder):
    contents = dict(bundles.files(), **{'model.onnx': variants.network('fp32')})
    return signing.sign(bundles.write(folder, bundles.document(version='2.0.0'), contents))


def wrong_classifier(folder):
    manifest = bundles.pair_document(version='2.0.0')
    manifest['classifier']['golden']['finding_tolerance'] = 1e-9
    return signing.sign(bundles.write_pair(folder, manifest))


def archive(folder, *more, top='phantom/', key=signing.SIGNER):
    """A zip archive of a good bundle, and more entries as (name or `ZipInfo`, data)."""
    source = release(folder / 'source', '2.0.0', key)
    path = str(folder / 'bundle.zip')
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as made:
        for name in sorted(os.listdir(source)):
            made.write(os.path.join(source, name), top + name)
        for name, data in more:
            made.writestr(name, data)
    return path


def link():
    entry = zipfile.ZipInfo('phantom/extra.onnx')
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)
    return path


def text(folder):
    (folder / 'x').write_text('no archive')
    return str(folder / 'x')


REFUSED = {
    'a key that nobody trusts': (lambda folder: release(folder / 'b', '2.0.0', signing.STRANGER), 'bundle-key'),
    'no signature': (lambda folder: variants.write_variants(folder / 'b', version='2.0.0'), 'bundle-unsigned'),
    'a flipped byte': (lambda folder: spoiled(release(folder / 'b', '2.0.0')), 'bundle-hash'),
    'an older version': (lambda folder: release(folder / 'b', '0.9.0'), 'bundle-downgrade'),
    'nothing there': (lambda folder: str(folder / 'b'), 'bundle-missing'),
    'another golden answer': (lambda folder: wrong_golden(folder / 'b'), 'golden-mismatch'),
    'another golden answer of a classifier': (lambda folder: wrong_classifier(folder / 'b'), 'golden-mismatch'),
    'an archive of a stranger': (lambda folder: archive(folder, key=signing.STRANGER), 'bundle-key'),
    'an archive that leads out': (lambda folder: archive(folder, ('../../evil', 'x')), 'bundle-archive'),
    'an absolute name': (lambda folder: archive(folder, ('/etc/evil', 'x')), 'bundle-archive'),
    'a name with backslashes': (lambda folder: archive(folder, ('phantom/..\\evil', 'x')), 'bundle-archive'),
    'a top that leads out': (lambda folder: archive(folder, top='../'), 'bundle-archive'),
    'a link': (lambda folder: archive(folder, (link(), '/etc/passwd')), 'bundle-archive'),
    'a folder in it': (lambda folder: archive(folder, ('phantom/a/b', 'x')), 'bundle-archive'),
    'two manifests': (lambda folder: archive(folder, ('b/manifest.json', '{}')), 'bundle-archive'),
    'a bomb': (lambda folder: archive(folder, ('phantom/extra.onnx', bytes(1 << 20))), 'bundle-archive-large'),
    'many entries': (lambda folder: archive(folder, *[('phantom/%d' % n, '') for n in range(80)]),
                     'bundle-archive-large'),
    'very many entries': (lambda folder: archive(folder, *[('phantom/%d' % n, '') for n in range(300)]),
                          'bundle-archive-large'),
    'an unlisted file': (lambda folder: archive(folder, ('phantom/extra', 'x')), 'bundle-file-unlisted'),
    'half an archive': (lambda folder: cut(archive(folder)), 'bundle-archive'),
    'no archive': (text, 'bundle-archive'),
}


@pytest.mark.parametrize('what', sorted(REFUSED))
def test_what_is_refused_changes_nothing_and_is_in_the_audit_log(station, quick, monkeypatch, what):
    monkeypatch.setattr('service.bundle.archive.MAX_BYTES', 1 << 19)
    make, code = REFUSED[what]
    source, before = make(station.folder), station.history.changes
    with pytest.raises(ThermoscreenError) as caught, prepare(station.site, source, '1a2b'):
        raise AssertionError('it was prepared')
    assert caught.value.code == code and '\n' not in str(caught.value)
    assert station.version == '1.0.0' and station.beside == ['bundle'] and station.history.changes == before
    (line,) = station.lines
    assert line[:2] == ('model-refused', '1a2b') and line[2]['code'] == code and line[2]['outcome'] == 'refused'
    assert sorted(set(os.listdir(str(station.folder))) - {'b', 'source', 'bundle.zip', 'x'}) == ['device', 'old']


def figures(**changes):
    return Figures(**dict(dict(backend='ONNX Runtime', name='onnxruntime', median_ms=20.0, peak_bytes=200 << 20,
                               results=3, frames=3, passed_over=()), **changes))


def answering(monkeypatch, new, today=None):
    """Have the new bundle and today's give these answers in the self-test."""
    def asked(request, abandoned):
        return today if request['folder'].endswith('/bundle') else new
    monkeypatch.setattr(selftest, '_asked', asked)


GOOD = figures()._asdict()


@pytest.mark.parametrize('program, limit_s, gone, code', [
    ('import os; os.kill(os.getpid(), 11)', 600, False, 'self-test-crashed'),
    ('print("{")', 600, False, 'self-test-crashed'),
    ('import signal; signal.pause()', 0, False, 'self-test-silent'),
    ('import signal; signal.pause()', 600, True, 'model-cancelled')])
def test_a_self_test_that_ends_its_process_or_never_ends(station, monkeypatch, program, limit_s, gone, code):
    monkeypatch.setattr(selftest, '_PROGRAM', program)
    monkeypatch.setattr(selftest, 'LIMIT_S', limit_s)
    monkeypatch.setattr(selftest, '_POLL_S', 0.05)
    with pytest.raises(ThermoscreenError) as caught:
        selftest.try_bundle(station.target, station.site.runtime, lambda: gone)
    assert caught.value.code == code


def test_a_golden_pair_that_passes_is_not_enough(station, quick, monkeypatch):
    analyse = child.Pipeline.analyse
    monkeypatch.setattr(child.Pipeline, 'analyse', lambda self, frame: dataclasses.replace(
        analyse(self, frame), confidence=float('nan')))
    with pytest.raises(ThermoscreenError) as caught, prepare(station.site, release(station.folder / 'b', '2.0.0')):
        raise AssertionError('it was prepared')
    assert caught.value.code == 'self-test-numbers' and station.version == '1.0.0'
    monkeypatch.undo()
    answering(monkeypatch, dict(GOOD, results=0), GOOD)
    with pytest.raises(ThermoscreenError) as caught, prepare(station.site, str(station.folder / 'b')):
        raise AssertionError('it was prepared')
    assert caught.value.code == 'self-test-results' and station.beside == ['bundle']
    assert [line[2]['code'] for line in station.lines] == ['self-test-numbers', 'self-test-results']


@pytest.mark.parametrize('changes, codes', [
    ({}, []), ({'median_ms': 29.0, 'peak_bytes': 240 << 20}, []), ({'median_ms': 31.0}, ['model-slower']),
    ({'peak_bytes': 260 << 20}, ['model-larger']), ({'results': 2}, ['model-fewer-results']),
    ({'passed_over': ('An engine does not fit.',)}, ['model-passed-over'])])
def test_what_is_worse_than_today_is_said(changes, codes):
    told = compared(figures(**changes), figures())
    assert [message.code for message in told] == ['self-test-ok'] + codes
    assert 'takes 20 ms a picture and 200 MiB of memory' in told[0].sentence
    engine = compared(figures(), figures(name='tensorrt', backend='TensorRT 8.2 fp16'))
    assert engine[-1].code == 'model-engine' and 'off and on' in engine[-1].next_step


@pytest.mark.parametrize('top', ['', 'phantom/'])
def test_an_archive_is_installed_and_listed_and_one_returns(station, quick, top):
    with prepare(station.site, archive(station.folder, top=top), '1a2b') as prepared:
        assert station.version == '1.0.0' and 'gives its golden answer' in prepared.messages[0].sentence
        prepared.switch()
    assert station.version == '2.0.0' and station.beside == ['bundle', 'bundle.previous']
    with prepare(station.site, None, '3c4d') as prepared:
        prepared.switch()
    assert station.version == '1.0.0'
    found = installed(station.target, signing.TRUST)
    assert (found['installed']['version'], found['previous']['version']) == ('1.0.0', '2.0.0')
    assert [(change['after']['version'], change['by'], change['outcome']) for change in found['changes'][:2]] == [
        ('1.0.0', '3c4d', 'trial'), ('2.0.0', '1a2b', 'trial')]
    assert [(event, who, facts['from']['version'], facts['to']['version'], facts['outcome'])
            for event, who, facts in station.lines] == [
                ('model-changed', '1a2b', '1.0.0', '2.0.0', 'trial'),
                ('model-changed', '3c4d', '2.0.0', '1.0.0', 'trial')]


def test_an_older_one_by_request(station, quick):
    with prepare(station.site, release(station.folder / 'b', '0.9.0'), allow_older=True) as prepared:
        prepared.switch()
    assert station.version == '0.9.0'


def test_there_is_no_way_back_to_the_same_one(station, quick):
    for _ in range(2):
        with pytest.raises(ThermoscreenError) as caught, prepare(station.site, None):
            raise AssertionError('it was prepared')
        assert caught.value.code == 'bundle-missing'
        if station.beside == ['bundle']:
            with stage(station.target, station.target + '.previous', signing.TRUST) as staged:
                staged.place()


def test_the_bundle_of_the_program_stays(station):
    shipped = station.site._replace(target=os.path.join(os.path.dirname(durable.__file__), 'bundles', 'phantom-fpn'))
    with pytest.raises(ThermoscreenError) as caught, prepare(shipped, str(station.folder / 'old')):
        raise AssertionError('it was prepared')
    assert caught.value.code == 'bundle-shipped'


def test_an_audit_log_that_cannot_be_written_is_told_at_the_next_start(station, quick):
    def full(event, *args, **facts):
        raise durable.storage_error(OSError(errno.ENOSPC, 'full'), 'audit')
    with prepare(station.site._replace(record=full), release(station.folder / 'b', '2.0.0'), '1a2b') as prepared:
        prepared.switch()
    assert station.version == '2.0.0' and station.history.last.told == ''
    for _ in range(2):
        Trial(station.target, signing.TRUST).tell(station.record)
    assert [line[:2] for line in station.lines] == [('model-changed', '1a2b')]


def test_what_was_installed_was_synced_with_its_name(station):
    state = station.folder / 'a' / 'b'
    with Synced().watching() as synced:
        for version in ('1.1.0', '1.2.0'):
            with stage(release(station.folder / version, version), str(state / 'bundle'), signing.TRUST) as staged:
                staged.place()
            assert synced.lacking(station.folder / 'a') == []


#: Steps that a disk sees; what lies between two of them is the same to a power cut.
_STEPS = tuple((os, name) for name in ('fsync', 'rename', 'replace', 'mkdir', 'unlink', 'rmdir'))


@pytest.mark.parametrize('way', ['install', 'return', 'come back'])
def test_a_kill_at_any_step_leaves_one_of_the_two_whole(station, way, monkeypatch):
    station.place('1.1.0')
    station.settled('kept' if way == 'return' else 'trial')
    source = station.target + '.previous' if way == 'return' else release(station.folder / 'b', '1.2.0')
    state = os.path.dirname(station.target)
    kept = str(station.folder / 'kept')
    shutil.copytree(state, kept)

    def work():
        if way == 'come back':
            assert Trial(station.target, signing.TRUST).take_back(selftest.cancelled().message)
            return
        with stage(source, station.target, signing.TRUST, allow_older=True) as staged:
            staged.place()

    new, seen = {'install': '1.2.0', 'return': '1.0.0', 'come back': '1.0.0'}[way], set()
    for k in range(0, 400, 7):
        shutil.rmtree(state)
        shutil.copytree(kept, state)
        killed = killed_at(k, work, _STEPS)
        trial = Trial(station.target, signing.TRUST)
        version, last = station.version, station.history.last
        assert version in ('1.1.0', new) and not [name for name in station.beside if name.startswith('.')]
        if way == 'come back':
            assert (last.outcome, version) in (('returned', '1.0.0'), ('trial', '1.1.0'))
        elif last.after['version'] == new and len(station.history.changes) == 3:
            assert last.outcome == ('trial' if version == new else 'interrupted')
            if version == new and way == 'install':  # the way back is there
                assert trial.take_back(selftest.cancelled().message) and station.version == '1.1.0'
        seen.add(version)
        if not killed:
            break
    assert seen == {'1.1.0', new} and not killed
