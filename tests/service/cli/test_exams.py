"""``thermoscreen exams``: what it prints, how it ends, and that docs/exams.md is true."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from service.cli.exams import exams
from service.exams.exam import DRAFT, SIGNED, STATES, Patient
from service.exams.folder import path_of
from service.messages import ThermoscreenError
from service.operators import Audit
from service.sealing import Sealer
from tests.service.exams.conftest import tmp_path  # noqa: F401
from tests.service.exams.station import ZOE, Station, the_clock


@pytest.fixture
def station(tmp_path):  # noqa: F811
    station = Station(tmp_path)
    yield station
    station.close()


def run(*words):
    """Run a command: exit code and output; an error of ours as its code."""
    result = CliRunner().invoke(exams, [str(word) for word in words])
    if isinstance(result.exception, ThermoscreenError):
        return result.exception.exit_code, result.exception.code
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def damage(station, exam_id, name):
    with open(os.path.join(path_of(station.folder, exam_id), name), 'r+b') as stream:
        stream.write(b'X')


@pytest.mark.parametrize('verb', ['list', 'show', 'verify', 'rebuild'])
def test_every_verb_explains_itself_with_an_example(verb):
    code, output = run(verb, '--help')
    assert code == 0 and 'Example:' in output and 'thermoscreen exams ' + verb in output


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
