"""Channels that nobody misses go first; what is left answers as before, is as small as asked, and is loaded again."""
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('torch_pruning', reason='the training extra is not installed')

from export.onnx_export import INPUT, make_onnx  # noqa: E402
from export.runners import open_session, run_session  # noqa: E402
from models.architectures import build, count_cost  # noqa: E402
from models.architectures.narrow import channel_counts, narrow_to  # noqa: E402
from models.pruning.groups import find_groups  # noqa: E402
from models.pruning.ranking import choose, importance, measure_budget  # noqa: E402
from models.pruning.surgery import masked, pruned  # noqa: E402
from models.training.modules import Losses  # noqa: E402
from models.training.weights import load_network, save_weights, start_from  # noqa: E402
from service.messages import InputError  # noqa: E402
from tests.models.pruning.tiny import SMALL, Tiny, examples, tiny  # noqa: E402
from tests.models.training.small import small_recipe  # noqa: E402

NAMES = ['tiny'] + sorted(SMALL)


def _loss(scores):
    return Losses(small_recipe('task="%s"' % ('regions' if scores.finding is None else 'regions+finding'),
                               'loss.dice=0.5'), 8)


def _ranked(network, picture):
    groups = find_groups(network, picture)
    return groups, importance(network, groups, examples(picture), _loss(network(picture)))


def _plan(network, picture, share, multiple=1):
    groups, scores = _ranked(network, picture)
    total = 1e9 * count_cost(network, *picture.shape[2:])[1]
    return choose(network, groups, scores, measure_budget(network, picture, total), share, multiple)


@pytest.fixture(scope='module', params=NAMES)
def halved(request):
    network, picture = tiny(request.param)
    plan = _plan(network, picture, 0.5)
    return network, plan, pruned(network, plan, picture), picture


# -- what goes together


def test_channels_go_together_wherever_they_meet():
    network, picture = tiny()
    found = [{member[:2] for member in group.members} for group in find_groups(network, picture)]
    assert len(found) == 6
    summed = {('stem.0', True), ('stem.1', True), ('residual.3', True), ('residual.4', True), ('residual.0', False),
              ('separable.0', False), ('join.0', False)}
    depthwise = {('separable.0', True), ('separable.2', True), ('separable.3', True), ('separable.5', False)}
    two_heads = {('separable.5', True), ('up', False), ('finding', False)}
    assert all(members in found for members in (summed, depthwise, two_heads))
    assert not {('head', True), ('finding', True)} & set().union(*found), 'outputs stay'


def test_the_finding_reads_a_pruned_feature_in_four_places():
    network, picture = tiny('half_unet')
    features, = [group for group in find_groups(network, picture)
                 if any(member.layer == 'finding.features.0' and member.output for member in group.members)]
    read, = features.consumers
    assert read.layer == 'finding.judge.0' and len(read.channels) == 4 * features.size


# -- importance


def test_importance_is_the_square_of_value_times_normalised_gradient():
    network, picture = tiny()
    groups, scores = _ranked(network, picture)
    place = [('join.0', True) in {member[:2] for member in group.members} for group in groups].index(True)
    expected, kept = torch.zeros(9, dtype=torch.float64), []
    network.join[1].register_forward_hook(lambda layer, inputs, output: kept.append(output))
    for example in examples(picture):
        kept.clear()
        answer = network(example.pictures)
        leaf = answer.regions.detach().requires_grad_()
        loss = sum(value for part, value in _loss(answer)(answer._replace(regions=leaf), example).items()
                   if part != 'finding')
        slope, = torch.autograd.grad(loss, leaf)
        gradient, = torch.autograd.grad(answer.regions, kept[0], slope / slope.norm())
        # Before the activation, as in the paper; the finding does not see these channels.
        expected += (kept[0] * gradient).sum((0, 2, 3)).double() ** 2 / 3
    assert torch.allclose(scores[place], expected, rtol=1e-4)


def test_every_picture_counts_the_same_however_large_its_loss():
    network, picture = tiny()
    groups, loss = find_groups(network, picture), _loss(network(picture))
    one = importance(network, groups, examples(picture), loss)
    scaled = importance(network, groups, examples(picture),
                        lambda *args: {name: 1000 * part for name, part in loss(*args).items()})
    assert all(torch.allclose(a, b, rtol=1e-3) for a, b in zip(one, scaled))


def _never_alive(network, member, channels):
    """What makes the values of channels zero in one layer."""
    layer = network.get_submodule(member.layer)
    if member.output:
        layer.weight.index_fill_(1 if isinstance(layer, torch.nn.ConvTranspose2d) else 0, channels, 0)
        if layer.bias is not None:
            layer.bias.index_fill_(0, channels, 0)


def _never_weighed(network, member, channels):
    """What makes one layer blind to channels."""
    layer = network.get_submodule(member.layer)
    if not member.output:
        layer.weight.index_fill_(0 if isinstance(layer, torch.nn.ConvTranspose2d) else 1, channels, 0)


@pytest.mark.parametrize('kill', [_never_alive, _never_weighed])
@pytest.mark.parametrize('name', ['tiny', 'half_unet'])
def test_planted_dead_channels_rank_last(name, kill):
    network, picture = tiny(name)
    groups, dead = find_groups(network, picture), []
    with torch.no_grad():
        for place, group in enumerate(groups):
            planted = torch.arange(group.size) % 4 == place % 3
            dead.append(planted)
            for member in group.members:
                kill(network, member, member.channels[planted[member.owners]])
    scores = torch.cat(importance(network, groups, examples(picture), _loss(network(picture))))
    dead = torch.cat(dead)
    assert not scores[dead].any()
    # Few others are as low: those that none of three pictures wakes.
    assert (scores[~dead] == 0).float().mean() < (0.1 if name == 'half_unet' else 1e-6)


# -- what is left


def test_the_pruned_network_answers_as_the_masked_original(halved):
    """The masks here are on values, those of `surgery.masked` on weights."""
    network, plan, small, picture = halved

    def silence(inputs):
        def hook(layer, given):
            mask = torch.zeros(given[0].shape[1 if given[0].ndim == 4 else -1])
            mask[inputs] = 1
            return given[0] * (mask.reshape(-1, 1, 1) if given[0].ndim == 4 else mask)
        return hook

    handles = [network.get_submodule(layer).register_forward_pre_hook(silence(inputs))
               for layer, (_, inputs) in plan.items() if inputs is not None]
    with torch.no_grad():
        expected = network(picture)
        for handle in handles:
            handle.remove()
        found = small(picture)
        whole = network(picture)
    for one, other, before in zip(expected, found, whole):
        if one is not None:
            assert (one - other).abs().max() <= 1e-4 * one.abs().max()
            assert (one - before).abs().max() > 1e-3 * one.abs().max(), 'the masks do nothing'


def test_the_multiply_accumulates_fall_to_the_share(halved):
    network, _, small, picture = halved
    before, after = (count_cost(one, *picture.shape[2:])[1] for one in (network, small))
    assert 0.42 < after / before <= 0.5


def test_the_original_is_untouched(halved):
    network, _, _, picture = halved
    fresh = tiny({'Tiny': 'tiny', 'HalfUnet': 'half_unet', 'AttentionUnet': 'attention_unet',
                  'Latents': 'latents'}[type(network).__name__])[0]
    assert all(map(torch.equal, network.state_dict().values(), fresh.state_dict().values()))


def test_the_pruned_onnx_file_answers_as_the_masked_original():
    network, picture = tiny('half_unet')
    plan = _plan(network, picture, 0.5)
    files = [make_onnx(one, *picture.shape[2:]).SerializeToString()
             for one in (masked(network, plan), pruned(network, plan, picture))]
    assert len(files[1]) < 0.8 * len(files[0])
    whole, small = (run_session(open_session(data), {INPUT: picture.numpy()}) for data in files)
    assert np.mean(whole['labels'] == small['labels']) > 0.998
    assert np.abs(whole['confidence'] - small['confidence']).max() < 1e-4
    assert np.abs(whole['finding'] - small['finding']).max() < 1e-4


def test_channels_stay_in_multiples():
    network, picture = tiny()
    small = pruned(network, _plan(network, picture, 0.6, multiple=4), picture)
    assert {channel_counts(layer)[0] for layer in small.modules() if isinstance(layer, torch.nn.BatchNorm2d)} <= {
        4, 6, 8, 9, 12}


def test_a_share_out_of_reach_is_refused():
    network, picture = tiny()
    with pytest.raises(InputError, match='would remain') as caught:
        _plan(network, picture, 0.001)
    assert caught.value.message.code == 'prune-flops'


def test_a_network_that_mixes_channels_by_itself_is_refused():
    class Mixing(Tiny):
        def forward(self, x):
            self.stem.register_forward_hook(lambda layer, inputs, output: output / output.norm(dim=1, keepdim=True))
            return super().forward(x)

    torch.manual_seed(0)
    network, picture = Mixing().eval(), torch.rand(1, 1, 16, 24)
    with pytest.raises(InputError) as caught:
        pruned(network, _plan(network, picture, 0.5), picture)
    assert caught.value.message.code == 'prune-unsupported'


# -- a run like any other


def _saved(folder, share=0.5):
    network, picture = tiny('half_unet')
    recipe = small_recipe('network.options={stem=8, channels=[8, 16], layers=[1, 1], decoder=[8, 8, 8]}')
    small = pruned(network, _plan(network, picture, share), picture)
    folder.mkdir(exist_ok=True)
    save_weights(small, recipe, folder / 'weights.pt')
    return small, recipe, picture


def test_weights_of_a_pruned_network_are_loaded(tmp_path):
    small, _, picture = _saved(tmp_path)
    loaded = load_network(tmp_path)
    with torch.no_grad():
        assert all(map(torch.equal, loaded(picture)[:2], small(picture)[:2]))
    assert count_cost(loaded, 32, 48) == count_cost(small, 32, 48)


def test_training_starts_from_a_pruned_network(tmp_path):
    small, recipe, picture = _saved(tmp_path)
    network = build('half_unet', **recipe.network.options)
    start_from(network, dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, init=str(tmp_path))))
    with torch.no_grad():
        assert all(map(torch.equal, network.eval()(picture)[:2], small(picture)[:2]))


def test_other_options_are_refused_although_the_weights_would_fit(tmp_path):
    _, recipe, _ = _saved(tmp_path)
    wider = dataclasses.replace(recipe.network, init=str(tmp_path), options={'stem': 16})
    with pytest.raises(InputError, match='use the same options'):
        start_from(build('half_unet', stem=16), dataclasses.replace(recipe, network=wider))


def test_a_network_that_is_not_pruned_stays_as_built():
    network, _ = tiny('half_unet')
    before = [tensor.clone() for tensor in network.state_dict().values()]
    narrow_to(network, network.state_dict())
    assert all(map(torch.equal, before, network.state_dict().values()))


def test_weights_of_another_version_are_refused(tmp_path):
    small, recipe, _ = _saved(tmp_path)
    small.halve[0] = torch.nn.Conv2d(1, 64, 3)
    save_weights(small, recipe, tmp_path / 'weights.pt')
    with pytest.raises(InputError) as caught:
        load_network(tmp_path)
    assert caught.value.message.code == 'weights-other-architecture'
