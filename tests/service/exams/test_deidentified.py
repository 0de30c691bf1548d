"""What leaves for research: exact temperatures and numbers, and not one byte of whom, by whom, when or what with."""
import csv
import io
import json
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from service.capture_file import pack_capture
from service.clock import Clock
from service.exams.deidentified import CHECKS, SIGNS, export_deidentified
from service.exams.exam import Patient
from service.exams.library import Picture
from service.exams.order import Order
from service.messages import ThermoscreenError
from service.radiometry import Raw
from service.reading import RULES
from service.record import encode_png
from service.sealing import PlainSealer, Sealer
from service.thermogram import Thermogram
from tests.fakes.synced import Synced
from tests.service.exams.station import Station, the_clock

KEY = b'p' * 32
#: Who it is, in several scripts; each is long enough never to come about by chance.
NAMES = ('Zoë Ångström-Müller', 'Нина Петровна', '李小龍先生', 'نرگس سادات', "O'Hara; DROP", 'MRN-0099-4711')
PLANTED = ' / '.join(NAMES)
BORN, OPERATOR, SERIAL, SECRET_DAY = '1951-03-17', 'op-chief-Lindqvist', 'FLIR-SN-63901234', '2026-11-29'
ARRAY = 30 + np.random.RandomState(7).rand(48, 64).astype(np.float32)
LABELS = np.zeros((48, 64), np.uint8)
LABELS[10:20, 10:20], LABELS[10:20, 40:50] = 1, 2


def with_text(png):
    """A picture that has a text in it which no viewer shows."""
    body = b'tEXt' + b'Comment\0' + PLANTED.encode('utf-8')
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def result(unit='celsius', **changes):
    number = {'n': 100, 'mean': 33.125, 'sd': 0.5, 'p95': 34.0, 'max': 34.5, 'neck_difference': -0.25,
              'confidence': 0.91, PLANTED: PLANTED}
    return dict({
        'schema': 4, 'outcome': 'result', 'view': 'frontal', 'unit': unit, 'sentences': [PLANTED],
        'checks': [{'code': 'focus', 'severity': 'problem', 'sentence': PLANTED, 'next_step': PLANTED},
                   {'code': PLANTED, 'severity': 'problem'}, {'code': 'sides', 'severity': 'ok'}],
        'finding': {'name': PLANTED, 'probability': 0.25, 'threshold': 0.5, 'meaning': PLANTED, 'above': False},
        'regions': {'right_breast': number, 'left_breast': dict(number, mean=33.5), PLANTED: number},
        'differences': {'breast': {'mean': 0.375, 'p95': 0, 'max': 0, 'exceeds': False, 'threshold_c': 1.0}},
        'hottest': {'left_breast': {'x_px': 3, 'y_px': 4, 'value': 34.5}}, 'confidence': 0.9,
        'size': {'width_px': 64, 'height_px': 48}, 'timings_ms': {PLANTED: 1},
        'provenance': {'source': SERIAL, 'reader': PLANTED, 'captured_at': SECRET_DAY, 'notes': [PLANTED]},
        'bundle': {'id': PLANTED, 'version': PLANTED, 'hash': 'ab' * 32},
        'backend': {'name': SERIAL}, 'notice': PLANTED, PLANTED: PLANTED}, **changes)


def picture(**changes):
    kind = Thermogram.from_relative if changes.get('unit') == 'relative' else Thermogram.from_celsius
    raw = Raw.of(kind(ARRAY, '%s %s' % (SERIAL, NAMES[0]), reader=NAMES[1], captured_at='2026-11-29T10:11:12.131Z',
                      notes=(NAMES[2],)))
    sign = {'name': 'mirror-patch', 'title': PLANTED, 'state': 'met', 'value': 1.25, 'threshold': 1.0,
            'sentence': PLANTED, 'numbers': {PLANTED: PLANTED}, 'source': PLANTED}
    signs = {'schema': 1, 'scale': {'mm_per_px': 1.5, 'basis': PLANTED}, 'signs': [
        sign, dict(sign, name=PLANTED), dict(sign, name='fold-difference', state=PLANTED, value=PLANTED)]}
    return Picture(pack_capture([raw]), result(**changes), with_text(encode_png(LABELS)), with_text(encode_png(LABELS)),
                   {}, signs)


def visit(station, patient, clock=None, pictures=None):
    """An exam with the identity in every text that there is."""
    exams = station.start(clock=clock or the_clock(utc_s=lambda: 1795948272.5))
    notes = {'notes': PLANTED, 'room_c': 21.5, 'cycle_day': 9}
    order = Order(name=NAMES[1], accession=NAMES[4], referrer=PLANTED, scheduled=SECRET_DAY, step=PLANTED)
    exam_id = exams.create(patient, OPERATOR, notes, order).id
    exams.start(exam_id, OPERATOR, {'notes': PLANTED, 'humidity_percent': 45})
    exams.deviation(exam_id, OPERATOR, PLANTED)
    for number, one in enumerate(pictures or [picture()]):
        exams.add_capture(exam_id, OPERATOR, 'frontal', one, conditions={'distance_m': 1.0 + number, 'notes': PLANTED})
    exams.review(exam_id, OPERATOR)
    exams.sign(exam_id, OPERATOR)
    exams.hold(exam_id, OPERATOR, PLANTED)
    return exams.amend(exam_id, OPERATOR, PLANTED, PLANTED)


@pytest.fixture(params=['plain', 'encrypted'])
def station(tmp_path, request):
    station = Station(tmp_path / 'store', PlainSealer() if request.param == 'plain' else Sealer(b'k' * 32))
    yield station
    station.close()


def export(station, out, exams, key=KEY, set_name='', told=None):
    export_deidentified(station.folder, [exam.id for exam in exams], str(out), station.sealer, key, set_name, told)
    with io.open(str(out / 'captures.csv'), encoding='ascii', newline='') as stream:
        rows = list(csv.DictReader(stream))
    return rows, {str(path.relative_to(str(out))): path for path in out.rglob('*') if path.is_file()}


def forms(text):
    """Every way in which a text may stand in a file."""
    for form in {text, text.upper(), text.lower(), text.replace('-', '')}:
        for encoding in ('utf-8', 'utf-16-le', 'utf-16-be', 'latin-1', 'cp1251', 'gb18030'):
            try:
                yield form.encode(encoding)
            except UnicodeEncodeError:
                continue
        yield json.dumps(form).encode('ascii').strip(b'"')


def test_not_one_byte_says_who_by_whom_when_or_what_with(station, tmp_path):
    exams = [visit(station, Patient(NAMES[-1], name, BORN)) for name in NAMES[:2]]
    exams.append(visit(station, Patient('other ' + NAMES[4], NAMES[2], BORN), pictures=[picture(unit='relative')]))
    rows, files = export(station, tmp_path / 'out', exams)
    words = NAMES + tuple(part for name in NAMES for part in name.split() if len(part) > 4) + (
        BORN, '17.03.1951', OPERATOR, 'Lindqvist', SERIAL, '63901234', SECRET_DAY, '29.11.2026', '10:11:12')
    words += tuple(exam.id for exam in exams)
    whole = b'\0'.join([str(path).encode() for path in files] + [path.read_bytes() for path in files.values()])
    assert len(whole) > 3 * ARRAY.nbytes and [form for word in words for form in forms(word) if form in whole] == []
    kept = b''.join(path.read_bytes() for path in Path(station.folder).rglob('*') if path.is_file())
    if isinstance(station.sealer, PlainSealer):
        assert all(word.encode('utf-8') in kept for word in NAMES + (OPERATOR, BORN)), 'it was there to be found'
    assert {path.stat().st_mtime for path in (tmp_path / 'out').rglob('*')} == {315532800.0}
    assert {path.suffix for path in files.values()} == {'.npy', '.png', '.json', '.csv'}, 'no overlay, no capture file'
    assert len({row['patient'] for row in rows}) == 2 and len({row['exam'] for row in rows}) == 3


def test_temperatures_are_exact_and_every_number_has_its_column(station, tmp_path):
    exam = visit(station, Patient('P-1', '', BORN), pictures=[picture(), picture(regions={})])
    told = []
    (tmp_path / 'stick').mkdir()
    with Synced().watching() as synced:
        rows, files = export(station, tmp_path / 'stick' / 'out', [exam], told=told.append)
    assert synced.lacking(tmp_path / 'stick') == []
    first, second, empty = rows
    frame = np.load(str(tmp_path / 'stick' / 'out' / first['values_file']), allow_pickle=False)
    assert frame.dtype == np.float32 and np.array_equal(frame, ARRAY)
    assert (tmp_path / 'stick' / 'out' / first['labels_file']).read_bytes() == encode_png(LABELS)
    assert (first['region'], first['mean_c'], first['n_px'], first['neck_difference_c']) == (
        'right_breast', '33.125', '100', '-0.25')
    assert (second['region'], second['mean_c']) == ('left_breast', '33.5')
    assert (empty['region'], empty['mean_c'], empty['capture'], empty['distance_m']) == ('', '', '2', '2.0')
    assert (first['room_c'], first['humidity_percent'], first['distance_m'], first['cycle_day']) == (
        '21.5', '45', '1.0', '9')
    assert (first['checks'], first['finding_probability'], first['unit'], first['view_seen'], first['age_years']) == (
        'focus', '0.25', 'celsius', 'frontal', '75')
    document = json.loads(files[first['exam'] + '/exam.json'].read_text(encoding='ascii'))
    assert document['captures'][0]['result']['differences']['breast'] == {
        'mean': 0.375, 'p95': 0, 'max': 0, 'threshold_c': 1.0}
    assert document['captures'][0]['signs'] == {
        'mirror-patch': {'value': 1.25, 'threshold': 1.0, 'state': 'met'}, 'mm_per_px': 1.5,
        'fold-difference': {'value': None, 'threshold': 1.0, 'state': None}}
    assert document['captures'][0]['model_sha256'] == 'ab' * 32 and document['deviations'] == 1
    manifest = json.loads(files['export.json'].read_text(encoding='utf-8'))
    assert set(manifest['files']) == set(files) - {'export.json'} and 'Not for screening' in manifest['notice']
    assert [entry.exam.id for entry in told] == [exam.id]


def test_a_picture_without_temperatures_has_none_in_the_table(station, tmp_path):
    exam = visit(station, Patient('P-1'), pictures=[picture(unit='relative')])
    rows, _ = export(station, tmp_path / 'out', [exam])
    assert [(row['unit'], row['mean_c'], row['max_c'], row['age_years']) for row in rows] == [
        ('relative', '', '', '')] * 2


def test_days_are_counted_from_the_first_visit_and_only_by_dates_that_somebody_stands_for(station, tmp_path):
    day_s = 24 * 3600
    times = [(1.8e9 + 40.4 * day_s, True), (1.8e9, True), (1.8e9 - 9000 * day_s, False)]
    exams = [visit(station, Patient('P-1', '', '1901-01-01'), the_clock(utc_s=lambda now=now: now))
             for now, sure in times if sure]
    unsure = the_clock(utc_s=lambda: times[2][0], synchronised=lambda: False)
    exam_id = station.start(clock=unsure).create(Patient('p-1 '), OPERATOR).id
    station.exams.start(exam_id, OPERATOR)
    exams.append(station.exams.add_capture(exam_id, OPERATOR, 'frontal', picture()))
    rows, _ = export(station, tmp_path / 'out', exams)
    assert len({row['patient'] for row in rows}) == 1, 'upper and lower case make no other patient'
    assert sorted({(row['day'], row['age_years']) for row in rows}) == [('', ''), ('0', '90'), ('40', '90')]


def test_features_leave_only_where_they_are_asked_for(station, tmp_path):
    features = [0.123456, -0.654321]
    kept = picture()._replace(features=json.dumps({'features': features}).encode())
    exam = visit(station, Patient('P-1'), pictures=[kept])
    _, files = export(station, tmp_path / 'out', [exam])
    assert not any('features' in name for name in files)
    assert not any(b'123456' in path.read_bytes() or b'"features"' in path.read_bytes() for path in files.values())
    export_deidentified(station.folder, [exam.id], str(tmp_path / 'asked'), station.sealer, KEY, features=True)
    document, = (json.loads(path.read_text()) for path in (tmp_path / 'asked').rglob('exam.json'))
    assert document['captures'][0]['features'] == features


def test_pseudonyms_are_those_of_the_key_and_the_set(station, tmp_path):
    exams = [visit(station, Patient('P-1')), visit(station, Patient('P-1')), visit(station, Patient('P-2'))]
    seen = []
    for number, (key, name) in enumerate(((KEY, 'trial-7'), (KEY, 'trial-7'), (KEY, 'trial-8'), (b'q' * 32, 'trial-7'),
                                          (KEY, ''), (KEY, ''))):
        rows, _ = export(station, tmp_path / str(number), exams, key, name)
        seen.append({row['patient'] for row in rows})
        assert len(seen[-1]) == 2 and all(re.match('patient-[0-9a-f]{16}$', name) for name in seen[-1])
    assert seen[0] == seen[1] and len(set.union(*seen)) == 10
    with pytest.raises(ThermoscreenError) as caught:
        export(station, tmp_path / 'x', exams, KEY, 'St. Mary')
    assert caught.value.code == 'export-set' and not (tmp_path / 'x').exists()


def test_what_cannot_be_read_is_named_and_nothing_is_left(station, tmp_path):
    exam = visit(station, Patient('P-1'), pictures=[picture()._replace(capture=b'no capture')])
    with pytest.raises(ThermoscreenError) as caught:
        export(station, tmp_path / 'out', [exam])
    assert caught.value.code == 'file-truncated' and '0001.tscap of the exam ' + exam.id in str(caught.value)
    assert os.listdir(str(tmp_path)) == ['store']


def test_labels_that_are_none_are_left_out(station, tmp_path):
    for number, labels in enumerate((b'', b'no picture', encode_png(LABELS + 100), encode_png(LABELS[1:]))):
        exam = visit(station, Patient('P-1'), pictures=[picture()._replace(labels=labels)])
        rows, files = export(station, tmp_path / str(number), [exam])
        assert {row['labels_file'] for row in rows} == {''} and not [name for name in files if name.endswith('.png')]


def test_every_sign_is_known():
    assert SIGNS == tuple(RULES)


def test_every_check_that_a_result_names_is_known(root):
    source = (root / 'service' / 'quality.py').read_text(encoding='utf-8')
    assert set(CHECKS) == set(re.findall(r"(?:_good|Message)\('([a-z-]+)'", source))


def test_the_clock_of_the_tests_says_what_they_look_for():
    assert the_clock(utc_s=lambda: 1795948272.5).now().utc.startswith(SECRET_DAY) and isinstance(the_clock(), Clock)
