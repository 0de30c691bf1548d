"""The comparison of networks: costs, and figures of the segmenters."""
import json

import pytest
from click.testing import CliRunner

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from models.architectures import ARCHITECTURES, REGIONS  # noqa: E402
from models.compare.cli import compare_command  # noqa: E402
from models.compare.cost import measure_cost, measure_curves  # noqa: E402
from models.compare.run import RECIPES, Lengths, compare, markdown, trained_alike  # noqa: E402
from models.data import phantom_collection  # noqa: E402
from models.recipe_files import load_recipe  # noqa: E402
from service.messages import InputError  # noqa: E402


def test_the_shipped_network_costs_as_much_as_itself():
    """Same architecture, other weights: the ratio is near 1, as far as a busy machine allows."""
    cost = measure_cost('half_unet', {}, 240, 320, 1, rounds=3, repeats=3)
    assert cost.megabytes == pytest.approx(4e-6 * cost.parameters, rel=0.02)
    assert cost.ratio_range[0] <= cost.ratio <= cost.ratio_range[1]
    assert cost.gmac <= 2 and cost.median_ms > 0


def test_curves_have_a_time_and_no_weights():
    cost = measure_curves(40, 40, rounds=1, repeats=1)
    assert cost.parameters == 0 and cost.ratio > 0


def test_a_segmenter_is_judged_on_every_patient(tmp_path):
    rows = compare(phantom_collection(80, 4, 120, 160), tmp_path, ['unet_lite'], Lengths(4, 4, 4), folds=2)
    assert rows[0]['miou']['n'] == 4 and rows[0]['input'] == '160x120x1'
    assert '| unet_lite | 160x120x1 | 3,6' in markdown(rows, '')


@pytest.mark.parametrize('name', sorted(RECIPES))
def test_all_are_trained_alike(name):
    own, common = load_recipe(RECIPES[name]), load_recipe('few-shot')
    recipe = trained_alike(own, 40)
    assert recipe.training.samples == 40 and not recipe.training.epochs
    assert (recipe.loss, recipe.optimizer, recipe.augment) == (common.loss, common.optimizer, common.augment)
    assert (recipe.task, recipe.finding.steps, recipe.network.weights) == ('regions', 0, '')
    assert (recipe.network.architecture, recipe.network.options) == (own.network.architecture, own.network.options)
    assert recipe.input == own.input


def test_every_segmenter_has_a_recipe():
    assert set(RECIPES) == {name for name, entry in ARCHITECTURES.items() if REGIONS in entry.tasks}


def test_costs_alone_without_patients(tmp_path):
    result = CliRunner().invoke(compare_command, ['--out', str(tmp_path), '--only', 'betti'])
    assert result.exit_code == 0, result.output
    assert '| betti |' in result.output and 'no segmenter' in result.output
    assert json.loads((tmp_path / 'rows.json').read_text())[0]['name'] == 'betti'


def test_an_unknown_architecture_is_named(tmp_path):
    with pytest.raises(InputError, match='vgg'):
        compare(None, tmp_path, ['vgg'])
