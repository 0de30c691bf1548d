"""A network goes through the same folds: it learns what is planted, on patients other than those it is judged on."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.architectures import Scores  # noqa: E402
from models.audit.comparison import Rows  # noqa: E402
from models.audit.networks import NetworkRunner, NetworkSettings, image_protocol  # noqa: E402
from models.audit.protocol import Protocol, make_plan  # noqa: E402
from models.audit.run import run_audit  # noqa: E402
from models.statistics import FoldwiseAuc  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.fakes.pipelines import stub_pipeline  # noqa: E402

from . import worlds  # noqa: E402

PROTOCOL = Protocol(folds=3, repeats=1, inner_folds=2, draws=100)
SETTINGS = NetworkSettings(side_px=32, epochs=80, batch=8, rate=0.1)


class Tiny(torch.nn.Module):
    """Mean brightness and one number."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(1)
        self.out = torch.nn.Linear(1, 1)

    def forward(self, pictures):
        return Scores(None, self.out(self.norm(pictures.mean((2, 3)))))


def test_brightness_is_learned_on_other_patients():
    collection = worlds.world(count=24)
    plan = make_plan(collection, 3, 1)
    rng = np.random.default_rng(0)
    pictures = rng.integers(90, 110, (24, 32, 32)) + 60 * plan.targets[:, None, None]
    outcome = image_protocol(Tiny, pictures.astype(np.uint8), plan, PROTOCOL, SETTINGS)
    assert FoldwiseAuc(outcome.scores, plan.classes, plan.folds).auc > 0.95
    assert outcome.chosen == {'network': 3} and np.isfinite(outcome.scores).all()


def test_training_is_repeatable():
    plan = make_plan(worlds.world(count=12), 3, 1)
    pictures = np.random.default_rng(0).integers(1, 255, (12, 16, 16)).astype(np.uint8)
    first, second = (image_protocol(Tiny, pictures, plan, PROTOCOL, SETTINGS).scores for _ in range(2))
    assert np.array_equal(first, second)


def test_its_rows_join_models_controls_and_variants(monkeypatch):
    runner = NetworkRunner('resnet18', NetworkSettings(side_px=16, epochs=1))
    monkeypatch.setattr(runner, 'build', Tiny)
    monkeypatch.setattr(Rows, 'of_table', lambda self, name, what, table: self._empty(name, what, 'not asked'))
    with stub_pipeline() as pipeline:
        report = run_audit(worlds.world(count=8, pattern=True), pipeline, PROTOCOL, networks={'tiny': runner})
    names = {group: {row['name'] for row in report[group]} for group in ('models', 'controls', 'variants')}
    assert 'tiny: torso' in names['models'] and 'tiny: background picture' in names['controls']
    assert 'tiny: torso, absolute' in names['variants']
    marker = next(row for row in report['controls'] if row['name'] == 'tiny: marker picture')
    assert marker['note'] == 'constant: nothing to learn'  # nobody wears one in this world
    assert [entry['model'] for entry in report['verdicts']] == ['tiny: torso']


@pytest.mark.parametrize('name', ['unet_lite', 'betti'])
def test_an_architecture_without_a_finding_or_network_is_refused(name):
    with pytest.raises(InputError, match='resnet18'):
        NetworkRunner(name)
