"""Candidates are trained alike, judged at the phantoms' own size, kept when finished, and shown in a table and plot."""
import json
import logging

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.architectures import build  # noqa: E402
from models.compare import candidates  # noqa: E402
from models.compare.candidates import CANDIDATES, Candidate, candidate_recipe, main  # noqa: E402
from models.phantoms import PhantomSet  # noqa: E402
from models.recipe import Network  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402
from models.training.weights import load_network  # noqa: E402
from service.messages import InputError  # noqa: E402

# Phantoms are made by fresh processes, and two networks are trained and exported.
pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 96, 128
TINY = {'stem': 8, 'channels': [8, 8, 8], 'blocks': [0, 1, 1], 'width': 8}
SMALL = ('input.height=%d' % HEIGHT, 'input.width=%d' % WIDTH, 'phantoms.train=4', 'phantoms.val=1', 'phantoms.test=4',
         'phantoms.kinds={frontal = 1}', 'training.batch=2')


#: One candidate at the size of the phantoms, and one whose smaller input they do not fill.
BOTH = {'quarter_fpn-whole': Candidate(Network('quarter_fpn', TINY), WIDTH, HEIGHT),
        'quarter_fpn-half': Candidate(Network('quarter_fpn', TINY), 64, 64)}


@pytest.fixture(autouse=True, scope='module')
def small():
    """Tiny candidates instead of the real ones, and the log afterwards as it was."""
    log = logging.getLogger('models')
    before = log.handlers[:], log.level, log.propagate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, 'CANDIDATES', BOTH)
        yield
    log.handlers[:], log.propagate = before[0], before[2]
    log.setLevel(before[1])


def _call(folder, *more):
    changes = [part for change in SMALL for part in ('--set', change)]
    return CliRunner().invoke(main, ['--phantoms', str(folder / 'phantoms'), '--out', str(folder / 'out'), '--threads',
                                     '1', '--workers', '0', '--samples', '2', *changes, *more])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('candidates')


@pytest.fixture(scope='module')
def done(folder):
    """Run folders, and what was printed."""
    result = _call(folder)
    assert result.exit_code == 0, result.output
    return folder / 'out', result.stdout


def test_every_candidate_is_in_table_and_figures(done):
    out, printed = done
    rows = json.loads((out / 'rows.json').read_text())
    assert [row['name'] for row in rows] == ['quarter_fpn-whole', 'quarter_fpn-half']
    for row in rows:
        assert row['samples'] == 2 and row['nano']['p90'] > 0 and row['miou']['n'] == 4
        assert 0 <= row['near']['value'] + row['far']['value'] <= 1
    assert rows[1]['gmac'] < rows[0]['gmac'] and rows[1]['weights'] == rows[0]['weights']
    assert (out / 'table.md').read_text() == printed
    assert printed.index('| quarter_fpn-half | 64x64 |') < printed.index('| quarter_fpn-whole | 128x96 |')
    assert 'predicted' in printed and 'left out of the fit the error was' in printed


def test_the_plot_is_a_picture(done):
    picture = cv2.imdecode(np.frombuffer((done[0] / 'pareto.png').read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] > picture.shape[0] > 400 and picture.std() > 5


def test_a_smaller_input_sees_the_same_phantoms_at_its_size(done, folder):
    whole, half = (PhantomSet(folder / 'phantoms' / name) for name in ('train', 'train-64x48'))
    assert half.labels.shape == (4, 48, 64) and whole.labels.shape == (4, HEIGHT, WIDTH)
    assert [one['items'] for one in half.planted] == [one['items'] for one in whole.planted]


def test_what_is_finished_is_kept(done, folder):
    written = {path: path.stat().st_mtime_ns for path in done[0].glob('*/*') if path.name in ('weights.pt', 'row.json')}
    assert len(written) == 4
    result = _call(folder, '--only', 'quarter_fpn-half')
    assert result.exit_code == 0 and 'quarter_fpn-whole' not in result.stdout
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert load_network(done[0] / 'quarter_fpn-half') is not None


@pytest.mark.parametrize('more, code', [
    (('--samples', '4'), 'run-other-recipe'), (('--only', 'vgg'), 'candidate-unknown')])
def test_another_budget_and_an_unknown_candidate_are_refused(done, folder, more, code):
    error = _call(folder, *more).exception
    assert isinstance(error, InputError) and error.message.code == code


def test_candidates_of_another_simulator_are_refused(done, folder, monkeypatch):
    monkeypatch.setattr(candidates, 'simulator_hash', lambda: 'another')
    error = _call(folder).exception
    assert isinstance(error, InputError) and error.message.code == 'run-other-data'


@pytest.mark.parametrize('name', sorted(CANDIDATES))
def test_all_are_trained_alike(name, monkeypatch):
    monkeypatch.setattr(candidates, 'CANDIDATES', CANDIDATES)
    common = load_recipe('phantom-fpn')
    recipe = candidate_recipe(common, name)
    for section in ('phantoms', 'training', 'optimizer', 'schedule', 'augment', 'loss', 'seed'):
        assert getattr(recipe, section) == getattr(common, section)
    assert (recipe.task, recipe.finding.steps, recipe.input.chain) == ('regions', 0, common.input.chain)
    assert (recipe.network, recipe.input.width) == (CANDIDATES[name].network, CANDIDATES[name].width)


@pytest.mark.parametrize('name', sorted(CANDIDATES))
def test_every_network_takes_its_input(name):
    candidate = CANDIDATES[name]
    shape = candidate.height, candidate.width
    with torch.device('meta'):
        scores = build(candidate.network.architecture, **candidate.network.options).eval()(torch.zeros((1, 1) + shape))
    assert scores.regions.shape == (1, 8) + shape
