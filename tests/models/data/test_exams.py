"""Exams of a station as samples: what counts is taken, who corrected what is a label, and the rest is named."""
import json
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data  # noqa: E402
from models.data.exams import open_exams  # noqa: E402
from service.bundle import generate_key, load_key  # noqa: E402
from service.exams.deidentified import export_deidentified  # noqa: E402
from service.exams.exam import ACQUIRING, SIGNED, Patient  # noqa: E402
from service.exams.exchange import export_exams  # noqa: E402
from service.messages import InputError, ThermoscreenError  # noqa: E402
from service.record import encode_png  # noqa: E402
from service.sealing import Sealer  # noqa: E402
from tests.service.exams.station import REAL, Station, the_clock  # noqa: E402

HAND = np.full((48, 64), 2, np.uint8)


def corrected(exams, exam, picture=1):
    files = {'result.json': json.dumps(REAL.result).encode(), 'signs.json': b'{}', 'labels.png': encode_png(HAND),
             'overlay.png': REAL.overlay}
    exams.correct(exam.id, 'chief', picture, 0, files, 'the fold is lower', 'breast: 1 to 2')


@pytest.fixture(scope='module')
def store(tmp_path_factory):
    """Two signed exams of one patient, one of them corrected and with a picture taken again; one that is under way."""
    station = Station(tmp_path_factory.mktemp('exams') / 'store', picture=REAL)
    exams = station.exams
    first = station.exam(SIGNED)
    second = exams.create(Patient('P-1'), 'op', {'distance_m': 1.2}).id
    exams.start(second, 'op')
    for _ in range(2):
        exams.add_capture(second, 'op', 'frontal', REAL)
    exams.add_capture(second, 'op', 'left-oblique', REAL)
    exams.review(second, 'op')
    exams.sign(second, 'chief')
    corrected(exams, exams.get(second), 2)
    station.exam(ACQUIRING, Patient('P-2'))
    yield station, first.id, second
    station.close()


def test_pictures_that_count_with_outlines_by_hand(store):
    station, first, second = store
    collection = open_data(station.folder)
    assert collection.keys == (first + '-0001', second + '-0002', second + '-0003')
    assert collection.patients == ('P-1',)
    assert collection.notes == ('1 exams that are not signed were left out',
                                '1 pictures that were taken again were left out')
    assert [sample.labelled for sample in collection] == [False, True, False]
    assert [sample.facts['outlines'] for sample in collection] == ['model', 'hand', 'model']
    by_hand = collection[1]
    assert np.array_equal(by_hand.labels(), HAND) and by_hand.thermogram().pixels[0, 0] == np.float32(30.5)
    assert by_hand.facts['labeller'] == 'chief' and by_hand.facts['distance_m'] == 1.2 and by_hand.facts['day'] == 0
    assert collection[2].facts['view'] == 'left-oblique'
    for outlines, second_labels in (('counting', HAND), ('model', np.ones((48, 64), np.uint8))):
        opened = open_data(station.folder, outlines=outlines)
        assert np.array_equal(opened[0].labels(), np.ones((48, 64), np.uint8))
        assert np.array_equal(opened[1].labels(), second_labels) and opened[1].facts['outlines'] == 'hand'


def test_one_exam_by_its_folder(store):
    station, first, _ = store
    assert open_data('%s/exams/%s/%s' % (station.folder, first[:2], first)).keys == (first + '-0001',)


@pytest.mark.parametrize('research', [False, True])
def test_exports_have_the_same_pictures(store, tmp_path, research):
    station, first, second = store
    if research:
        export_deidentified(station.folder, [first, second], str(tmp_path / 'out'), station.sealer, b'k' * 32, 'set')
    else:
        generate_key(str(tmp_path / 'key.pem'))
        export_exams(station.folder, [first, second], str(tmp_path / 'out'), station.sealer, the_clock().now(),
                     load_key(str(tmp_path / 'key.pem')))
    collection = open_data(tmp_path / 'out')
    assert len(collection) == 3 and len(collection.patients) == 1
    assert sorted(sample.facts['outlines'] for sample in collection) == ['hand', 'model', 'model']
    by_hand, = collection.labelled()
    assert np.array_equal(by_hand.labels(), HAND) and by_hand.thermogram().is_celsius
    model, = open_data(tmp_path / 'out', outlines='model').subset([by_hand.key])
    assert np.array_equal(model.labels(), np.ones((48, 64), np.uint8))
    assert ('P-1' in collection.patients) != research


def test_a_file_outside_of_an_export_is_not_read(store, tmp_path):
    station, first, _ = store
    export_deidentified(station.folder, [first], str(tmp_path / 'out'), station.sealer, b'k' * 32, 'set')
    path, = (tmp_path / 'out').glob('*/exam.json')
    for name in ('../../etc/passwd', 7):
        document = json.loads(path.read_text())
        document['captures'][0]['values_file'] = name
        path.write_text(json.dumps(document))
        with pytest.raises(InputError) as caught:
            open_exams(tmp_path / 'out')
        assert caught.value.code == 'exams-damaged'


def test_refusals(store, tmp_path):
    station, first, _ = store
    folder = '%s/exams/%s/%s' % (station.folder, first[:2], first)

    def code_of(path, **options):
        with pytest.raises(ThermoscreenError) as caught:
            open_data(path, **options)
        return caught.value.code
    assert code_of(station.folder, outlines='all') == 'outlines'
    (tmp_path / 'none' / 'exams').mkdir(parents=True)
    assert code_of(tmp_path / 'none') == 'exams-none'
    sealed = Station(tmp_path / 'sealed', Sealer(b'k' * 32), REAL)
    sealed.exam(SIGNED)
    sealed.close()
    assert code_of(tmp_path / 'sealed') == 'exams-encrypted'
    torn = tmp_path / 'torn' / 'exams' / first[:2] / first
    shutil.copytree(folder, torn)
    (torn / 'exam.json').write_bytes((torn / 'exam.json').read_bytes()[:-9])
    assert code_of(tmp_path / 'torn') == 'exam-damaged'


def test_loose_files_have_to_be_asked_for(tmp_path):
    np.save(tmp_path / 'anna_1.npy', np.full((48, 64), 30, np.float32))
    assert cv2.imwrite(str(tmp_path / 'eve.png'), np.zeros((48, 64), np.uint8))
    with pytest.raises(InputError):
        open_data(tmp_path)
    assert open_data(tmp_path, 'files').patients == ('anna', 'eve')
    assert open_data(tmp_path / 'eve.png', 'files').keys == ('eve',)


def test_one_person_under_two_ids_is_said(tmp_path):
    station = Station(tmp_path / 'store', picture=REAL)
    for patient in (Patient('P-1', 'Zoe Berg', '1970-12-31'), Patient('P-2', 'BERG  Zoe', '1970-12-31'),
                    Patient('P-3', 'Zoe Berg', '1971-12-31'), Patient('P-4', 'Zoe Berg')):
        station.exam(SIGNED, patient)
    station.close()
    collection = open_exams(station.folder)
    assert len(collection.patients) == 4
    assert collection.notes == ('the patients P-1 and P-2 have the same name and birth date: if they are one person, '
                                'her exams belong under one id',)
