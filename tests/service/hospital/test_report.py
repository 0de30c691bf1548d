"""What a report says of an exam: everything that was kept and nothing else, at any moment of its life."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.exams import DYNAMIC, ExamError, Patient, guide
from service.hospital.report import REREADING_C, age_at, report_of
from service.hospital.site import Site
from service.hospital.wording import sections_of, state_of, texts_of
from service.regions import REGIONS

from ...fakes import frames
from ...fakes.pipelines import stub_pipeline
from .exams_made import ZOE, examined, pictured, store

SITE = Site(institution='St. Mary\'s', department='Breast clinic', station_name='THERMO1')


@pytest.fixture(scope='module')
def pipeline():
    with stub_pipeline() as made:
        yield made


@pytest.fixture(scope='module')
def torso(pipeline):
    return pictured(pipeline)


@pytest.fixture
def exams(tmp_path):
    made = store(tmp_path / 'exams')
    yield made
    made.close()


def result_of(exams, exam, number=1):
    return json.loads(exams.read_file(exam, exam.counting(number, 'result.json')).decode())


def test_the_numbers_are_those_that_were_kept(exams, pipeline, torso):
    warmer = pictured(pipeline, frames.torso() + 2.5)
    exam = examined(exams, [('frontal', torso), ('left-oblique', warmer)], ZOE, {'room_c': 21.5, 'notes': 'Calm.'},
                    ['A draught is felt.'])
    report = report_of(exams, exam, SITE)
    assert (report.status, report.patient, report.age_years, report.number) == ('final', ZOE, 56, 1)
    assert report.conditions == {'room_c': 21.5} and report.notes == 'Calm.'
    assert report.deviations == ('A draught is felt.',) and report.signed.who == 'op'
    assert report.left_out == ('right-oblique', 'right-lateral', 'left-lateral')
    assert (report.institution, report.station) == (SITE.institution, SITE.station_name)
    view, kept = report.deciding, result_of(exams, exam)
    for row in view.regions:
        entry = kept['regions'][row.region]
        assert (row.pixels, row.mean, row.sd, row.p95, row.max) == tuple(
            entry[key] for key in ('n', 'mean', 'sd', 'p95', 'max'))
        assert 2 * REREADING_C <= row.uncertainty_c < 0.57
    assert [row.region for row in view.regions] == list(REGIONS[1:])
    pair = view.pairs[0]
    assert (pair.pair, pair.mean, pair.exceeds) == ('breast', kept['differences']['breast']['mean'], False)
    assert pair.uncertainty_c == pytest.approx(0.79, abs=0.01) and len(view.signs) == 12
    assert view.model == kept['bundle'] and view.emissivity == 0.98 and view.camera['serial'] == '0042-7'
    assert report.views[1].side == 'left' and view.side == 'both'
    # One span for all: each picture alone would have another one.
    low, high = report.span
    assert low <= 30 and high >= 34 and (low, high) == (int(low), int(high))
    drawn = [cv2.imdecode(np.frombuffer(one.picture, np.uint8), cv2.IMREAD_COLOR) for one in report.views]
    assert drawn[0].shape == (480, 640, 3) and drawn[1][240, 320].sum() > drawn[0][240, 320].sum()
    assert report_of(exams, exam, SITE) == report
    bare = report_of(exams, exam, SITE, drawn=False)
    assert bare.views[0]._replace(picture=view.picture) == view and bare.span == report.span


def test_a_report_says_how_far_it_is(exams, torso):
    exam = examined(exams, [('frontal', torso)], until='review')
    report = report_of(exams, exam, SITE)
    assert report.status == 'draft' and report.signed is None and report.impression is None
    assert 'Not stated' in texts_of(sections_of(report)) and 'Not asked' in texts_of(sections_of(report))
    exams.note(exam.id, 'op', {'purpose': guide.PURPOSES[0], 'last_mammogram': '2023'})
    exams.note(exam.id, 'op', {'last_mammogram': '2024-05'})
    words = texts_of(sections_of(report_of(exams, exams.get(exam.id), SITE)))
    assert words[words.index('Purpose') + 1] == guide.PURPOSES[0]
    assert words[words.index('Last mammogram') + 1] == '2024-05'
    exams.interpret(exam.id, 'op', 'Heat of both breasts alike.', ' TH2 ')
    assert exams.conditions(exams.get(exam.id)) == {'purpose': guide.PURPOSES[0], 'last_mammogram': '2024-05'}
    exam = exams.sign(exam.id, 'op')
    report = report_of(exams, exam, SITE)
    assert report.status == 'final' and report.impression.grade == 'TH2' and report.amendments == ()
    exams.amend(exam.id, 'ann', 'Typing error', 'The room had 22 °C.')
    report = report_of(exams, exams.get(exam.id), SITE)
    assert (report.status, report.amendments[0].who, report.amendments[0].text) == ('amended', 'ann',
                                                                                    'The room had 22 °C.')
    exam = exams.interpret(exam.id, 'ann', 'Seen again:\nno change.')
    report = report_of(exams, exam, SITE)
    assert report.impression.said.who == 'ann' and report.impression.grade == ''
    assert report.amendments[1].reason == 'Impression of a reader' and 'no change' in report.amendments[1].text
    with pytest.raises(ExamError, match='exam-text'):
        exams.interpret(exam.id, 'op', 'x', 'two\nlines')
    other = exams.create(Patient('P-2'), 'op')
    with pytest.raises(ExamError, match='exam-state'):
        exams.interpret(other.id, 'op', 'Nobody has seen a picture.')
    exams.discard(other.id, 'op', 'example')
    with pytest.raises(ExamError, match='report-discarded'):
        report_of(exams, exams.get(other.id), SITE)


def test_what_has_no_result_or_cannot_be_read_says_why(exams, pipeline, torso):
    grey = pictured(pipeline, (frames.torso() - 20) * 15, relative=True)
    blank = pictured(pipeline, np.full((240, 320), 22.0) + np.random.RandomState(0).normal(0, 0.05, (240, 320)))
    exam = examined(exams, [('frontal', grey), ('left-lateral', blank), ('right-lateral', torso)])
    damaged = Path(exams.folder) / 'exams' / exam.id[:2] / exam.id / '0003.result.json'
    damaged.write_bytes(b'{}')
    views = {view.role: view for view in report_of(exams, exam, SITE).views}
    assert views['frontal'].unit == 'relative' and views['frontal'].pairs[0].uncertainty_c is None
    assert views['left-lateral'].refusals and views['left-lateral'].regions == ()
    assert 'is damaged' in views['right-lateral'].trouble and views['right-lateral'].picture == b''
    assert report_of(exams, exam, SITE).grey_span[1] <= 255


def test_a_series_is_fitted_and_its_pictures_are_small(exams, torso):
    exam = examined(exams, [(DYNAMIC, torso)] * 8, protocol=guide.SERIAL)
    report = report_of(exams, exam, SITE)
    assert len(report.series.times_s) == 7 and [view.after_s for view in report.views[:3]] == [None, 0.0, 15.0]
    assert cv2.imdecode(np.frombuffer(report.views[2].picture, np.uint8), cv2.IMREAD_COLOR).shape == (180, 240, 3)


def test_the_earlier_visit_is_as_it_was_then(exams, pipeline, torso):
    """What is done to it later does not change the report of an exam that is signed."""
    before = examined(exams, [('frontal', torso)])
    late = examined(exams, [('frontal', torso)], until='review')
    exam = examined(exams, [('frontal', torso)])
    report = report_of(exams, exam, SITE)
    assert report.prior.exam_id == before.id and len(report.prior.changes) == 12
    assert {change.verdict for change in report.prior.changes} == {'not changed', 'cannot tell'}
    exams.sign(late.id, 'op')
    exams.amend(before.id, 'op', 'Typing error', 'Something.')
    assert report_of(exams, exam, SITE) == report
    assert report_of(exams, before, SITE).prior is None


def test_an_exam_of_the_wrong_patient_says_so_when_it_is_of_the_right_one(exams, torso):
    exam = examined(exams, [('frontal', torso)])
    moved = exams.move(exam.id, 'chief', Patient('P-2', 'Bo Ek', '1950-01-01'), 'The wrong wristband.')
    report = report_of(exams, moved, SITE)
    assert (report.status, report.patient.name, report.moved_from) == ('final', 'Bo Ek', exam.id)
    assert 'recorded under another patient and moved to this one by chief' in ' '.join(state_of(report))
    with pytest.raises(ExamError, match='moved to the right patient'):
        report_of(exams, exams.get(exam.id), SITE)


@pytest.mark.parametrize('born, day, years', [('1970-12-31', '2026-12-30', 55), ('1970-12-31', '2026-12-31', 56),
                                              ('', '2026-12-31', None), ('2030-01-01', '2026-12-31', None)])
def test_age(born, day, years):
    assert age_at(born, day) == years
