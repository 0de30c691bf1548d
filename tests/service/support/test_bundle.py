"""The support bundle: nothing in it says of whom an exam is, and no part that fails stops the others."""
import io
import json
import logging
import re
import threading
import unicodedata
import zipfile

import pytest

from service.clock import Clock
from service.exams import Exams, Patient, Picture
from service.logbook import Logbook
from service.messages import InputError, SettingsError, StorageError
from service.operators import Cost, Station
from service.sealing import PlainSealer
from service.settings import load_settings
from service.supervise import StartRecord
from service.support import Station as Source
from service.support import bundle, journal, make_bundle, parts
from service.support.parts import PARTS, Part
from tests.fakes import bundles

PATIENT, NAMES = 'MRN-7741-q', ('Zoë Ärmelkanal', 'Дарья Иванова', '李小龍')
OPERATOR, PASSWORD = 'Kirsi Öberg', 'tr0ub4dor-kabel'
SECRETS = [PATIENT, OPERATOR, PASSWORD] + list(NAMES)


def opened(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def folded(text):
    return unicodedata.normalize('NFKC', text).casefold()


def found_in(data):
    """Which words of the secrets a bundle has, in any form in which a text can be written."""
    whole = {folded(secret) for secret in SECRETS}
    words = whole | {folded(word) for secret in SECRETS for word in secret.split()}
    seen = set()
    for name, content in list(opened(data).items()) + [('', data)]:
        text = content.decode('utf-8', 'replace')
        forms = [text, content.decode('utf-16-le', 'replace'), content.decode('latin-1'),
                 re.sub(r'\\u([0-9a-fA-F]{4})', lambda code: chr(int(code.group(1), 16)), text)]
        # Three bytes that are compressed may say anything.
        seen |= {(name, word) for word in (words if name else whole) for form in forms if word in folded(form)}
    return sorted(seen)


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A station that has met the identities wherever the product writes, and the settings of its file."""
    media = tmp_path / 'media' / NAMES[0]
    media.mkdir(parents=True)
    (media / ('%s.csv' % NAMES[1])).write_text('no thermogram of ' + NAMES[2])
    (tmp_path / 'wpa_supplicant.conf').write_text('psk="%s"' % PASSWORD)
    (tmp_path / 'settings.toml').write_text(
        '# Wi-Fi: %s\n[camera]\ncamera = "replay:%s"\n[model]\nbundle = "%s"\nallow_unsigned = true\n[web]\n'
        'port = 8099\nfiles_root = "%s"\n[exams]\nexams_folder = "%s"\naudit_anchor = "%s"\n' % (
            PASSWORD, media, bundles.write(tmp_path / 'b'), media, tmp_path / 'exams',
            tmp_path / ('anchor of %s' % OPERATOR)), encoding='utf-8')
    settings = load_settings(str(tmp_path / 'settings.toml'))
    monkeypatch.setenv('WIFI_PASSWORD', PASSWORD)
    folder = settings.exams_folder
    station = Station(folder, Clock(), anchor_file=settings.audit_anchor, cost=Cost(2, 8, 1))
    station.operators.first_supervisor(OPERATOR, '274911')
    ann = station.operators.list()[0]
    exams = Exams(folder, None, station.audit.append, Clock(), room=lambda folder: None)
    for sealer in (station.keys.sealer, PlainSealer()):
        exams.sealer = sealer
        for name in NAMES:
            exam = exams.create(Patient(PATIENT, name, '1961-02-03'), ann.id, {'notes': 'of ' + name})
            exams.start(exam.id, ann.id)
            exams.add_capture(exam.id, ann.id, 'frontal', Picture(b'counts', {'source': str(media)}, b'p'))
            exams.deviation(exam.id, ann.id, 'so said ' + name)
    station.audit.checkpoint()
    state = tmp_path / 'state'
    record = StartRecord(str(state))
    record.begin()
    document = json.loads((state / 'starts.json').read_text())
    document['safe'] = dict(document['start'], code='bundle-missing', sentence='%s is gone' % media, next_step='')
    (state / 'starts.json').write_text(json.dumps(document))
    logbook, log = Logbook(), logging.getLogger('service.planted')
    log.addHandler(logbook)
    monkeypatch.setattr(log, 'propagate', False)
    monkeypatch.setattr(parts, 'LOGBOOK', logbook)
    log.warning('%s: %s', InputError('file-crashes', 'It gave up on %s.' % media), NAMES[1])
    try:
        raise ValueError(NAMES[2])
    except ValueError:
        log.exception('unexpected')
    log.removeHandler(logbook)
    said = ['WARNING service.web.responses: %s cannot be read. [file-crashes]: %s' % (media, PASSWORD),
            'ValueError: %s' % NAMES[2], '  File "/opt/x/service/web/files.py", line 7, in %s' % NAMES[1],
            'thermoscreen: %s has no thermogram. [anna-maria]' % PATIENT, NAMES[0]]
    lines = [dict(MESSAGE=text, _PID='812', _SYSTEMD_UNIT='thermoscreen.service') for text in said]
    lines += [dict(MESSAGE='thermoscreen.service: Failed with result \'watchdog\'.', _PID='1',
                   UNIT='thermoscreen.service'),
              dict(MESSAGE='Unit of %s started.' % OPERATOR, _PID='1', UNIT='thermoscreen.service')]
    text = '\n'.join(json.dumps(dict(line, __REALTIME_TIMESTAMP='1796000000000000')) for line in lines)
    monkeypatch.setattr(parts, 'read_journal', lambda: journal.read_journal(lambda command, timeout_s: text))
    yield Source(settings, None, str(state))
    exams.close()
    station.close()


def test_every_byte_is_free_of_identities(planted):
    made = make_bundle(planted)
    assert found_in(made.data) == []
    assert [problem.code for problem in made.problems] == []
    files = opened(made.data)
    told = {name: json.loads(data.decode()) for name, data in files.items() if name.endswith('.json')}
    assert told['audit.json']['anchor'].startswith('%d:' % told['audit.json']['checkpoints'][-1]['count'])
    assert told['audit.json']['verdict']['answer'] == 0 and len(told['audit.json']['public_key']) == 64
    assert told['exams.json']['states'] == {'acquiring': 6} and told['exams.json']['folders'] == 6
    settings = told['settings.json']['settings']
    assert (settings['files_root'], settings['camera'], settings['port']) == ('(set)', 'replay', 8099)
    assert told['starts.json']['safe'] == 'bundle-missing'
    assert told['bundle.json']['installed']['identity']['id'] == 'tiny'
    assert told['log.json'][0]['codes'] == ['file-crashes'] and told['log.json'][1]['exception'] == 'ValueError'
    assert told['log.json'][1]['frames'][0].startswith('service/support/test_bundle.py:')
    assert {'versions', 'model', 'camera', 'audit', 'keys'} <= {message['subject'] for message in told['doctor.json']}
    journal_lines = files['journal.txt'].decode().splitlines()
    assert [line.split(' ', 3)[3] for line in journal_lines[:6]] == [
        'WARNING service.web.responses [file-crashes] ...', 'ValueError', '  service/web/files.py:7', '...', '...',
        "thermoscreen.service: Failed with result 'watchdog'."]
    assert 'left out' in journal_lines[6] and told['contents.json']['parts'][0]['part'] == 'versions'


def test_an_identity_that_were_told_would_be_found(planted):
    def leak(station):
        return {'leak.json': {'of': 'M' + 'RN-7741-q', 'by': list(NAMES)}, 'leak.txt': (PASSWORD,)}
    made = make_bundle(planted, (Part('leak', leak),))
    assert {word for _, word in found_in(made.data)} >= {folded(NAMES[2]), folded(PATIENT), folded(PASSWORD)}
    assert folded(NAMES[0]) not in {word for _, word in found_in(made.data)}, 'it is in the settings'


def test_settings_that_cannot_be_read_are_no_reason_to_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, 'read_journal', lambda: [])
    path = tmp_path / 's.toml'
    path.write_text('[web]\nwifi = "%s"\nhost = "%s"' % (PASSWORD, PASSWORD))
    with pytest.raises(SettingsError) as caught:
        load_settings(str(path))
    chosen = tuple(part for part in PARTS if part.name not in ('doctor', 'telemetry'))
    made = make_bundle(Source(load_settings(), caught.value, str(tmp_path)), chosen)
    assert found_in(made.data) == [] and not made.problems
    assert json.loads(opened(made.data)['settings.json'].decode())['unreadable'] == {'code': 'setting-unknown'}


def test_a_broken_store_and_no_rights_are_named(planted, monkeypatch, tmp_path):
    def damaged(self):
        raise StorageError('store-failing', 'The database of %s is damaged.' % NAMES[0])

    monkeypatch.setattr(parts.Reader, 'counts', damaged)
    for name in ('keys', 'keys-copy', 'operators', 'operators-copy'):
        (tmp_path / 'exams' / 'operators' / (name + '.json')).write_text(NAMES[0], encoding='utf-8')
    (tmp_path / 'state' / 'starts.json').write_text(NAMES[1], encoding='utf-8')
    monkeypatch.setattr(parts, 'read_journal', lambda: journal.read_journal(lambda command, timeout_s: None))
    made = make_bundle(planted, tuple(part for part in PARTS if part.name != 'telemetry'))
    assert {problem.subject: problem.code for problem in made.problems} == {
        'starts': 'starts-unreadable', 'journal': 'journal-missing'}
    files = opened(made.data)
    assert json.loads(files['exams.json'].decode())['unreadable'] == 'store-failing' and found_in(made.data) == []
    codes = {message['subject']: message['code'] for message in json.loads(files['doctor.json'].decode())}
    assert codes['keys'] == 'document-damaged'
    assert b'journal' in files['README.txt'] and b'[journal-missing]' in files['README.txt']


def test_parts_that_hang_fail_or_say_too_much_stop_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, 'MAX_BYTES', 1000)
    never, station = threading.Event(), Source(load_settings(), None, str(tmp_path))

    def fail(station):
        raise KeyError(NAMES[0])

    made = make_bundle(station, (
        Part('hangs', lambda station: never.wait() and {}, 0.01), Part('fails', fail),
        Part('much', lambda station: {'much.txt': ('x' * 5000, 'end')}),
        Part('odd', lambda station: {'odd.json': {'when': object()}}),
        Part('well', lambda station: {'well.json': [1]})))
    never.set()
    assert [(problem.subject, problem.code) for problem in made.problems] == [
        ('hangs', 'support-slow'), ('fails', 'support-part'), ('much', 'support-cut')]
    files = opened(made.data)
    assert sorted(files) == ['README.txt', 'contents.json', 'much.txt', 'odd.json', 'well.json']
    assert len(files['much.txt']) == 1000 and files['much.txt'].endswith(b'end\n') and found_in(made.data) == []
    late = make_bundle(station, (Part('slow', lambda station: never.clear() or never.wait(0.05)),), whole_s=0)
    assert late.problems[0].code == 'support-slow'


def test_the_running_service_adds_what_only_it_knows(tmp_path, monkeypatch):
    live = {'messages': [{'code': 'camera-ok', 'sentence': 'Good.', 'subject': 'camera', 'severity': 'ok',
                          'next_step': '', 'facts': {'detail': NAMES[0], 'figures': '3'}}], 'stages': {'infer': [1.5]}}
    asked = []
    monkeypatch.setattr(parts, 'examine', lambda settings, leave_out: asked.append(leave_out) or [])
    station = Source(load_settings(), None, str(tmp_path), lambda: live)
    made = make_bundle(station, tuple(part for part in PARTS if part.name in ('service', 'doctor')))
    told = json.loads(opened(made.data)['service.json'].decode())
    assert told['messages'][0]['facts'] == {'figures': '3'} and told['stages'] == {'infer': [1.5]}
    assert asked == [('model', 'camera', 'page')]


def test_a_station_that_is_not_there_is_said(tmp_path):
    made = make_bundle(Source(load_settings(port=1), None, str(tmp_path)),
                       tuple(part for part in PARTS if part.name == 'service'))
    assert json.loads(opened(made.data)['service.json'].decode())['healthz']['status'] == 'no answer'
    assert parts._codes(503, b'{"status": "safe", "code": "crash-loop", "sentence": "x"}') == {
        'status': 'safe', 'code': 'crash-loop', 'http': 503}
    assert parts._codes(500, b'<html>') == {'http': 500}
