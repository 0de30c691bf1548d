"""The page and the worst cases: self-contained, the split in the first line, accuracy last."""
import base64
import html.parser
import xml.etree.ElementTree

import cv2
import numpy as np
import pytest

from models.evaluation.formatting import figure, headline, terminal
from models.evaluation.report import draw_cases, render_page, worst_cases
from models.reports import to_json
from tests.fakes import frames
from tests.fakes.pipelines import stub_pipeline

from .made_up import outcome, torso_collection

# The page: self-contained, honest in its first line, accuracy far behind.
VOID = {'meta', 'img', 'br', 'link'}


class Page(html.parser.HTMLParser):
    """Words, links and headings of a page; fails on tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.sources, self.ids, self.alternatives = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.sources += [values[name] for name in ('src', 'href', 'action') if name in values]
        self.ids += [values['id']] if 'id' in values else []
        self.alternatives += [values['alt']] if tag == 'img' else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open and 'title' not in self.open and data.strip():
            self.words.append(data.strip())


CASES = [{'key': 't00', 'sentence': 'mIoU 0.4 <worst>', 'shown': 'data:image/jpeg;base64,AA==', 'true': None}]


@pytest.fixture(scope='module')
def text(judged):
    return render_page(judged[0], CASES)


@pytest.fixture(scope='module')
def page(text):
    return Page(text)


def test_the_split_comes_first(page, judged):
    assert page.words[0] == judged[0]['split']
    assert page.ids[:2] == ['split', 'headline']


def test_it_needs_nothing_else(page, text):
    assert page.sources and all(source.startswith('data:image/') for source in page.sources)
    assert '://' not in text.replace('http://www.w3.org', '')
    assert all(page.alternatives)


def test_region_iou_leads_and_accuracy_trails(page):
    words = ' '.join(page.words)
    assert words.index('Region mIoU') < words.index('AUC') < words.index('Sensitivity') < words.index('Accuracy')
    assert 'ccuracy' not in words[:words.index('Controls')]


def test_every_plot_is_a_picture(page):
    svgs = [base64.b64decode(source.partition(',')[2]) for source in page.sources if 'svg' in source]
    assert len(svgs) == 5
    for svg in svgs:
        assert xml.etree.ElementTree.fromstring(svg).tag.endswith('svg')


def test_words_from_outside_stay_words(page):
    assert 'mIoU 0.4 <worst>' in ' '.join(page.words)


def test_without_controls_it_says_so(page):
    assert 'No controls: run thermoscreen confounds' in ' '.join(page.words)


def test_an_audit_stands_beside_the_model(judged):
    row = {'name': 'background', 'note': '', 'auc': {'value': 0.843, 'n': 12, 'ci95': [0.8, 0.88]}}
    idle = {'name': 'dialect', 'note': 'constant: nothing to learn', 'auc': {'value': None, 'n': 12, 'ci95': None}}
    document = dict(judged[0], audit={'file': 'audit.json', 'data': 'torsos: 12 patients', 'patients': 12,
                                      'controls': [row, idle], 'models': [], 'verdict': 'No evidence.',
                                      'warnings': []})
    words = ' '.join(Page(render_page(document)).words)
    assert words.index('this bundle') < words.index('control: background 0.843 0.800 to 0.880')
    assert 'constant: nothing to learn' in words and 'No evidence.' in words and 'No controls' not in words
    assert any('background 0.843 (0.800 to 0.880)' in line for line in headline(document))


def test_a_page_of_regions_alone(judged):
    words = ' '.join(Page(render_page(dict(judged[0], finding=None))).words)
    assert 'Region mIoU' in words and 'AUC' not in words


def test_a_page_of_a_finding_alone(judged):
    words = ' '.join(Page(render_page(dict(judged[0], regions=None, certainty=None))).words)
    assert 'AUC' in words and 'mIoU' not in words


def test_json_begins_with_the_split(judged):
    assert to_json(judged[0]).startswith('{\n "split": "Patient-level: a test."')


def test_terminal(judged, tmp_path):
    lines = terminal(judged[0], tmp_path).splitlines()
    assert lines[0] == judged[0]['split'] and 'Region mIoU 1.000' in lines[3]
    assert 'ccuracy' not in '\n'.join(lines)
    assert str(tmp_path / 'report.html') in '\n'.join(lines)


def test_a_figure_brings_its_interval():
    assert figure({'value': 0.63441, 'ci95': [0.598, 0.674]}) == '0.634 (0.598 to 0.674)'
    assert figure({'value': 0.5, 'ci95': None}) == '0.500'
    assert figure({'value': None, 'ci95': None}) == figure(None) == '-'


# The worst cases are the worst, and are drawn beside the truth.
LABELS = frames.labels()


def test_by_overlap():
    shifted = {'good': 2, 'bad': 40, 'fair': 12}
    outcomes = [outcome(key, np.roll(LABELS, shift, 1), LABELS) for key, shift in shifted.items()]
    outcomes.append(outcome('refused', None, LABELS, refused=True))
    cases = worst_cases(outcomes, count=3)
    assert [key for key, _ in cases] == ['refused', 'bad', 'fair']
    assert cases[0][1].startswith('No result: The patient is cut off.') and 'nipple' in cases[1][1]


def test_by_finding_where_nothing_is_labelled():
    outcomes = [outcome('right', klass=1, probability=0.9), outcome('wrong', klass=0, probability=0.8),
                outcome('unknown', probability=0.1)]
    cases = worst_cases(outcomes, (1,))
    assert cases == [('wrong', 'The finding is 0.800 where it should be low.'),
                     ('right', 'The finding is 0.900 where it should be high.')]


def picture(uri):
    data = np.frombuffer(base64.b64decode(uri.partition(',')[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(float)


def test_truth_is_drawn_like_the_answer():
    """Where the device is right, the two pictures differ by its crosses at the hottest spots alone."""
    collection = torso_collection(1)
    with stub_pipeline() as pipeline:
        case, = draw_cases(pipeline, collection, [('t00', 'A case.')])
    with stub_pipeline(labels=np.roll(LABELS, 25, 1)) as pipeline:
        moved, = draw_cases(pipeline, collection, [('t00', 'A case.')])
    shown, true = picture(case['shown']), picture(case['true'])
    assert shown.shape == true.shape
    differing = (np.abs(shown - true).max(2) > 60).mean()
    assert differing < 0.01 < (np.abs(picture(moved['shown']) - true).max(2) > 60).mean()
