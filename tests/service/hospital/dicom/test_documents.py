"""Regions and notes: they say what the exam says, refer to objects that are there, and to who drew or decided."""
import hashlib
import io
import shutil
import subprocess

import numpy as np
import pydicom
import pytest

from service.correction import correct, outlines_of
from service.hospital.dicom import make_objects
from service.hospital.dicom.modules import Case
from service.hospital.dicom.rejection import WRONG_WORKLIST_ENTRY, rejection_note
from service.kept_picture import kept_labels
from service.regions import LEFT_BREAST, REGIONS, region_label

from ..making import grey, signed_exam, torso
from .test_images import site

PICTURES = (('frontal', torso('frontal')), ('right-lateral', grey()))
SITE = site('temperature', 'regions')

#: As of test_images.
WRITTEN = {'object/0001/regions/3': '311f0e0f73bf5082', 'object/0000/rejection/6': 'a17bbd8221144ebf'}


@pytest.fixture(scope='module')
def station():
    with signed_exam(PICTURES) as made:
        yield made


@pytest.fixture(scope='module')
def objects(station):
    """The objects of the exam and a note that takes them back, by their names."""
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


def test_regions_are_the_outlines_and_lie_on_the_picture(station, objects):
    picture, dataset = read(objects['object/0001/temperature/3']), read(objects['object/0001/regions/3'])
    labels = kept_labels(station[0].exams, station[1], '0001.labels.png', (picture.Rows, picture.Columns))
    assert (dataset.Rows, dataset.Columns) == labels.shape and dataset.PatientOrientation == picture.PatientOrientation
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


def test_a_corrected_region_says_so_and_is_another_object():
    with signed_exam(PICTURES[:1]) as (made, exam):
        outline = outlines_of(kept_labels(made.exams, exam, '0001.labels.png', (240, 320)))['left_breast']
        moved = {'left_breast': [(x, y + 8) for x, y in outline]}
        exam = correct(made.exams, exam.id, 'chief', 1, 0, moved, 'It was too high.')
        objects = {one.name: one for one in make_objects(made.exams, exam, SITE)}
        dataset = read(objects['object/0001/regions/%d' % exam.events[-1].number])
        labels = kept_labels(made.exams, exam, exam.counting(1, 'labels.png'), (240, 320))
    drawn = {item.SegmentLabel: item.SegmentAlgorithmType for item in dataset.SegmentSequence}
    assert drawn.pop('left breast') == 'SEMIAUTOMATIC' and set(drawn.values()) == {'AUTOMATIC'}
    assert np.array_equal(dataset.pixel_array[LEFT_BREAST - 1].astype(bool), labels == LEFT_BREAST)
