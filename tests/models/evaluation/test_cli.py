"""``thermoscreen evaluate`` from end to end: the shipped bundle on phantoms."""
import dataclasses
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import models.data
from models.evaluation import report as report_module
from models.evaluation.cli import evaluate_command
from service.messages import BundleError, InputError
from service.settings import SHIPPED_BUNDLE
from service.simulator import make_phantom
from tests.fakes import bundles

from .made_up import phantom_collection, unreadable
from .test_figures import score_regions

SEEDS = range(900, 908)
PHANTOMS = phantom_collection(SEEDS, 240, 320)


def with_one_unreadable(collection):
    samples = (unreadable(collection[0]),) + collection.samples[1:3]
    return dataclasses.replace(collection, samples=samples)


@pytest.fixture
def evaluate(monkeypatch, tmp_path):
    """Runs the verb on a collection made here, without plots; gives (result, folder of the report)."""
    monkeypatch.setattr(report_module, 'draw_plots', lambda document: {})

    def call(*words, data=PHANTOMS, bundle=SHIPPED_BUNDLE, out=tmp_path / 'out'):
        monkeypatch.setattr(models.data, 'open_data', lambda path, layout=None: data)
        arguments = [str(bundle), '--data', 'made', '--out', str(out), '--rounds', '100', '--threads', '1', *words]
        return CliRunner().invoke(evaluate_command, arguments), out
    return call


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """One run over eight phantoms, read by several tests."""
    folder = tmp_path_factory.mktemp('evaluation') / 'out'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.data, 'open_data', lambda path, layout=None: PHANTOMS)
        result = CliRunner().invoke(evaluate_command, [str(SHIPPED_BUNDLE), '--data', 'made', '--out', str(folder),
                                                       '--rounds', '100', '--threads', '1'])
    assert result.exit_code == 0, result.output
    return folder, json.loads((folder / 'report.json').read_text()), result.output


def test_labels_and_figures_are_those_of_the_scoring_tool(report):
    folder, document, _ = report
    pairs = []
    for seed in SEEDS:
        path = folder / 'labels' / ('%04d.png' % seed)
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.exists() else None
        pairs.append((found, make_phantom(seed, 240, 320).labels))
    expected = score_regions(pairs)
    everyone = document['regions']['all']
    assert [region['iou']['value'] for region in everyone['regions'].values()] == pytest.approx(expected, abs=1e-4)
    assert everyone['miou']['value'] == pytest.approx(expected.mean(), abs=1e-4)
    assert everyone['n'] == len(SEEDS)


def test_every_frame_is_there_with_its_conditions(report):
    _, document, _ = report
    assert list(document)[0] == 'split' and document['kind'] == 'thermoscreen-evaluation'
    assert [frame['key'] for frame in document['frames']] == ['%04d' % seed for seed in SEEDS]
    conditions = document['conditions']
    assert conditions['bundle']['id'] and len(conditions['bundle']['hash']) == 64
    assert conditions['backend']['name'] == 'onnxruntime' and conditions['n'] == 8
    assert {'seed', 'bootstrap_rounds', 'machine', 'precision', 'command'} <= set(conditions)


def test_regions_of_one_class_are_judged_and_the_finding_is_not(evaluate):
    one = dataclasses.replace(PHANTOMS[:2], samples=tuple(dataclasses.replace(sample, klass=0)
                                                          for sample in PHANTOMS.samples[:2]), classes=('Healthy',))
    result, folder = evaluate(data=one)
    assert result.exit_code == 0, result.output
    document = json.loads((folder / 'report.json').read_text())
    assert document['regions']['all']['n'] == 2 and not document['finding']


def test_the_pixels_of_the_frames_add_up(report):
    _, document, _ = report
    total = sum(np.array(frame['overlap']['pixels']) for frame in document['frames'])
    assert np.array_equal(total, document['regions']['all']['pixels'])


def test_the_terminal_says_the_same(report):
    folder, document, output = report
    assert output.splitlines()[0] == document['split']
    assert 'Region mIoU %.3f' % document['regions']['all']['miou']['value'] in output
    assert 'Research and adjunct use only' in output
    assert (folder / 'report.html').read_text().count('<img') >= 5 + 2 * 8


def test_json_on_the_terminal(evaluate):
    result, out = evaluate('--json', '--limit', '2')
    assert result.exit_code == 0
    assert result.stdout == (out / 'report.json').read_text()
    assert json.loads(result.stdout)['samples']['n'] == 2


def test_a_frame_that_cannot_be_read_is_one_line(evaluate):
    result, out = evaluate(data=with_one_unreadable(PHANTOMS))
    assert result.exit_code == 1
    assert result.stderr == '0900: not evaluated. It ends too early. Copy it again. [file-truncated]\n'
    assert json.loads((out / 'report.json').read_text())['samples']['failed'][0]['key'] == '0900'


def test_an_unlabelled_class_collection(evaluate):
    samples = [dataclasses.replace(sample, read_labels=None) for sample in PHANTOMS[:4]]
    result, out = evaluate(data=dataclasses.replace(PHANTOMS, samples=samples))
    document = json.loads((out / 'report.json').read_text())
    assert result.exit_code == 0 and document['regions'] is None and document['finding']['n'] == 4
    assert 'No frame has region labels' in result.output


def test_a_bundle_that_was_trained_on_a_patient(evaluate, tmp_path):
    bundle = bundles.write(tmp_path / 'bundle', bundles.document(metrics={'training_patients': ['0902', '0904']}))
    result, out = evaluate(bundle=bundle)
    assert isinstance(result.exception, InputError) and result.exception.code == 'patient-leak'
    assert not out.exists()
    result, out = evaluate('--resubstitution', '--limit', '3', bundle=bundle)
    assert result.output.startswith('RESUBSTITUTION: 1 of 3 patients')
    result, out = evaluate('--unseen', '--limit', '3', bundle=bundle)
    assert result.output.startswith('Patient-level: 3 patients')
    assert '2 frames of training patients were left out' in result.output


def test_bad_input_writes_nothing(evaluate, tmp_path):
    bare = dataclasses.replace(PHANTOMS, samples=[dataclasses.replace(sample, klass=None, read_labels=None)
                                                  for sample in PHANTOMS])
    for changes, words, error, code in (
            ({'data': bare}, (), InputError, 'nothing-known'),
            ({'bundle': tmp_path}, (), BundleError, 'bundle-missing'),
            ({}, ('--where', 'dialect=tab'), InputError, 'fact-value'),
            ({}, ('--positive', 'Ill'), InputError, 'class-unknown'),
            ({}, ('--audit', str(tmp_path / 'none.json')), InputError, 'audit-unreadable')):
        result, out = evaluate(*words, **changes)
        assert isinstance(result.exception, error) and result.exception.code == code
        assert list(tmp_path.iterdir()) == []


def test_no_pytorch(root):
    program = ('import sys\n'
               'import models.evaluation.cli, models.evaluation.request\n'
               'from models.data import open_data\n'
               'print("torch" in sys.modules)')
    output = subprocess.check_output([sys.executable, '-c', program], cwd=str(root), universal_newlines=True)
    assert output.strip() == 'False'


def test_help_needs_no_library(root):
    program = ('import sys\n'
               'import models.evaluation.cli\n'
               'print([name for name in ("sklearn", "scipy", "matplotlib", "torch") if name in sys.modules])')
    output = subprocess.check_output([sys.executable, '-c', program], cwd=str(root), universal_newlines=True)
    assert output.strip() == '[]'
