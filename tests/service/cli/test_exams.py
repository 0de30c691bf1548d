"""``thermoscreen exams``: what it prints, how it ends, and that docs/exams.md is true."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from service import operators
from service.backup import known_key
from service.bundle.manifest import check_manifest, read_manifest_bytes
from service.cli.exams import exams
from service.cli.operators import PAGES
from service.exams.exam import AMENDED, DISCARDED, DRAFT, SIGNED, STATES, Patient
from service.exams.folder import path_of
from service.messages import ThermoscreenError
from service.operators import Audit, Cost, chain, places
from service.operators import Station as RealStation
from service.readers import read_thermogram
from service.sealing import Sealer
from service.settings import SHIPPED_BUNDLE
from tests.service.exams.conftest import tmp_path  # noqa: F401
from tests.service.exams.station import REAL, ZOE, Station, the_clock


@pytest.fixture
def station(tmp_path):  # noqa: F811
    station = Station(tmp_path)
    yield station
    station.close()


def run(*words, typed=''):
    """Run a command: exit code and output; an error of ours as its code."""
    result = CliRunner().invoke(exams, [str(word) for word in words], input=typed)
    if isinstance(result.exception, ThermoscreenError):
        return result.exception.exit_code, result.exception.code
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def damage(station, exam_id, name):
    with open(os.path.join(path_of(station.folder, exam_id), name), 'r+b') as stream:
        stream.write(b'X')


@pytest.mark.parametrize('verb', ['list', 'show', 'verify', 'rebuild', 'export', 'dicom', 'similar', 'import',
                                  'hold', 'retention'])
def test_every_verb_explains_itself_with_an_example(verb):
    code, output = run(verb, '--help')
    assert code == 0 and 'Example:' in output and 'thermoscreen exams ' + verb in output


def test_similar_exams_are_named_with_their_distance(station):
    def put(patient, *values):
        station.picture = REAL._replace(
            result=dict(REAL.result, bundle={'hash': 'a' * 64}),
            features=json.dumps({'schema': 1, 'features': values}).encode())
        return station.exam(SIGNED, Patient(patient))
    near, far, own = put('P-2', 0.8, 0.6), put('P-3', 0, 1), put('P-1', 1, 0)
    station.close()
    code, output = run('similar', own.id, '--folder', station.folder)
    assert code == 0 and output.index(near.id) < output.index(far.id) and 'distance 0.2000' in output
    assert '2 exams were compared with exam 3.' in output and 'say nothing about what they mean' in output
    code, output = run('similar', own.id, '--count', 1, '--folder', station.folder, '--json')
    told = json.loads(output)
    assert (told['compared'], told['others'], [one['exam_id'] for one in told['similar']]) == (2, 0, [near.id])


def test_list_is_newest_first_beside_the_service_and_comes_in_pages(station):
    for state in STATES:
        station.exam(state, Patient('P-' + state, 'Anna\u202eBerg'))
    code, output = run('list', '--folder', station.folder)
    assert code == 0 and [line.split()[0] for line in output.splitlines()] == ['6', '5', '4', '3', '2', '1']
    assert 'Anna\\u202eBerg' in output and 'P-draft' in output and '2027-01-15 08:00' in output
    told = json.loads(run('list', '--folder', station.folder, '--state', 'signed', '--json')[1])
    assert [(exam['state'], exam['patient']['id']) for exam in told] == [(SIGNED, 'P-signed')]
    told = json.loads(run('list', '--folder', station.folder, '--after', '5', '--limit', '2', '--json')[1])
    assert [exam['number'] for exam in told] == [4, 3]


def test_an_empty_list_says_so(station):
    assert run('list', '--folder', station.folder) == (0, 'There is no exam.\n')


def test_show_tells_what_happened_and_which_files_there_are(station):
    exam = station.exam('amended')
    code, output = run('show', exam.id, '--folder', station.folder)
    assert code == 0 and output.splitlines()[0].startswith('Exam 1 (%s): amended' % exam.id)
    assert 'by chief' in output and 'typing error' in output and '0001.tscap' in output and 'room_c' in output
    told = json.loads(run('show', exam.id, '--folder', station.folder, '--json')[1])
    assert [event['kind'] for event in told['events']][-1] == 'amended' and told['patient'] == dict(ZOE._asdict())
    assert told['events'][0]['private']['room_c'] == 21.5 and len(told['anchors']) == 2


def test_show_names_the_models_that_judged_and_says_that_another_one_is_here_today(station):
    exam = station.exam(SIGNED)
    code, output = run('show', exam.id, '--folder', station.folder)
    assert code == 0 and 'Picture 1 was judged by m.' in output
    today = check_manifest(read_manifest_bytes(SHIPPED_BUNDLE), SHIPPED_BUNDLE).identity
    assert 'The model of this station is another one today: %(id)s %(version)s (' % today in output
    told = json.loads(run('show', exam.id, '--folder', station.folder, '--json')[1])
    assert told['models']['1'] == {'id': 'm'} and told['model_today'] == today
    path = os.path.join(station.folder, 'settings.toml')
    with open(path, 'w') as stream:
        stream.write('[model]\nbundle = "/nowhere"\n')
    output = run('show', exam.id, '--folder', station.folder, '--settings', path)[1]
    assert 'another one today' not in output


def test_what_is_encrypted_is_not_shown(tmp_path):  # noqa: F811
    station = Station(tmp_path, Sealer(b'k' * 32))
    exam = station.exam('amended')
    station.close()
    for words in (['list'], ['list', '--json'], ['show', exam.id], ['show', exam.id, '--json']):
        code, output = run(*words + ['--folder', tmp_path])
        assert code == 0 and 'Zo' not in output and 'P-1' not in output and 'typing' not in output
    assert json.loads(run('list', '--json', '--folder', tmp_path)[1])[0]['patient'] is None
    assert run('verify', '--folder', tmp_path) == (0, '1 exam: everything is as it was written.\n')


def test_verify_names_what_is_wrong_and_ends_with_one(station):
    good, bad = station.exam(SIGNED), station.exam(SIGNED)
    assert run('verify', '--folder', station.folder)[0] == 0
    damage(station, bad.id, '0001.tscap')
    code, output = run('verify', '--folder', station.folder)
    assert code == 1 and '0001.tscap of the exam %s is damaged' % bad.id in output
    assert output.splitlines()[-1] == '2 exams: one thing is not as written.'
    assert run('verify', good.id, '--folder', station.folder)[0] == 0
    code, output = run('verify', bad.id, '--folder', station.folder, '--json')
    told = json.loads(output)
    assert code == 1 and told['exams'] == 1 and told['problems'][0]['facts']['file'] == '0001.tscap'


def test_verify_reads_what_the_audit_log_was_told(station):
    with Audit(os.path.join(station.folder, 'audit'), the_clock(), None, b'k' * 32) as log:
        station.start(record=log.append)
        exam, other = station.exam(SIGNED), station.exam(SIGNED)
        log.append('exam-deleted', 'op', exam=other.id)
    assert exam.anchors[0].count == 6 and exam.anchors[0].head == json.loads(
        run('show', exam.id, '--folder', station.folder, '--json')[1])['anchors'][0]['head']
    station.close()
    for name in ('exam.json', '0001.tscap'):
        os.unlink(os.path.join(path_of(station.folder, exam.id), name))
    shutil.rmtree(path_of(station.folder, other.id))
    assert run('rebuild', '--folder', station.folder)[0] == 0
    code, output = run('verify', '--folder', station.folder)
    assert code == 1 and output.splitlines()[0].startswith('The folder of the exam %s is missing.' % exam.id)
    assert output.count('[exam-gone]') == 1
    with open(os.path.join(station.folder, 'audit', '00000001.jsonl'), 'ab') as stream:
        stream.write(b'no entry\n{}\n{"event":"exam-signed","facts":[]}\n')
    assert run('verify', '--folder', station.folder)[0] == 1


def test_rebuild_gives_the_same_list_and_is_told_to_the_log_later(station):
    for state in (DRAFT, SIGNED):
        station.exam(state)
    before = run('list', '--json', '--folder', station.folder)
    assert run('rebuild', '--folder', station.folder) == (6, 'store-busy')
    station.close()
    for name in os.listdir(station.folder):
        if name.startswith('exams.db'):
            os.unlink(os.path.join(station.folder, name))
    os.makedirs(os.path.join(station.folder, 'exams', 'notes'))
    shutil.copy(os.devnull, os.path.join(station.folder, 'exams', 'notes', 'a'))
    code, output = run('rebuild', '--folder', station.folder)
    assert code == 0 and output.splitlines()[-1] == 'The index has 2 exams.' and '[exam-quarantined]' in output
    assert run('list', '--json', '--folder', station.folder) == before
    told = json.loads(run('rebuild', '--folder', station.folder, '--json')[1])
    assert told == {'exams': 2, 'messages': []}
    station.start()
    assert station.log[-1][0] == 'exams-rebuilt' and station.log[-1][2] == {'exams': 2}
    log = len(station.log)
    station.start()
    assert len(station.log) == log, 'told once'


def test_a_folder_that_is_not_there_or_not_named(tmp_path):  # noqa: F811
    missing = tmp_path / 'none'
    assert run('list', '--folder', missing) == (6, 'store-missing')
    assert run('rebuild', '--folder', missing) == (2, 'exams-folder') and not missing.exists()
    assert run('list') == (2, 'exams-folder')
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\n' % missing)
    assert run('verify', '--settings', tmp_path / 's.toml') == (6, 'store-missing')
    assert run('show', '../../etc', '--folder', missing) == (2, 'exam-missing')


def test_ten_lines_of_the_standard_library_read_every_exam(station, root):
    page = (root / 'docs' / 'exams.md').read_text(encoding='utf-8')
    program = re.search('```python\n(.*?)```', page, re.DOTALL).group(1)
    assert len(program.splitlines()) <= 10 and set(re.search('import (.*)', program).group(1).split(', ')) <= {
        'glob', 'hashlib', 'json', 'os', 'sys'}
    kept = [station.exam(state, Patient('P-%s' % state, 'Zoë')) for state in STATES]
    station.close()
    for name in os.listdir(station.folder):
        if name.startswith('exams.db'):
            os.unlink(os.path.join(station.folder, name))
    assert run('export', '--all', '--folder', station.folder, '--out', station.folder + '/out')[0] == 0
    for folder, names in ((station.folder, STATES), (station.folder + '/out', (SIGNED, AMENDED))):
        output = subprocess.check_output([sys.executable, '-c', program, folder],
                                         env=dict(os.environ, PYTHONIOENCODING='utf-8')).decode('utf-8')
        assert sorted(re.findall('(?m)^\\d+ [0-9a-f]{16} (\\w+) ', output)) == sorted(names)
        assert ' damaged' not in output
    damage(station, kept[3].id, '0001.tscap')
    output = subprocess.check_output([sys.executable, '-c', program, station.folder],
                                     env=dict(os.environ, PYTHONIOENCODING='utf-8')).decode('utf-8')
    exams_of = [line.split(' ', 3) for line in output.splitlines() if not line.startswith(' ')]
    assert sorted((int(number), exam_id, state, json.loads(patient)['id']) for number, exam_id, state, patient in
                  exams_of) == [(exam.number, exam.id, exam.state, 'P-' + exam.state) for exam in kept]
    assert len(re.findall(' whole$', output, re.MULTILINE)) == 11 and output.count(' damaged') == 1


def test_page_names_every_state_kind_and_code(root):
    from service.exams.exam import KINDS
    page = (root / 'docs' / 'exams.md').read_text(encoding='utf-8')
    codes = set(re.findall(r"'((?:exam|store)-(?:damaged|version|gone|row|unlisted|stray|rewritten))'", ''.join(
        path.read_text(encoding='utf-8') for path in (root / 'service' / 'exams').glob('*.py'))))
    for word in set(KINDS) | set(STATES) | (codes - {'store-version'}):
        assert re.search(r'\b%s\b' % word, page), word


PIN = '274911'


class Manned:
    """A station with a supervisor, whose exams are encrypted, while its service is stopped."""

    def __init__(self, folder, **settings):
        self.folder = str(folder / 'exams')
        self.settings = str(folder / 's.toml')
        os.makedirs(self.folder)
        with open(self.settings, 'w') as stream:
            stream.write('[exams]\nexams_folder = "%s"\n' % self.folder + ''.join(
                '%s = %s\n' % setting for setting in settings.items()))
        with operators.Station(self.folder, the_clock()) as opened:
            opened.operators.first_supervisor('Ann', PIN)

    def exam(self, *states):
        """Exams in these states; their ids."""
        with operators.Station(self.folder, the_clock()) as opened:
            opened.operators.check(opened.operators.list()[0].id, PIN)
            station = Station(self.folder, opened.keys.sealer, REAL)
            station.start(record=opened.audit.append)
            ids = [station.exam(state).id for state in states]
            station.close()
        return ids

    def run(self, *words, typed=PIN + '\n'):
        return run(*words + ('--settings', self.settings), typed=typed)

    def log(self):
        lines = [chain.decode(line) for line in chain.read_lines(places(self.folder).audit)]
        return [(entry['event'], entry['facts']) for entry in lines if entry['event'] not in ('login', 'confirmed')]


@pytest.fixture
def manned(tmp_path, monkeypatch):  # noqa: F811
    """Makes stations with a supervisor; their clock says 2037-01-31."""
    monkeypatch.setattr('service.cli.operators.Station', lambda *words: RealStation(*words, cost=Cost(2, 8, 1)))
    monkeypatch.setattr('service.cli.exams.Clock', lambda: the_clock(utc_s=lambda: 2117000000))

    def make(name, **settings):
        (tmp_path / name).mkdir()
        return Manned(tmp_path / name, **settings)
    return make


def test_exams_go_from_station_to_station_by_the_pin_of_a_supervisor(manned, tmp_path):  # noqa: F811
    here, there = manned('here'), manned('there')
    signed, draft = here.exam(SIGNED, DRAFT)
    assert here.run('export', signed, '--out', tmp_path / 'x', typed='111111\n') == (1, 'pin-wrong')
    assert here.run('export', '--out', tmp_path / 'x') == (2, 'exams-unnamed') and not (tmp_path / 'x').exists()
    code, output = here.run('export', signed, draft, '--out', tmp_path / 'x')
    assert code == 0 and '2 exams exported.\nThey are signed by the key ' in output and 'Whoever has the' in output
    key = re.search('key ([0-9a-f]{16})', output).group(1)
    assert here.log()[-1] == ('exam-exported', {
        'exam': max(signed, draft), 'how': 'open', 'exported_sha256': here.log()[-1][1]['exported_sha256']})
    assert there.run('import', tmp_path / 'x') == (2, 'import-signer')
    code, output = there.run('import', tmp_path / 'x', '--key', key)
    assert code == 0 and output.endswith('2 imported, 0 were here already.\n')
    assert [event for event, _ in there.log()[-2:]] == ['exam-imported'] * 2
    code, output = there.run('import', tmp_path / 'x', '--json', '--key', key)
    assert set(json.loads(output[output.index('{'):])['same']) == {signed, draft}
    assert there.run('verify')[0] == here.run('verify')[0] == 0
    assert here.run('export', '--all', '--sealed', '--out', tmp_path / 'y')[0] == 0
    assert there.run('import', tmp_path / 'y', '--key', key) == (2, 'import-key')
    code, output = here.run('export', '--all', '--de-identified', '--set', 'a', '--out', tmp_path / 'z')
    assert code == 0 and '1 exam exported.' in output and 'signed' not in output and (tmp_path / 'z').exists()
    assert here.run('export', signed, '--de-identified', '--dicom', '--out', tmp_path / 'd')[0] == 0
    assert {path.name for path in (tmp_path / 'd').glob('exam-*/*.dcm')} >= {'0001.temperature.dcm', '0001.picture.dcm'}
    assert here.log()[-1][1]['how'] == 'de-identified-dicom'
    assert here.run('export', signed, '--dicom', '--out', tmp_path / 'zz')[0] == 2
    assert here.run('export', signed, '--sealed', '--de-identified', '--out', tmp_path / 'zz')[0] == 2


def test_a_signed_exam_is_written_as_dicom_files(manned, tmp_path):  # noqa: F811
    here = manned('here')
    signed, draft = here.exam(SIGNED, DRAFT)
    objects = ('--objects', 'temperature,picture')
    assert here.run('dicom', draft, '--out', tmp_path / 'x', *objects) == (2, 'exam-state')
    assert here.run('dicom', signed, '--out', tmp_path / 'x', '--objects', 'all') == (2, 'hospital-objects')
    assert not (tmp_path / 'x').exists()
    code, output = here.run('dicom', signed, '--out', tmp_path / 'x', *objects)
    assert code == 0 and '2 files written.' in output and 'Lock it away.' in output
    assert sorted(os.listdir(str(tmp_path / 'x'))) == ['0001-picture-3.dcm', '0001-temperature-3.dcm']
    assert read_thermogram(tmp_path / 'x' / '0001-temperature-3.dcm').pixels.max() == np.float32(30.5)
    assert here.log()[-1] == ('exam-exported', {'exam': signed, 'how': 'dicom',
                                               'exported_sha256': here.log()[-1][1]['exported_sha256']})
    assert here.run('dicom', signed, '--out', tmp_path / 'x', *objects) == (2, 'export-exists')
    code, output = here.run('dicom', signed, '--out', tmp_path / 'y', '--json', *objects)
    assert set(json.loads(output[output.index('{'):])['files']) == set(os.listdir(str(tmp_path / 'x')))


def test_retention_shows_first_and_removes_when_told_and_never_what_is_held(manned):
    here = manned('here', keep_signed_years=10, keep_discarded_days=30)
    held, gone, dropped, newest = here.exam(SIGNED, SIGNED, DISCARDED, SIGNED)
    code, output = here.run('hold', held, '--reason', 'court')
    assert code == 0 and output.endswith('Exam 1 (%s) is on legal hold.\n' % held)
    assert here.run('hold', held, '--reason', 'again') == (2, 'exam-hold')
    code, output = here.run('retention', typed='')
    assert code == 0 and output.count(' would be removed') == 3 and '%s  stays: it is on legal hold' % held in output
    assert output.splitlines()[-1] == 'The settings keep signed exams 10 years and discarded ones 30 days. ' \
        '2 would be removed.'
    code, output = here.run('retention', '--apply')
    assert code == 0 and output.splitlines()[-1].endswith('2 removed.')
    assert [facts['exam'] for event, facts in here.log() if event == 'exam-deleted'] == [gone, dropped]
    assert here.log()[-1][1]['signed_years'] == 10
    left = json.loads(here.run('list', '--json')[1])
    assert [exam['id'] for exam in left] == [newest, held] and here.run('verify')[0] == 0
    assert here.run('rebuild')[0] == 0 and here.run('verify')[0] == 0
    assert json.loads(here.run('list', '--json')[1]) == left
    assert here.run('hold', held, '--release', '--reason', 'closed')[1].endswith('is no longer on legal hold.\n')
    told = json.loads(here.run('retention', '--json')[1])
    assert (told['due'], told['held'], told['policy']) == ([held], [], {'signed_years': 10, 'discarded_days': 30})
    assert here.run('retention', '--today', '2026-11-29') == (2, 'date-wrong')
    assert here.run('retention', '--today', '2037-01-31')[0] == 0


def test_all_signed_exams_are_at_least_one(station, tmp_path):  # noqa: F811
    station.exam(DRAFT)
    assert run('export', '--all', '--folder', station.folder, '--out', tmp_path / 'x') == (2, 'exams-none')
    assert not (tmp_path / 'x').exists()


def test_without_a_policy_nothing_is_removed(station):
    station.exam(SIGNED)
    station.exam(SIGNED)
    code, output = run('retention', '--folder', station.folder)
    assert (code, output) == (0, 'The settings keep signed exams for ever and discarded ones for ever. '
                              '0 would be removed.\n')


def test_what_changes_something_is_refused_while_the_service_runs(manned, tmp_path, station):  # noqa: F811
    exam = station.exam(SIGNED)
    for words in (('hold', exam.id, '--reason', 'a'), ('retention', '--apply')):
        assert run(*words + ('--folder', station.folder)) == (6, 'store-busy')
    here = manned('here')
    (exam_id,) = here.exam(SIGNED)
    (tmp_path / 'x').mkdir()
    with operators.Station(here.folder, the_clock()):
        for words in (('hold', exam_id, '--reason', 'a'), ('retention', '--apply'), ('import', tmp_path / 'x'),
                      ('export', exam_id, '--out', tmp_path / 'y')):
            assert here.run(*words) == (6, 'audit-in-use')
            with pytest.raises(ThermoscreenError) as refused:
                CliRunner().invoke(exams, [str(word) for word in words] + ['--settings', here.settings],
                                   catch_exceptions=False)
            assert PAGES[words[0]] in str(refused.value) and 'systemctl stop thermoscreen' in str(refused.value)
    assert not (tmp_path / 'y').exists()


def test_exams_come_to_no_station_that_cannot_encrypt_them_as_it_should(station, tmp_path):  # noqa: F811
    station.picture = REAL
    station.exam(SIGNED)
    assert run('export', '--all', '--folder', station.folder, '--out', tmp_path / 'x')[0] == 0
    sealed = ('export', '--all', '--sealed', '--folder', station.folder, '--out', tmp_path / 'y')
    assert run(*sealed) == (2, 'export-plain')
    new = tmp_path / 'new'
    assert run('import', tmp_path / 'x', '--folder', new) == (2, 'operators-none') and not new.exists()
    (tmp_path / 's.toml').write_text('[exams]\nexams_folder = "%s"\nencrypt = false\n' % new)
    key = known_key(station.folder)
    assert run('import', tmp_path / 'x', '--settings', tmp_path / 's.toml', '--key', key)[0] == 0
    assert run('verify', '--folder', new)[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason='only root works in the folder of another user')
def test_root_leaves_nothing_in_the_folder_of_another_user(station, tmp_path):  # noqa: F811
    station.exam(SIGNED)
    station.close()
    os.chown(station.folder, 1234, 1234)
    before = sorted(os.listdir(station.folder))
    assert run('rebuild', '--folder', station.folder) == (2, 'user-wrong')
    os.mkdir(os.path.join(station.folder, 'audit'))
    for words in (('hold', 'a' * 16, '--reason', 'x'), ('retention', '--apply'), ('import', tmp_path)):
        assert run(*words + ('--folder', station.folder)) == (2, 'user-wrong')
    os.rmdir(os.path.join(station.folder, 'audit'))
    assert sorted(os.listdir(station.folder)) == before


def test_a_report_is_written_by_the_pin_of_a_supervisor(manned, tmp_path):  # noqa: F811
    here = manned('here')
    signed, draft = here.exam(SIGNED, DRAFT)
    assert here.run('report', signed, '--out', tmp_path / 'r.pdf', typed='111111\n') == (1, 'pin-wrong')
    assert here.run('report', signed, '--out', tmp_path / 'r.doc')[0] == 2 and list(tmp_path.glob('r.*')) == []
    code, output = here.run('report', signed, '--out', tmp_path / 'r.html')
    assert code == 0 and 'has the report of exam 1: final.' in output
    data = (tmp_path / 'r.html').read_bytes()
    assert b'Breast thermal findings: Final' in data
    assert here.log()[-1] == ('exam-exported', {'exam': signed, 'how': 'report',
                                                'exported_sha256': hashlib.sha256(data).hexdigest()})
    assert here.run('report', draft, '--out', tmp_path / 'r.html') == (6, 'file-exists')
