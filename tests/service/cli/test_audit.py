"""``thermoscreen audit verify``: what it prints, and that its exit code says what is wrong."""
import json
import os
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from click.testing import CliRunner

from service import exams
from service.cli import program
from service.exams import DRAFT, SIGNED
from service.exams.folder import write_exam
from service.operators import Anchor, Audit, Signer, SocketSigner, verify
from tests.service.exams.making import ID, made

KEY = b'k' * 32


@pytest.fixture
def station(tmp_path, tick):
    """A folder of exams with a log of five entries, of which its own signer signed three."""
    exams = tmp_path / 'exams'
    log = str(exams / 'audit')
    with Audit(log, tick, Signer(str(exams) + '.signer', log, tick), KEY) as audit:
        for number in range(4):
            anchor = audit.append('exam-viewed', 'op-1', exam='e%d' % number)
            if number == 1:
                audit.checkpoint()
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\n' % exams)
    return str(exams), anchor


@pytest.fixture
def run(tmp_path, station):
    def call(*words, settings=True):
        named = ['--settings', str(tmp_path / 's.toml')] if settings else []
        result = CliRunner().invoke(program, ['audit', 'verify'] + named + list(words))
        return result.exit_code, result.output, result.exception
    return call


def cut(folder, lines):
    path = os.path.join(folder, 'audit', '00000001.jsonl')
    with open(path) as stream:
        kept = stream.readlines()[:lines]
    with open(path, 'w') as stream:
        stream.writelines(kept)


def test_a_whole_log_is_0(run, station):
    code, out, _ = run()
    assert code == 0 and 'confirms its first 3 entries, and 2 later ones hang together.' in out
    with open(station[0] + '.signer/audit.pub') as stream:
        assert 'public key %s' % stream.read().strip() in out
    code, out, _ = run('--anchor', '%d:%s' % (station[1].count, station[1].head[:8]))
    assert code == 0 and 'the anchor 5:%s confirms its first 5 entries.' % station[1].head[:8] in out


def test_a_cut_log_is_1_and_named(run, station):
    cut(station[0], 2)
    code, out, _ = run()
    assert code == 1 and 'was cut off: it has 2 entries, and the signature in' in out
    code, out, _ = run('--json')
    verdict = json.loads(out)
    assert code == 1 and (verdict['answer'], verdict['seq'], verdict['kind']) == (1, 3, 'cut')
    assert len(verdict['key']) == 64


def test_a_tail_that_only_a_printed_anchor_knows_is_1(run, station):
    cut(station[0], 4)
    assert run()[0] == 0
    code, out, _ = run('--anchor', '5:' + station[1].head)
    assert code == 1 and 'the anchor 5:' in out


def test_a_signed_exam_knows_how_long_the_log_was(run, station):
    event = made(SIGNED).events[-1].number
    write_exam(station[0], made(DRAFT))
    write_exam(station[0], replace(made(SIGNED), anchors=(exams.Anchor(event, *station[1]),)))
    code, out, _ = run()
    assert code == 0 and 'the exam %s (event %d) confirms its first 5 entries.' % (ID, event) in out
    cut(station[0], 4)
    shutil.rmtree(station[0] + '.signer')
    assert run()[:2] == (1, 'The end of the audit log was cut off: it has 4 entries, and the exam %s (event %d) knows '
                            'of 5.\n' % (ID, event))
    with open(os.path.join(station[0], 'exams', ID[:2], ID, 'exam.json'), 'w') as stream:
        stream.write('{}')
    assert run()[0] == 2, 'thermoscreen exams verify names that one'


def test_the_signer_signs_the_log_that_the_settings_name(station, tmp_path, monkeypatch):
    """Also after the folder of the exams was moved."""
    signed = []
    monkeypatch.setattr('service.cli.audit.serve_signer', lambda signer, *rest: signed.append(signer.checkpoint()))
    moved = str(tmp_path / 'moved')
    shutil.move(station[0], moved)
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\n' % moved)
    words = ['audit', 'signer', '--once', '--folder', str(tmp_path / 'signer'), '--socket', str(tmp_path / 'socket')]
    result = CliRunner().invoke(program, words + ['--settings', str(tmp_path / 's.toml')])
    assert result.exit_code == 0 and (signed[0]['count'], signed[0]['head']) == (5, station[1].head)
    assert CliRunner().invoke(program, words).exception.code == 'exams-folder'


def test_a_deleted_log_is_1(run, station):
    shutil.rmtree(os.path.join(station[0], 'audit'))
    code, out, _ = run()
    assert code == 1 and out.startswith('The audit log is gone: the signature in ')


def test_without_anybody_who_knows_it_is_2(run, station, tmp_path):
    log = os.path.join(station[0], 'audit')
    shutil.copytree(log, str(tmp_path / 'copy'))
    code, out, _ = run('--log', str(tmp_path / 'copy'), settings=False)
    assert code == 2 and 'name its public key' in out
    with open(station[0] + '.signer/audit.pub') as stream:
        key = stream.read().strip()
    for given in (key, station[0] + '.signer/audit.pub'):
        assert run('--log', str(tmp_path / 'copy'), '--key', given, settings=False)[0] == 0
    assert run('--log', str(tmp_path / 'none'), '--key', key, settings=False)[0] == 2


@pytest.mark.parametrize('words, code', [
    (['--anchor', '5'], 'audit-anchor'), (['--anchor', '0:12345678'], 'audit-anchor'),
    (['--anchor', '5:1234567'], 'audit-anchor'), (['--anchor', '5:xyzxyzxyz'], 'audit-anchor'),
    (['--key', 'none'], 'key-unreadable'), (['--key', 'ab' * 31], 'key-unreadable')])
def test_what_is_mistyped_is_said(run, words, code):
    status, _, error = run(*words)
    assert error.code == code and error.exit_code == 2


def test_a_station_that_keeps_no_exams_has_no_log(run):
    assert run(settings=False)[2].code == 'exams-folder'


@pytest.mark.parametrize('given', ['--socket', 'systemd'])
def test_the_signer_signs_once_and_ends(station, tmp_path, tick, monkeypatch, given):
    path, folder, log = str(tmp_path / 'socket'), tmp_path / 'signer', os.path.join(station[0], 'audit')
    words = ['audit', 'signer', '--log', log, '--folder', str(folder), '--once']
    with socket.socket(socket.AF_UNIX) as listening, ThreadPoolExecutor(1) as pool:
        if given == 'systemd':
            listening.bind(path)
            listening.listen(1)
            monkeypatch.setenv('LISTEN_PID', str(os.getpid()))
            monkeypatch.setenv('LISTEN_FDS', '1')
            monkeypatch.setattr('service.cli.audit._SYSTEMD_FD', listening.fileno())
        else:
            listening.bind(path)  # one that a killed signer left
            words += ['--socket', path]
        ended = pool.submit(CliRunner().invoke, program, words)
        while not (folder / 'audit.pub').exists() and not ended.done():
            time.sleep(0.005)
        with Audit(log, tick, SocketSigner(path), KEY) as audit:
            assert audit.checkpoint().count == 5
        assert ended.result().exit_code == 0, ended.result().output
    assert verify(log, {}, bytes.fromhex((folder / 'audit.pub').read_text().strip())).answer == 1, 'two keys signed it'
    os.remove(os.path.join(log, 'checkpoints.jsonl'))
    state = json.loads((folder / 'signed.json').read_text())
    assert verify(log, {'signer': Anchor(state['count'], state['head'])}).confirmed == 5


def test_a_signer_without_a_socket_says_so(tmp_path):
    words = ['audit', 'signer', '--log', str(tmp_path), '--folder', str(tmp_path / 'signer')]
    assert CliRunner().invoke(program, words).exception.code == 'audit-socket'
    (tmp_path / 'file').write_text('')
    for path in (str(tmp_path / 'none' / 'socket'), str(tmp_path / 'file')):
        assert CliRunner().invoke(program, words + ['--socket', path]).exception.code == 'audit-socket'
    assert (tmp_path / 'file').exists()
