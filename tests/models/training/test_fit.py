"""What a step is: losses, schedules, averaging, early stopping."""
import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('lightning', reason='the training extra is not installed')

from torch.nn import functional  # noqa: E402

from models.architectures import Scores  # noqa: E402
from models.training import fit, modules, predict  # noqa: E402
from models.training.fit import class_shares  # noqa: E402
from models.training.modules import Losses, rate_factor  # noqa: E402
from models.training.stream import UNKNOWN, Batch, as_examples  # noqa: E402

from .small import distance, small_collection, small_network, small_recipe, three_classes  # noqa: E402


def _batch(labels=None, klass=(0, 1), view=(UNKNOWN, UNKNOWN)):
    labels = torch.randint(0, 8, (2, 8, 8)) if labels is None else labels
    return Batch(torch.rand(2, 1, 8, 8), labels, torch.tensor(klass), torch.tensor(view))


def test_the_parts_of_the_loss():
    torch.manual_seed(0)
    batch, scores = _batch(), Scores(torch.randn(2, 8, 8, 8), torch.randn(2, 1))
    recipe = small_recipe('loss.finding=0.3', 'loss.dice=0.5', 'loss.nipple_weight=2')
    parts = Losses(recipe, 8)(scores, batch)
    weights = torch.tensor([1, 1, 1, 2, 2, 1, 1, 1.])
    assert parts['cross-entropy'] == functional.cross_entropy(scores.regions, batch.labels, weights)
    shares, truth = scores.regions.softmax(1), functional.one_hot(batch.labels, 8).permute(0, 3, 1, 2)
    both, all_of = ((shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3)))
    assert parts['dice'] == pytest.approx(float(0.5 * (1 - 2 * both / all_of).mean()), abs=1e-5)
    assert parts['finding'] == pytest.approx(float(0.3 * functional.binary_cross_entropy_with_logits(
        scores.finding[:, 0], torch.tensor([0., 1.]))))


def test_regions_are_judged_in_every_other_row_and_column():
    batch, scores = _batch(), Scores(torch.randn(2, 8, 8, 8), torch.randn(2, 1))
    some = batch._replace(labels=batch.labels[:, 1::2, 1::2])
    expected = Losses(small_recipe('loss.dice=1'), 8)(scores._replace(regions=scores.regions[..., 1::2, 1::2]), some)
    parts = Losses(small_recipe('loss.dice=1', 'loss.every=2'), 8)(scores, batch)
    assert all(torch.equal(parts[name], expected[name]) for name in ('cross-entropy', 'dice'))


def test_what_is_not_known_teaches_nothing():
    scores = Scores(torch.randn(2, 8, 8, 8, requires_grad=True), torch.randn(2, 1, requires_grad=True))
    half = torch.randint(0, 8, (2, 8, 8))
    half[1] = UNKNOWN
    sum(Losses(small_recipe(), 8)(scores, _batch(half, (UNKNOWN, 1))).values()).backward()
    assert (scores.regions.grad[1] == 0).all() and (scores.regions.grad[0] != 0).any()
    assert scores.finding.grad[0] == 0 and scores.finding.grad[1] != 0
    nothing = Losses(small_recipe(), 8)(scores, _batch(torch.full((2, 8, 8), UNKNOWN), (UNKNOWN, UNKNOWN)))
    assert sum(nothing.values()).item() == 0


def test_a_view_teaches_where_it_is_known():
    losses = Losses(small_recipe('loss.view=0.3'), 8)
    scores = Scores(torch.zeros(2, 8, 8, 8), torch.zeros(2, 1), torch.randn(2, 7, requires_grad=True))
    part = losses(scores, _batch(view=(UNKNOWN, 4)))['view']
    assert part.item() == pytest.approx(0.3 * float(-scores.view.detach()[1].log_softmax(0)[4]), abs=1e-6)
    assert losses(scores, _batch())['view'].item() == 0
    assert 'view' not in losses(scores._replace(view=None), _batch(view=(1, 2)))


def test_balanced_classes_weigh_the_same():
    recipe = small_recipe('loss.balanced=true', 'network.options.findings=3', name='busi-resnet18')
    shares = class_shares(as_examples(three_classes(9), recipe))
    assert shares == pytest.approx([1 / 3] * 3)
    losses = Losses(recipe, 2, [0.8, 0.1, 0.1])
    logits = torch.zeros(2, 3, requires_grad=True)
    losses(Scores(None, logits), _batch(klass=(0, 1)))['finding'].backward()
    assert abs(logits.grad[1]).sum() == pytest.approx(8 * float(abs(logits.grad[0]).sum()), rel=1e-3)


@pytest.mark.parametrize('step, expected', [
    (0, 0.04), (5, 0.52), (10, 1.0), (55, 0.002 + 0.998 * 0.5), (100, 0.002)])
def test_one_cycle(step, expected):
    schedule = small_recipe().schedule
    assert rate_factor(schedule, step, steps=100, epoch_steps=10) == pytest.approx(expected)


def test_other_schedules():
    steps = small_recipe('schedule.name=step', 'schedule.every=2', 'schedule.gamma=0.1').schedule
    assert [rate_factor(steps, step, 40, 5) for step in (0, 9, 10, 20)] == pytest.approx([1, 1, 0.1, 0.01])
    cosine = small_recipe('schedule.name=cosine', 'schedule.final=0.0001').schedule
    assert [rate_factor(cosine, step, 40, 5) for step in (0, 20, 40)] == pytest.approx([1, 0.50005, 0.0001])
    assert rate_factor(small_recipe('schedule.name=constant').schedule, 7, 40, 5) == 1


def test_the_average_forgets_the_first_weights():
    """Of one step it is the step itself; later weights count by the decay, which grows to the recipe's."""
    recipe = small_recipe('training.epochs=0', 'training.samples=2')
    averaged = fit(small_network(recipe), recipe, small_collection(4), workers=0)
    plain = small_recipe('training.epochs=0', 'training.samples=2', 'training.average=0')
    assert distance(averaged, fit(small_network(plain), plain, small_collection(4), workers=0)) == 0
    longer = [fit(small_network(recipe), small_recipe('training.average=%g' % decay), small_collection(4), workers=0)
              for decay in (0.0, 0.998)]
    assert distance(*longer) > 0


def test_the_weights_of_the_lowest_validation_loss_are_taken(tmp_path, monkeypatch):
    recipe = small_recipe('training.patience=2', 'training.epochs=20', 'training.average=0')
    losses, seen = iter([3.0, 2.0, 1.0, 5.0, 6.0, 7.0, 8.0]), []

    def validation_step(module, batch, batch_idx):
        if batch_idx == 0:
            seen.append({key: value.clone() for key, value in module.network.state_dict().items()})
            module.value = next(losses)
        module.log('val/loss', module.value, batch_size=len(batch.pictures))

    monkeypatch.setattr(modules.Module, 'validation_step', validation_step)
    network = fit(small_network(recipe), recipe, small_collection(4), small_collection(4, 50), tmp_path, workers=0)
    assert len(seen) == 5  # two without a better one after the third
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in seen[2].items())
    assert sorted(path.name for path in (tmp_path / 'checkpoints').iterdir()) == ['best.ckpt', 'last.ckpt']


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setattr('tempfile.tempdir', None)
    monkeypatch.chdir(tmp_path)
    recipe = small_recipe('training.epochs=1', 'training.patience=1')
    fit(small_network(recipe), recipe, small_collection(4), small_collection(2, 50), workers=0)
    assert not list(tmp_path.iterdir())


def test_frozen_parts_stay(tmp_path):
    recipe = small_recipe('network.freeze=["encoder"]')
    fresh = small_network(recipe)
    trained = fit(small_network(recipe), recipe, small_collection(4), workers=0)
    assert distance(fresh.encoder, trained.encoder) == 0 < distance(fresh.head, trained.head)


def test_mixup_blends_pictures_and_answers(monkeypatch):
    recipe = small_recipe('augment.mixup=true')
    module = modules.Supervised(small_network(recipe), recipe, 4, 2, 8, None)
    blended, asked = [], []
    monkeypatch.setattr(module, '_parts', lambda pictures, *targets: (
        blended.append(pictures), asked.append(targets), [{'x': torch.tensor(1.0)}, {'x': torch.tensor(3.0)}])[2])
    monkeypatch.setattr(type(module), 'global_step', 5)
    batch = _batch(klass=(0, 1))
    module.train()
    loss = module.parts(batch)['x']
    rng = np.random.default_rng([recipe.seed, 3, 5])
    weight, partner = float(rng.random()), rng.permutation(2)
    assert float(loss) == pytest.approx(weight + 3 * (1 - weight))
    expected = weight * batch.pictures + (1 - weight) * batch.pictures[torch.from_numpy(partner)]
    assert torch.allclose(blended[0], expected)
    assert torch.equal(asked[0][1].klass, batch.klass[torch.from_numpy(partner)])
    module.eval()
    monkeypatch.setattr(module, '_parts', lambda pictures, *targets: {'x': torch.tensor(float(len(targets)))})
    assert module.parts(batch)['x'] == 1  # validation is not blended


def test_it_learns_what_phantoms_show():
    recipe = small_recipe('training.epochs=60', 'optimizer.learning_rate=0.02', 'augment.kind=none',
                          'training.batch=4')
    untrained = _right(small_network(recipe), recipe)
    assert _right(fit(small_network(recipe), recipe, small_collection(4), workers=0), recipe) > untrained + 0.1


def _right(network, recipe):
    table = predict(network, small_collection(4), recipe).confusion.sum(0)
    return np.trace(table) / table.sum()
