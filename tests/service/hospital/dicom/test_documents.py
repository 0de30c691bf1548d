"""Regions, measurements and notes: they say what the exam says and who drew or decided, and refer to what is there."""
import hashlib
import io
import json
import shutil
import subprocess
from unittest import mock

import cv2
import numpy as np
import pydicom
import pytest

from service.correction import correct, outlines_of
from service.hospital.dicom import document, make_objects, uid_of
from service.hospital.dicom.modules import Case
from service.hospital.dicom.rejection import WRONG_WORKLIST_ENTRY, rejection_note
from service.kept_picture import kept_labels
from service.messages import ADJUNCT_NOTICE
from service.regions import LEFT_BREAST, REGIONS, region_label
from service.thermogram import Thermogram

from ..making import grey, signed_exam, torso
from .test_images import site

#: The second one has no temperatures, and the last one no result.
PICTURES = (('frontal', torso('frontal')), ('raised-arms', Thermogram.from_relative(
    ((torso('').pixels - 20) * 12).clip(0, 255), 'grey')), ('right-lateral', grey()))
SITE = site('temperature', 'measurements', 'report', 'regions')
#: What is printed; its length is odd.
PDF = b'%PDF-1.4 of an exam\n%%EOF'

#: As of test_images.
WRITTEN = {'object/0000/measurements/7': 'bd8b4a014be28c8a', 'object/0001/regions/3': 'f684e5751a92ce03',
           'object/0002/regions/4': 'a41f1dc9413f202a', 'object/0000/rejection/7': '77cf36c53e6b2b4f',
           'object/0000/report/7': 'ff2c22b46ce3a33e'}


@pytest.fixture(scope='module')
def station():
    with signed_exam(PICTURES) as made:
        yield made


@pytest.fixture(scope='module')
def objects(station):
    """The objects of the exam and a note that takes them back, by their names."""
    with mock.patch.object(document, 'print_report', lambda report, paper: PDF):
        made = list(make_objects(station[0].exams, station[1], SITE))
    case = Case(station[0].exams, station[1], SITE)
    note = rejection_note(case, made, WRONG_WORKLIST_ENTRY, station[1].events[-1], 'Lind, Ann', 'She is\nanother.')
    return {one.name: one for one in made + [note]}


def read(made):
    return pydicom.dcmread(io.BytesIO(made.data))


def named(items, words):
    """The items of a content tree with a concept, at any depth."""
    for item in items:
        if 'ConceptNameCodeSequence' in item and item.ConceptNameCodeSequence[0].CodeMeaning == words:
            yield item
        yield from named(item.get('ContentSequence', ()), words)


def test_every_python_writes_the_same_bytes(objects):
    assert {name: hashlib.sha256(objects[name].data).hexdigest()[:16] for name in WRITTEN} == WRITTEN


@pytest.mark.skipif(shutil.which('dciodvfy') is None, reason='needs dicom3tools')
def test_the_standard_has_no_objection(objects, tmp_path):
    for number, made in enumerate(objects.values()):
        path = tmp_path / ('%d.dcm' % number)
        path.write_bytes(made.data)
        checked = subprocess.run(['dciodvfy', '-new', str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert b'Error' not in checked.stdout and checked.returncode == 0, checked.stdout.decode('utf-8', 'replace')
    together = subprocess.run(['dcentvfy'] + sorted(map(str, tmp_path.iterdir())), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    assert b'Error' not in together.stdout and together.returncode == 0, together.stdout.decode('utf-8', 'replace')


def test_every_object_that_is_named_is_one_of_the_exam(objects):
    known = {made.sop_uid: made.sop_class for made in objects.values()}
    count = 0
    for made in objects.values():
        for element in read(made).iterall():
            if element.keyword == 'ReferencedSOPInstanceUID':
                assert element.value in known
                count += 1
    assert count > 10


def test_whoever_meets_our_codes_finds_whose_they_are(objects):
    for made in objects.values():
        dataset = read(made)
        found = [item.CodingSchemeDesignator for item in dataset.get('CodingSchemeIdentificationSequence', ())]
        dataset.CodingSchemeIdentificationSequence = []
        schemes = {element.value for element in dataset.iterall() if element.keyword == 'CodingSchemeDesignator'}
        assert found == ['99THERMO'] * ('99THERMO' in schemes)


def test_regions_are_the_outlines_and_lie_on_the_picture(station, objects):
    picture, dataset = read(objects['object/0001/temperature/3']), read(objects['object/0001/regions/3'])
    labels = kept_labels(station[0].exams, station[1], '0001.labels.png', (picture.Rows, picture.Columns))
    assert (dataset.Rows, dataset.Columns) == labels.shape
    frames = dataset.pixel_array
    for segment, frame, groups in zip(dataset.SegmentSequence, frames, dataset.PerFrameFunctionalGroupsSequence):
        region = next(number for number in range(1, 8) if region_label(number) == segment.SegmentLabel)
        assert np.array_equal(frame.astype(bool), labels == region) and frame.any()
        assert groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment.SegmentNumber
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == picture.SOPInstanceUID
        assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ('AUTOMATIC', 'stub')
        side = segment.SegmentedPropertyTypeCodeSequence[0].get('SegmentedPropertyTypeModifierCodeSequence')
        assert (side[0].CodeMeaning.lower() if side else 'neck') == segment.SegmentLabel.split()[0]
    assert len(frames) == len(REGIONS) - 1 == dataset.NumberOfFrames
    other = read(objects['object/0002/regions/4'])
    assert other.SeriesInstanceUID != dataset.SeriesInstanceUID and (dataset.SeriesNumber, other.SeriesNumber) == (
        601, 602), 'viewers show one object of a series of segmentations'


def test_regions_lie_where_viewers_put_a_picture_without_sizes_and_say_that_no_size_is_known(objects):
    picture, dataset, other = (read(objects['object/' + name]) for name in (
        '0001/temperature/3', '0001/regions/3', '0002/regions/4'))
    # OHIF 3.13.2 shows an empty page without measures, and no regions without directions or with other ones; dwv 0.36
    # wants a distance of slices and two orders of frames, the last by position.
    shared, = dataset.SharedFunctionalGroupsSequence
    measures, = shared.PixelMeasuresSequence
    assert list(measures.PixelSpacing) == [1, 1] and (measures.SliceThickness, measures.SpacingBetweenSlices) == (1, 1)
    assert shared.PlaneOrientationSequence[0].ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert [index.DimensionIndexPointer for index in dataset.DimensionIndexSequence] == [0x0062000B, 0x00200032]
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence, 1):
        assert groups.PlanePositionSequence[0].ImagePositionPatient == [0, 0, 0]
        assert groups.FrameContentSequence[0].DimensionIndexValues == [number, 1]
    # The standard has these groups in a frame of reference alone, which is that of one picture (PS3.3, A.51.5).
    assert dataset.FrameOfReferenceUID not in ('', other.FrameOfReferenceUID) and 'PatientOrientation' not in dataset
    assert 'no size was measured' in dataset.ContentDescription and len(dataset.ContentDescription) <= 64
    assert '1 mm stands for 1 pixel' in dataset.ImageComments
    # A length on a picture that states a size is shown in millimetres.
    stated = {element.keyword for element in picture.iterall()}
    assert not stated & {'PixelSpacing', 'ImagerPixelSpacing', 'NominalScannedPixelSpacing', 'FrameOfReferenceUID',
                         'ImageOrientationPatient', 'PixelAspectRatio'}


def drawn(picture):
    """Where a region is on what a viewer drew of it."""
    return np.asarray(picture).reshape(240, 320) > 0


def test_the_archive_draws_every_region_and_gives_the_report_back(objects, archive):
    regions = read(objects['object/0001/regions/3'])
    stored = archive.ask('/instances', objects['object/0001/regions/3'].data)['ID']
    for number, mask in enumerate(regions.pixel_array):
        picture = archive.ask('/instances/%s/frames/%d/preview' % (stored, number))
        assert np.array_equal(drawn(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)), mask > 0)
    stored = archive.ask('/instances', objects['object/0000/report/7'].data)['ID']
    assert archive.ask('/instances/%s/pdf' % stored) == PDF


@pytest.mark.skipif(shutil.which('dsrdump') is None, reason='needs DCMTK')
def test_dcmtk_draws_regions_lists_every_number_and_gives_the_report_back(station, objects, tmp_path):
    paths = {name: tmp_path / ('%s.dcm' % name) for name in ('regions', 'measurements', 'report')}
    for made in objects.values():
        if made.name in ('object/0001/regions/3', 'object/0000/measurements/7', 'object/0000/report/7'):
            paths[made.name.split('/')[2]].write_bytes(made.data)
    for number in (1, 7):
        subprocess.run(['dcm2pnm', '+on', '--frame', str(number), str(paths['regions']), str(tmp_path / 'one.png')])
        picture = cv2.imread(str(tmp_path / 'one.png'), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(drawn(picture), read(objects['object/0001/regions/3']).pixel_array[number - 1] > 0)
    told = subprocess.run(['dsrdump', '+Pl', str(paths['measurements'])], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.decode('utf-8')
    groups = {text.split('"', 1)[0]: text for text in told.split('"Tracking Identifier")="')[1:]}
    result = json.loads(station[0].exams.read_file(station[1], '0001.result.json').decode('utf-8'))
    for name, entry in result['regions'].items():
        for key in ('mean', 'sd', 'p95', 'max', 'n'):
            assert '="%.10g" (' % entry[key] in groups['frontal ' + name.replace('_', ' ')]
    subprocess.run(['dcm2pdf', str(paths['report']), str(tmp_path / 'report.pdf')], stderr=subprocess.DEVNULL)
    assert (tmp_path / 'report.pdf').read_bytes() == PDF


def numbers(group):
    """The measurements of a group: value, unit and uncertainty by concept and derivation."""
    found = {}
    for item in group.ContentSequence:
        if item.ValueType == 'NUM':
            more = item.get('ContentSequence', ())
            words = [item.ConceptNameCodeSequence[0].CodeMeaning] + [
                inner.ConceptCodeSequence[0].CodeMeaning for inner in named(more, 'Derivation')]
            within = [float(inner.MeasuredValueSequence[0].NumericValue)
                      for inner in named(more, '+/-, range of measurement uncertainty')]
            measured = item.MeasuredValueSequence[0]
            found[' '.join(words)] = [float(measured.NumericValue),
                                      measured.MeasurementUnitsCodeSequence[0].CodeValue] + within
    return found


def test_measurements_are_the_numbers_of_the_result(station, objects):
    exams, exam = station[0].exams, station[1]
    result, signs = (json.loads(exams.read_file(exam, '0001.%s.json' % name).decode('utf-8'))
                     for name in ('result', 'signs'))
    dataset = read(objects['object/0000/measurements/7'])
    groups = {next(named(group.ContentSequence, 'Tracking Identifier')).TextValue: group
              for group in named(dataset.ContentSequence, 'Measurement Group')}
    assert sum(name.startswith('frontal ') for name in groups) == 7 + 3 + len(signs['signs'])
    for name, entry in result['regions'].items():
        group = groups['frontal ' + name.replace('_', ' ')]
        found = numbers(group)
        assert found.pop('Skin temperature Mean')[:2] == [entry['mean'], 'Cel']
        assert found == {'Skin temperature Standard Deviation': [entry['sd'], 'K'],
                         'Skin temperature 95th percentile': [entry['p95'], 'Cel'],
                         'Skin temperature Maximum': [entry['max'], 'Cel'],
                         'Number of pixels': [entry['n'], '{pixels}']}
        segment, = [item.ReferencedSOPSequence[0] for item in named(group.ContentSequence, 'Referenced Segment')]
        regions = read(objects['object/0001/regions/3'])
        assert segment.ReferencedSOPInstanceUID == regions.SOPInstanceUID
        assert regions.SegmentSequence[segment.ReferencedSegmentNumber - 1].SegmentLabel == name.replace('_', ' ')
    for name, entry in result['differences'].items():
        value, unit, within = numbers(groups['frontal ' + name])['Left minus right Mean']
        assert (value, unit) == (entry['mean'], 'K') and 0.7 < within < 1, 'that of two readings'
    for sign in signs['signs']:
        group, unit = groups['frontal ' + sign['name']], 'K' if sign['unit'] == '°C' else '1'
        found = numbers(group)
        assert found['Threshold of sign'] == [sign['threshold'], unit]
        assert found.get('Measured value of sign') == (None if sign['value'] is None else [sign['value'], unit])
        state, = named(group.ContentSequence, 'State of sign')
        assert state.ConceptCodeSequence[0].CodeValue == sign['state']
        assert [item.TextValue for item in named(group.ContentSequence, 'Sign in words')] == [sign['sentence']]
    grey_mean = numbers(groups['raised-arms right breast'])['Grey level, no temperature Mean']
    assert grey_mean[1:] == ['1'], 'no unit and no uncertainty where there are no degrees'
    assert not [name for name in groups if name.startswith('right-lateral')]
    assert [item.TextValue for item in named(dataset.ContentSequence, 'Picture without a result')][0].startswith(
        'right-lateral: ')
    assert [item.TextValue for item in named(dataset.ContentSequence, 'Notice')] == [ADJUNCT_NOTICE]


def test_measurements_say_who_signed_and_what_came_before(station, objects):
    dataset = read(objects['object/0000/measurements/7'])
    assert (dataset.CompletionFlag, dataset.VerificationFlag) == ('COMPLETE', 'VERIFIED')
    observer, = dataset.VerifyingObserverSequence
    assert (observer.VerifyingObserverName, observer.VerifyingOrganization) == ('chief', 'Κλινική')
    assert 'PredecessorDocumentsSequence' not in dataset
    assert [item.ConceptCodeSequence[0].CodeMeaning for item in named(dataset.ContentSequence, 'Observer Type')] == [
        'Person', 'Device']


def test_the_report_comes_back_to_the_last_byte(objects):
    dataset = read(objects['object/0000/report/7'])
    assert len(PDF) % 2 and len(dataset.EncapsulatedDocument) == len(PDF) + 1
    assert dataset.EncapsulatedDocument[:dataset.EncapsulatedDocumentLength] == PDF
    assert (dataset.Modality, dataset.MIMETypeOfEncapsulatedDocument, dataset.VerificationFlag) == (
        'DOC', 'application/pdf', 'VERIFIED')


def test_a_note_names_everything_that_is_taken_back_and_why(objects):
    *rejected, made = objects.values()
    note = read(made)
    title, = note.ConceptNameCodeSequence
    assert (title.CodeValue, note.Modality) == ('113038', 'KO') and 'CodingSchemeVersion' not in title
    study, = note.CurrentRequestedProcedureEvidenceSequence
    listed = {item.ReferencedSOPInstanceUID: (series.SeriesInstanceUID, item.ReferencedSOPClassUID)
              for series in study.ReferencedSeriesSequence for item in series.ReferencedSOPSequence}
    assert listed == {one.sop_uid: (one.series_uid, one.sop_class) for one in rejected}
    assert study.StudyInstanceUID == note.StudyInstanceUID == rejected[0].study_uid
    assert made.series_uid not in {one.series_uid for one in rejected}
    assert [item.TextValue for item in named(note.ContentSequence, 'Key Object Description')] == ['She is another.']
    assert [str(item.PersonName) for item in named(note.ContentSequence, 'Person Observer Name')] == ['Lind^Ann']


def test_what_was_corrected_says_so_and_is_another_object():
    with signed_exam(PICTURES[:1] + (('dynamic', torso('series')),)) as (made, exam):
        outline = outlines_of(kept_labels(made.exams, exam, '0001.labels.png', (240, 320)))['left_breast']
        moved = {'left_breast': [(x, y + 8) for x, y in outline]}
        exam = correct(made.exams, exam.id, 'chief', 1, 0, moved, 'It was too high.')
        objects = {one.name: one for one in make_objects(made.exams, exam, site(
            'temperature', 'measurements', 'regions'))}
        dataset = read(objects['object/0001/regions/%d' % exam.events[-1].number])
        labels = kept_labels(made.exams, exam, exam.counting(1, 'labels.png'), (240, 320))
    measured = read(objects['object/0000/measurements/%d' % exam.events[-1].number])
    earlier, = measured.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert earlier.ReferencedSOPInstanceUID == uid_of(exam.id, 'object/0000/measurements/%d' % (len(exam.events) - 1))
    of_series = [group for group in named(measured.ContentSequence, 'Measurement Group')
                 if next(named(group.ContentSequence, 'Tracking Identifier')).TextValue.startswith('dynamic 1 ')]
    assert [list(numbers(group)) for group in of_series] == [['Skin temperature Mean']] * 7 + [
        ['Left minus right Mean']] * 3, 'pictures of a series have means alone'
    words, = named(measured.ContentSequence, 'Amendment')
    assert words.TextValue.startswith('It was too high.: Outlines of picture 1: left breast.')
    drawn = {item.SegmentLabel: item.SegmentAlgorithmType for item in dataset.SegmentSequence}
    assert drawn.pop('left breast') == 'SEMIAUTOMATIC' and set(drawn.values()) == {'AUTOMATIC'}
    assert np.array_equal(dataset.pixel_array[LEFT_BREAST - 1].astype(bool), labels == LEFT_BREAST)
