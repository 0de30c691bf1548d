"""From a thermogram to a result, with the network stubbed."""
import json

import numpy as np
import pytest

from service.analysis import NO_FINDING
from service.overlay import draw_overlay
from service.pipeline import AnalysisOptions
from service.quality import QualityLimits
from service.regions import LEFT_BREAST, LEFT_NIPPLE, REGIONS
from service.result import ADJUNCT_NOTICE
from service.thermogram import Thermogram
from tests.fakes import frames
from tests.fakes.pipelines import stub_pair, stub_pipeline


@pytest.fixture
def result():
    with stub_pipeline() as pipeline:
        yield pipeline.analyse(Thermogram.from_celsius(frames.torso(480, 640), source='x'))


def test_a_torso_gives_a_result(result):
    assert result.outcome == 'result' and not result.refusals
    assert result.labels.shape == (480, 640) and result.labels.dtype == np.uint8
    assert len(result.regions) == 7 and len(result.differences) == 3 and len(result.spots) == 2
    assert result.finding.probability == pytest.approx(0.2) and not result.finding.above
    assert result.sentences[0].startswith('Left breast 0.6 °C warmer')
    assert result.bundle['id'] == 'stub' and result.backend['name'] == 'stub'


def test_temperatures_come_from_the_frame_and_not_from_what_the_network_saw(result):
    assert result.region(LEFT_BREAST).mean == pytest.approx(30.6, abs=0.05)


def test_stages_add_up_to_the_total(result):
    stages = dict(result.timings_ms)
    total = stages.pop('total')
    assert set(stages) == {'quality', 'preprocess', 'infer', 'decode', 'analyse'}
    assert sum(stages.values()) == pytest.approx(total)


def test_the_result_is_json(result):
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document['outcome'] == 'result' and document['unit'] == 'celsius'
    assert set(document['regions']) == set(REGIONS[1:])
    assert document['finding']['above'] is False
    assert document['notice'] == ADJUNCT_NOTICE
    assert document['hottest']['left_breast']['x_px'] > 320


def test_a_frame_that_fails_the_gate_never_reaches_the_network():
    with stub_pipeline() as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(np.full((120, 160), 25.0), source='x'))
        assert pipeline.backend_stub.runs == 0
    assert result.outcome == 'no-result' and result.labels is None and result.finding is None
    assert result.sentences == ('The whole picture has the same value. Check that the lens is uncovered and that the '
                                'camera has finished calibrating.',)
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize('view', ['frontal', 'raised-arms', {'frontal': 0.35, 'raised-arms': 0.35, 'none': 0.3}])
def test_a_frontal_view_is_compared(result, view):
    with stub_pipeline(view=view) as pipeline:
        seen = pipeline.analyse(Thermogram.from_celsius(frames.torso(480, 640), source='x'))
    assert seen.outcome == 'result' and seen.differences == result.differences and seen.finding == result.finding
    assert seen.sentences == result.sentences and seen.to_dict()['view'] in ('frontal', 'raised-arms')


def test_a_network_that_tells_no_views_apart_names_none(result):
    assert result.view is None and result.to_dict()['view'] is None
    assert not {'view', 'upright'} & {check.code for check in result.checks}


@pytest.mark.parametrize('finding', [0.9, None])
@pytest.mark.parametrize('view, words', [('left-oblique', 'left oblique'), ('right-lateral', 'right lateral'),
                                         ({'right-oblique': 0.4, 'right-lateral': 0.35}, 'right oblique')])
def test_a_side_view_has_regions_and_nothing_that_compares(view, words, finding):
    with stub_pipeline(view=view, finding=finding) as pipeline:
        seen = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert seen.outcome == 'result' and seen.view == words.replace(' ', '-')
    assert len(seen.regions) == 7 and seen.labels is not None and len(seen.spots) == 2
    assert seen.differences == () and seen.finding is None and seen.breasts is None
    assert len(seen.sentences) == 1 and seen.sentences[0].startswith('This is a %s view: left and right' % words)
    document = json.loads(json.dumps(seen.to_dict(), allow_nan=False))
    assert document['view'] == seen.view and document['finding'] is None and document['differences'] == {}
    assert [check['code'] for check in document['checks'] if check['severity'] == 'info'] == ['side-view']


def test_a_side_view_needs_one_breast_and_clear_regions():
    one = np.where(np.isin(frames.labels(), (LEFT_BREAST, LEFT_NIPPLE)), 0, frames.labels())
    frame = Thermogram.from_celsius(frames.torso(), source='x')
    with stub_pipeline(view='right-lateral', labels=one) as pipeline:
        assert pipeline.analyse(frame).outcome == 'result'
    with stub_pipeline(view='right-lateral', confidence=0.4) as pipeline:
        unclear = pipeline.analyse(frame)
    assert [check.code for check in unclear.refusals] == ['confidence'] and unclear.view == 'right-lateral'
    assert unclear.sentences[-1].startswith('The regions cannot be told apart')


@pytest.mark.parametrize('view', ['none', {'frontal': 0.55, 'none': 0.45}, {'left-lateral': 0.5, 'none': 0.5}])
def test_what_is_no_torso_has_no_regions(view):
    with stub_pipeline(view=view) as pipeline:
        seen = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert [check.code for check in seen.refusals] == ['no-torso'] and seen.view == 'none'
    assert seen.labels is None and seen.regions == () and seen.spots == () and seen.finding is None
    assert seen.to_dict()['outcome'] == 'no-result'


def test_a_turned_torso_is_no_frontal_view():
    with stub_pipeline(view={'raised-arms': 0.55, 'left-oblique': 0.45}) as pipeline:
        seen = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert [check.code for check in seen.refusals] == ['turned'] and seen.view == 'turned'
    assert seen.labels is not None and seen.differences == () and seen.finding is None


def test_a_probability_that_is_no_number_is_no_view():
    with stub_pipeline(view={'frontal': float('nan')}) as pipeline:
        seen = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert [check.code for check in seen.refusals] == ['no-torso']


def test_a_pose_that_fails_keeps_its_labels_but_gives_no_finding():
    with stub_pipeline(labels=np.where(frames.labels() == LEFT_BREAST, 0, frames.labels())) as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert result.outcome == 'no-result' and result.labels is not None
    assert result.finding is None and result.differences == () and result.breasts is None


def test_a_model_that_only_marks_regions_gives_a_result_without_a_finding(result):
    with stub_pipeline(finding=None) as pipeline:
        bare = pipeline.analyse(Thermogram.from_celsius(frames.torso(480, 640), source='x'))
    assert bare.outcome == 'result' and bare.finding is None
    assert bare.regions == result.regions and bare.differences == result.differences
    assert bare.sentences == result.sentences[:-1] + (NO_FINDING,)
    document, usual = json.loads(json.dumps(bare.to_dict(), allow_nan=False)), result.to_dict()
    assert document['finding'] is None and set(document) == set(usual)


def test_a_no_result_says_nothing_of_findings():
    with stub_pipeline(finding=None) as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(np.full((120, 160), 25.0), source='x'))
    assert result.outcome == 'no-result' and NO_FINDING not in result.sentences


def test_a_relative_frame_is_described_without_degrees():
    grey = np.clip((frames.torso() - 20) * 15, 0, 255)
    with stub_pipeline() as pipeline:
        result = pipeline.analyse(Thermogram.from_relative(grey, source='x'))
    document = result.to_dict()
    assert document['unit'] == 'relative' and document['differences']['breast']['exceeds'] is None
    assert result.outcome == 'result' and 'grey levels' in result.sentences[0]


@pytest.mark.parametrize('shape', [(60, 80), (120, 160), (192, 256), (256, 320), (512, 640), (640, 480)])
def test_labels_have_the_frame_s_own_resolution(shape):
    with stub_pipeline() as pipeline:
        assert pipeline.analyse(Thermogram.from_celsius(frames.torso(*shape), source='x')).labels.shape == shape


def test_thresholds_are_the_installation_s():
    options = AnalysisOptions(difference_threshold_c=0.5, quality=QualityLimits(min_confidence=0.95))
    with stub_pipeline(options) as pipeline:
        refused = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert refused.refusals[0].code == 'confidence'
    with stub_pipeline(AnalysisOptions(difference_threshold_c=0.5)) as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(frames.torso(), source='x'))
    assert result.differences[0].exceeds is True


TORSO = Thermogram.from_celsius(frames.torso(480, 640), source='x')


def test_the_segmenter_is_not_reached_below_the_threshold():
    with stub_pair('classify-then-segment', finding=0.49) as pipeline:
        result = pipeline.analyse(TORSO)
        assert (pipeline.classifier_stub.runs, pipeline.segmenter_stub.runs) == (1, 0)
    assert result.outcome == 'result' and result.labels is None and not result.regions and not result.differences
    assert result.finding.probability == pytest.approx(0.49) and not result.finding.above
    assert result.checks[-1].code == 'regions-not-reached' and result.checks[-1].severity == 'info'
    assert result.sentences == ('No regions were marked: this model marks them only where the finding reaches its '
                                'threshold. The pose was not checked.',
                                'Heat pattern: below threshold.')
    assert set(result.timings_ms) == {'quality', 'preprocess', 'infer_classifier', 'total'}
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document['outcome'] == 'result' and document['regions'] == {} and document['finding']['above'] is False
    assert draw_overlay(result).shape[2] == 3


def test_at_the_threshold_it_is_and_the_result_is_that_of_one_network(result):
    with stub_pair('classify-then-segment', finding=0.5) as pipeline:
        reached = pipeline.analyse(TORSO)
        assert (pipeline.classifier_stub.runs, pipeline.segmenter_stub.runs) == (1, 1)
    assert reached.finding.above and reached.sentences[:-2] == result.sentences[:-1]
    assert reached.sentences[-2:] == (reached.finding.note, 'Heat pattern: reaches threshold.')
    assert np.array_equal(reached.labels, result.labels) and reached.differences == result.differences
    assert set(reached.timings_ms) == set(result.timings_ms) | {'infer_classifier'}


def test_a_classifier_after_the_segmenter_sees_the_regions_alone(result):
    with stub_pair('segment-then-classify', finding=0.2) as pipeline:
        second = pipeline.analyse(TORSO)
        seen = pipeline.classifier_stub.seen[0, 0]
    assert second.finding == result.finding and second.sentences == result.sentences
    assert set(second.timings_ms) == set(result.timings_ms) | {'infer_classifier'}
    inside = frames.labels() > 0
    assert not seen[~inside].any() and np.array_equal(seen[inside], result.prepared.tensor[0, 0][inside])
    assert sum(second.timings_ms.values()) == pytest.approx(2 * second.timings_ms['total'])


def test_regions_that_fail_their_checks_are_not_classified():
    turned = np.where(frames.labels() == LEFT_BREAST, 0, frames.labels())
    with stub_pair('segment-then-classify', finding=0.9, labels=turned) as pipeline:
        refused = pipeline.analyse(TORSO)
        assert (pipeline.classifier_stub.runs, pipeline.segmenter_stub.runs) == (0, 1)
    assert refused.outcome == 'no-result' and refused.finding is None
    with stub_pair('classify-then-segment', finding=0.9, labels=turned) as pipeline:
        refused = pipeline.analyse(TORSO)
    assert refused.outcome == 'no-result' and refused.finding is None


@pytest.mark.parametrize('view, outcome', [('left-lateral', 'result'), ('none', 'no-result')])
def test_a_view_that_is_not_frontal_has_no_finding_in_any_order(view, outcome):
    with stub_pair('segment-then-classify', finding=0.9, view=view) as pipeline:
        seen = pipeline.analyse(TORSO)
        assert pipeline.classifier_stub.runs == 0
    with stub_pair('classify-then-segment', finding=0.9, view=view) as pipeline:
        other = pipeline.analyse(TORSO)
    for result in (seen, other):
        assert (result.outcome, result.view, result.finding, result.differences) == (outcome, view, None, ())


@pytest.mark.parametrize('order', ['classify-then-segment', 'segment-then-classify'])
def test_a_frame_that_fails_the_gate_reaches_neither_network(order):
    with stub_pair(order, finding=0.9) as pipeline:
        result = pipeline.analyse(Thermogram.from_celsius(np.full((120, 160), 25.0), source='x'))
        assert (pipeline.classifier_stub.runs, pipeline.segmenter_stub.runs) == (0, 0)
    assert result.outcome == 'no-result'
