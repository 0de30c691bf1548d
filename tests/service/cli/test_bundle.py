"""``thermoscreen bundle``: what it prints, and how it ends."""
import json
import os
import sys
from unittest import mock

import pytest
from click.testing import CliRunner

from service.bundle import key_id
from service.cli import program
from service.cli.main import main
from service.messages import WARNING, Message
from service.operators import Cost, Station
from service.operators.chain import decode, read_lines
from service.settings import SHIPPED_BUNDLE
from tests.fakes import bundles, signing, trying, variants

KEY = key_id(signing.raw(signing.SIGNER))


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the program: (exit code, standard output, standard error)."""
    trying.in_this_process(monkeypatch)

    def call(*arguments):
        monkeypatch.setattr(sys, 'argv', ['thermoscreen'] + [str(argument) for argument in arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err
    return call


@pytest.fixture
def keys(tmp_path):
    return signing.write_public(tmp_path / 'keys')


@pytest.mark.parametrize('verb', ['keygen', 'sign', 'verify', 'fetch', 'install', 'rollback', 'list', 'show'])
def test_every_verb_explains_itself_with_an_example(verb):
    result = CliRunner().invoke(program, ['bundle', verb, '--help'])
    assert result.exit_code == 0 and 'Example:' in result.output
    assert 'thermoscreen bundle ' + verb in result.output


def test_from_a_new_key_to_an_installed_bundle(run, tmp_path):
    key, folder = tmp_path / 'release.pem', variants.write_variants(tmp_path / 'b')
    code, out, _ = run('bundle', 'keygen', '--out', key)
    name = out.split()[1].rstrip(':')
    assert code == 0 and str(tmp_path / 'release.pub') in out and len(name) == 16
    assert run('bundle', 'sign', folder, '--key', key) == (0, '%s is signed by key %s.\n' % (folder, name), '')
    assert run('bundle', 'sign', folder, '--key', key)[1].endswith('%s already.\n' % name)
    code, out, _ = run('bundle', 'verify', folder, '--keys', tmp_path)
    assert code == 0 and 'variants 1.0.0' in out and 'key ' + name in out
    assert 'fp16-logits' in out and 'labels 98 %, confidence 0.05, finding 0.01' in out
    code, out, _ = run('bundle', 'install', folder, '--to', tmp_path / 'device', '--keys', tmp_path)
    assert code == 0 and 'variants 1.0.0' in out and os.path.isfile(str(tmp_path / 'device' / 'signature.json'))


def test_verify_as_json(run, tmp_path, keys):
    folder = signing.sign(variants.write_variants(tmp_path / 'b'))
    code, out, _ = run('bundle', 'verify', folder, '--keys', keys, '--json')
    report = json.loads(out)
    assert code == 0 and report['key'] == KEY and report['id'] == 'variants' and len(report['hash']) == 64
    assert list(report['variants']) == ['fp32', 'fp16', 'int8-qdq', 'fp32-logits', 'fp16-logits']
    assert report['variants']['fp16']['golden']['confidence_tolerance'] == 0.05


def test_a_golden_pair_that_cannot_be_read_does_not_verify(run, tmp_path, keys):
    contents = dict(bundles.files(), **{'golden.npz': b'PK'})
    folder = signing.sign(bundles.write(tmp_path / 'b', contents=contents))
    code, out, err = run('bundle', 'verify', folder, '--keys', keys)
    assert code == 3 and out == '' and err.endswith('[golden-unreadable]\n')


def test_the_shipped_bundle_verifies_as_it_comes(run):
    assert run('bundle', 'verify', SHIPPED_BUNDLE)[0] == 0


@pytest.mark.parametrize('verb', [['verify'], ['install', '--to', 'device']])
@pytest.mark.parametrize('sign, code', [(signing.sign, 'bundle-key'), (lambda folder: folder, 'bundle-unsigned')])
def test_a_refusal_is_one_line_and_exit_3(run, tmp_path, monkeypatch, verb, sign, code):
    monkeypatch.chdir(str(tmp_path))
    status, out, err = run('bundle', verb[0], sign(bundles.write(tmp_path / 'b')), *verb[1:])
    assert status == 3 and out == '' and err.count('\n') == 1 and err.endswith('[%s]\n' % code)
    assert os.listdir(str(tmp_path)) == ['b']


def test_an_unsigned_bundle_where_the_settings_allow_it(run, tmp_path):
    (tmp_path / 'settings.toml').write_text('[model]\nallow_unsigned = true\n')
    code, out, _ = run('bundle', 'verify', bundles.write(tmp_path / 'b'), '--settings', tmp_path / 'settings.toml')
    assert code == 0 and 'signed by  nobody, which the settings allow' in out


def test_keys_of_the_settings(run, tmp_path, keys):
    (tmp_path / 'settings.toml').write_text('[model]\ntrusted_keys = "%s"\n' % keys)
    folder = signing.sign(bundles.write(tmp_path / 'b'))
    code, out, _ = run('bundle', 'verify', folder, '--settings', tmp_path / 'settings.toml')
    assert code == 0 and 'key ' + KEY in out


def test_a_folder_without_keys_is_a_mistake_in_the_settings(run, tmp_path):
    code, _, err = run('bundle', 'verify', bundles.write(tmp_path / 'b'), '--keys', tmp_path)
    assert code == 2 and err.endswith('[trusted-keys]\n')


def test_a_downgrade_by_request(run, tmp_path, keys):
    new, old = (signing.sign(bundles.write(tmp_path / version, bundles.document(version=version)))
                for version in ('1.1.0', '1.0.0'))
    to = ['--to', tmp_path / 'device', '--keys', keys]
    assert run('bundle', 'install', new, *to)[0] == 0
    code, _, err = run('bundle', 'install', old, *to)
    assert code == 3 and 'tiny 1.1.0, which is newer than tiny 1.0.0' in err
    code, out, _ = run('bundle', 'install', old, '--allow-older', *to)
    assert code == 0 and 'in place of version 1.1.0' in out


def test_a_bundle_is_fetched_and_then_installed(run, tmp_path, keys, monkeypatch):
    signing.sign(bundles.write(tmp_path / 'stick' / 'tiny'))
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(str(tmp_path / 'here'))
    fetch = ['bundle', 'fetch', 'file://%s/stick/tiny' % tmp_path, '--keys', keys]
    code, out, _ = run(*fetch)
    assert code == 0 and 'signed by  ' + KEY in out and 'fetched    ' in out
    assert out.endswith('Install it with: thermoscreen bundle install tiny\n') and os.listdir('.') == ['tiny']
    report = json.loads(run(*fetch, '--json')[1])
    assert report['fetched_bytes'] == 0 and report['folder'] == str(tmp_path / 'here' / 'tiny') and report['key'] == KEY
    assert run('bundle', 'install', 'tiny', '--to', tmp_path / 'device', '--keys', keys)[0] == 0
    code, out, err = run(*fetch[:2], 'http://example.org/tiny')
    assert code == 2 and out == '' and err.count('\n') == 1 and err.endswith('[fetch-url]\n')


def test_the_way_back_by_request(run, tmp_path, keys):
    to = ['--to', tmp_path / 'device', '--keys', keys]
    for version in ('1.0.0', '1.1.0'):
        folder = signing.sign(bundles.write(tmp_path / version, bundles.document(version=version)))
        assert run('bundle', 'install', folder, *to)[0] == 0
    code, out, _ = run('bundle', 'rollback', *to)
    assert code == 0 and 'gives its golden answer' in out and 'tiny 1.0.0' in out and 'place of version 1.1.0' in out
    code, out, _ = run('bundle', 'list', *to)
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith('installed  tiny 1.0.0 (') and 'before     tiny 1.1.0 (' in lines[1]
    assert [line.split()[1:4] for line in lines[2:]] == [['trial', 'tiny', version]
                                                         for version in ('1.0.0', '1.1.0', '1.0.0')]
    (tmp_path / 'device' / 'model.onnx').write_bytes(b'spoiled')
    assert json.loads(run('bundle', 'list', '--json', *to)[1])['problem']['code'] == 'bundle-hash'


def test_a_station_with_operators_asks_for_a_supervisor(run, tmp_path, keys, tick, monkeypatch):
    exams = tmp_path / 'exams'
    with Station(str(exams), tick, cost=Cost(2, 8, 1)) as station:
        station.operators.first_supervisor('Ann Lind', '274911')
        (ann,) = station.operators.list()
        (tmp_path / 'settings.toml').write_text('[exams]\nexams_folder = "%s"\n[model]\nbundle = "%s"\n'
                                                'trusted_keys = "%s"\n' % (exams, tmp_path / 'device' / 'b', keys))
        folder = signing.sign(bundles.write(tmp_path / 'b'))
        asked = ['bundle', 'install', folder, '--settings', tmp_path / 'settings.toml']
        assert run(*asked)[2].endswith('[audit-in-use]\n')
    pins = ['000000', '274911']
    monkeypatch.setattr('click.prompt', lambda *args, **kwargs: pins.pop(0))
    assert run(*asked)[2].endswith('[pin-wrong]\n') and not (tmp_path / 'device').exists()
    assert run(*asked)[0] == 0
    assert run('bundle', 'rollback', '--unattended', *asked[3:])[2].endswith('[bundle-missing]\n')
    entries = [decode(line) for line in read_lines(str(exams / 'audit'))]
    told = [(entry['event'], entry['operator'], entry['facts'].get('code')) for entry in entries
            if entry['event'].startswith('model-')]
    assert told == [('model-changed', ann.id, ''), ('model-refused', '', 'bundle-missing')]
    # While the service runs it is noted; the log takes that in.
    with Station(str(exams), tick, cost=Cost(2, 8, 1)) as station:
        assert run(*asked)[2].endswith('[audit-in-use]\n')
        station.audit.take_notes()
    told = [decode(line) for line in read_lines(str(exams / 'audit')) if b'noted' in line]
    assert [(entry['event'], entry['facts']['code']) for entry in told] == [('model-refused', 'audit-in-use')] * 2


def test_a_station_without_operators_notes_it_while_the_service_runs(run, tmp_path, keys, tick):
    exams = tmp_path / 'exams'
    with Station(str(exams), tick, cost=Cost(2, 8, 1)) as station:
        (tmp_path / 'settings.toml').write_text('[exams]\nexams_folder = "%s"\n[model]\nbundle = "%s"\n'
                                                'trusted_keys = "%s"\n' % (exams, tmp_path / 'device' / 'b', keys))
        settings = ['--settings', tmp_path / 'settings.toml']
        assert run('bundle', 'install', signing.sign(bundles.write(tmp_path / 'b')), *settings)[0] == 0
        assert run('bundle', 'rollback', *settings)[2].endswith('[bundle-missing]\n')
        station.audit.take_notes()
    told = [decode(line) for line in read_lines(str(exams / 'audit')) if b'noted' in line]
    assert [(entry['event'], entry['facts']['code']) for entry in told] == [
        ('model-changed', ''), ('model-refused', 'bundle-missing')]
    assert told[0]['facts']['to']['id'] == 'tiny' and told[0]['facts']['user']


def test_what_is_worse_than_today_is_asked_about(run, tmp_path, keys, monkeypatch):
    worse = [Message('model-slower', 'It takes longer.', severity=WARNING)]
    monkeypatch.setattr('service.model_change.change.self_test', lambda *args: worse)
    monkeypatch.setattr('sys.stdin', mock.Mock(**{'isatty.return_value': True}))
    answers = [False, True]
    monkeypatch.setattr('click.confirm', lambda *args: answers.pop(0))
    folder = signing.sign(bundles.write(tmp_path / 'b'))
    asked = ['bundle', 'install', folder, '--to', tmp_path / 'device', '--keys', keys]
    code, out, err = run(*asked)
    assert code == 2 and 'It takes longer.' in out and err.endswith('[model-cancelled]\n')
    assert not (tmp_path / 'device').exists() and run(*asked)[0] == 0


def test_a_key_with_a_last_day(run, tmp_path):
    folder, key = bundles.write(tmp_path / 'b'), tmp_path / 'k.pem'
    code, _, err = run('bundle', 'keygen', '--out', key, '--not-after', '2028-02-30')
    assert code == 2 and err.endswith('[key-date]\n') and not key.exists()
    assert run('bundle', 'keygen', '--out', key, '--not-after', '2028-02-28')[0] == 0
    assert (tmp_path / 'k.pub').read_text().startswith('Not-After: 2028-02-28\n-----BEGIN PUBLIC KEY-----\n')
    assert run('bundle', 'sign', folder, '--key', key)[0] == 0
    assert 'can be installed until 2028-02-28' in run('bundle', 'verify', folder, '--keys', tmp_path)[1]
    report = json.loads(run('bundle', 'verify', folder, '--keys', tmp_path, '--json')[1])
    assert report['key_not_after'] == '2028-02-28'


def test_show_needs_no_key_and_says_that_it_verified_none(run, tmp_path):
    manifest = variants.document(deployment={'refused': 'A reason'})
    manifest['finding'].update(temperature=1.5, operating_points=[
        {'name': 'screening', 'threshold': 0.4, 'sensitivity': 0.9, 'specificity': 0.5, 'n': 40, 'basis': 'Phantoms.'}])
    folder = signing.sign(bundles.write(tmp_path / 'b', manifest, variants.files()), signing.STRANGER)
    code, out, _ = run('bundle', 'show', folder)
    assert code == 0 and 'not verified here' in out and 'refused    A reason' in out
    assert 'at temperature 1.5' in out and 'sensitivity 0.900' in out and 'entropy on 1 frames' in out
    report = json.loads(run('bundle', 'show', folder, '--json')[1])
    assert report['verified'] is False and report['manifest']['name'] == 'variants'
    assert report['key'] == key_id(signing.raw(signing.STRANGER))


def test_show_prints_no_control_characters(run, tmp_path):
    folder = bundles.write(tmp_path / 'b', bundles.document(intended_use='a\x1b[2Jb\nc'))
    code, out, _ = run('bundle', 'show', folder)
    assert code == 0 and 'a?[2Jb c' in out and '\x1b' not in out


def test_a_passphrase_from_a_file(run, tmp_path):
    (tmp_path / 'phrase').write_text('open sesame\nsecond line\n')
    (tmp_path / 'wrong').write_text('open simsim\n')
    key, folder = tmp_path / 'k.pem', bundles.write(tmp_path / 'b')
    assert run('bundle', 'keygen', '--out', key, '--passphrase-file', tmp_path / 'phrase')[0] == 0
    assert b'ENCRYPTED' in key.read_bytes()
    assert run('bundle', 'sign', folder, '--key', key, '--passphrase-file', tmp_path / 'phrase')[0] == 0
    for options in ([], ['--passphrase-file', tmp_path / 'wrong']):
        code, _, err = run('bundle', 'sign', folder, '--key', key, *options)
        assert code == 2 and err.endswith('[key-passphrase]\n')


def test_a_passphrase_that_is_asked_for(tmp_path):
    key = str(tmp_path / 'k.pem')
    result = CliRunner().invoke(program, ['bundle', 'keygen', '--out', key, '--passphrase'], input='one\none\n')
    assert result.exit_code == 0 and 'one' not in result.output
    with open(key, 'rb') as stream:
        assert b'ENCRYPTED' in stream.read()


@pytest.mark.parametrize('content, code', [('', 'passphrase-empty'), ('\nsecond', 'passphrase-empty'),
                                           (None, 'passphrase-unreadable')])
def test_a_passphrase_file_that_holds_none(run, tmp_path, content, code):
    if content is not None:
        (tmp_path / 'phrase').write_text(content)
    status, _, err = run('bundle', 'keygen', '--out', tmp_path / 'k.pem', '--passphrase-file', tmp_path / 'phrase')
    assert status == 2 and err.endswith('[%s]\n' % code) and not (tmp_path / 'k.pem').exists()


def test_a_key_that_is_there_is_kept(run, tmp_path):
    (tmp_path / 'k.pem').write_text('mine')
    code, _, err = run('bundle', 'keygen', '--out', tmp_path / 'k.pem')
    assert code == 6 and err.endswith('[file-exists]\n') and (tmp_path / 'k.pem').read_text() == 'mine'


def test_two_networks_are_verified_and_shown_with_their_order(run, tmp_path, keys):
    folder = signing.sign(bundles.write_pair(tmp_path / 'pair'))
    code, out, _ = run('bundle', 'verify', folder, '--keys', keys)
    assert code == 0 and 'order      classify-then-segment' in out
    assert 'segmenter  fp32' in out and 'golden within labels 99.9 %, confidence 0.001\n' in out
    assert 'classifier fp32' in out and 'golden within finding 0.001\n' in out
    report = json.loads(run('bundle', 'show', folder, '--json')[1])
    assert report['order'] == 'classify-then-segment' and list(report['classifier']) == ['fp32']
