"""The latents system: four combinations, one pass of the encoder, a frozen encoder that stays frozen."""
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures import build, count_cost  # noqa: E402
from models.architectures.latents import CutsEncoder, CutsModel, Latents  # noqa: E402
from service.messages import InputError  # noqa: E402

SMALL = {'height': 24, 'width': 40, 'widths': (8, 16, 16)}


@pytest.mark.parametrize('encoder, decoder, channels', [
    ('G', 'G', 1), ('G', 'H', 3), ('H', 'G', 1), ('H', 'H', 3)])
def test_every_combination_answers_both_questions(encoder, decoder, channels):
    network = Latents(encoder, decoder, findings=3, **SMALL).eval()
    assert network.channels == channels
    with torch.no_grad():
        scores = network(torch.rand(2, channels, 24, 40))
    assert scores.regions.shape == (2, 8, 24, 40) and scores.finding.shape == (2, 3)


def test_a_heat_map_on_a_grey_encoder_is_the_mean_of_three_passes():
    torch.manual_seed(0)
    mixed, grey = Latents('G', 'H', **SMALL).eval(), Latents('G', 'G', **SMALL).eval()
    grey.load_state_dict(mixed.state_dict())
    heat = torch.rand(2, 3, 24, 40)
    with torch.no_grad():
        answers = mixed(heat)
        passes = [grey(heat[:, i:i + 1]) for i in range(3)]
    for task in ('regions', 'finding'):
        mean = torch.stack([getattr(answer, task) for answer in passes]).mean(0)
        assert torch.allclose(getattr(answers, task), mean, atol=1e-5)


def test_a_grey_picture_on_a_heat_encoder_is_three_equal_channels():
    torch.manual_seed(0)
    mixed, heat = Latents('H', 'G', **SMALL).eval(), Latents('H', 'H', **SMALL).eval()
    heat.load_state_dict(mixed.state_dict())
    picture = torch.rand(1, 1, 24, 40)
    with torch.no_grad():
        assert torch.allclose(mixed(picture).regions, heat(picture.repeat(1, 3, 1, 1)).regions, atol=1e-6)


@pytest.mark.parametrize('decoder', ['G', 'H'])
def test_the_encoder_runs_once_for_both_heads(decoder):
    network, passes = Latents('G', decoder, **SMALL).eval(), []
    network.encoder.register_forward_hook(lambda *_: passes.append(1))
    network(torch.rand(1, network.channels, 24, 40))
    assert len(passes) == 1


def test_a_decoder_is_built_for_the_tasks_named():
    only = Latents(tasks=['finding'], **SMALL).eval()
    assert only(torch.rand(1, 1, 24, 40)).regions is None
    assert not [key for key in only.state_dict() if key.startswith('regions')]


def test_a_frozen_encoder_stays_as_it_is():
    network = Latents(**SMALL)
    network.freeze_encoder()
    before = {key: value.clone() for key, value in network.encoder.state_dict().items()}
    network.train()
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    regions, finding = network(torch.rand(2, 1, 24, 40))
    (regions.square().mean() + finding.square().mean()).backward()
    optimizer.step()
    assert network.regions.training and not network.encoder.layers[1].training
    assert all(torch.equal(value, before[key]) for key, value in network.encoder.state_dict().items())
    assert all(p.grad is None for p in network.encoder.parameters())
    assert all(p.grad is not None for p in network.regions.parameters())


def test_an_encoder_trained_alone_is_taken_over():
    torch.manual_seed(0)
    model = CutsModel(CutsEncoder(1))
    network = Latents(frozen=True, **SMALL)
    network.load_encoder(model.encoder.state_dict())
    picture = torch.rand(1, 1, 24, 40)
    with torch.no_grad():
        assert torch.equal(network.encoder(picture), model.encoder.eval()(picture))


def test_weights_of_the_other_encoder_are_refused():
    with pytest.raises(InputError, match='grey pictures') as caught:
        Latents('G', **SMALL).load_encoder(CutsEncoder(3).state_dict())
    assert caught.value.code == 'encoder-weights'


def test_a_finding_of_another_size_is_refused():
    with pytest.raises(InputError, match='24x40 pixels, not 32x40') as caught:
        Latents(**SMALL)(torch.rand(1, 1, 32, 40))
    assert caught.value.code == 'input-size'


def test_the_encoder_looks_eight_pixels_far_and_repeats_edges():
    torch.manual_seed(0)
    encoder = CutsEncoder(1).eval()
    with torch.no_grad():
        flat = encoder(torch.full((1, 1, 20, 20), 0.3))
        # Repeated edges: a flat picture has no border.
        assert torch.allclose(flat, flat[:, :, :1, :1].expand_as(flat), atol=1e-6)
        spot = torch.full((1, 1, 40, 40), 0.3)
        spot[:, :, 20, 20] = 1
        touched = (encoder(spot) - flat[:, :, :1, :1]).abs().amax(1)[0] > 1e-7
    rows = touched.any(1).nonzero().flatten()
    assert (int(rows.min()), int(rows.max())) == (12, 28)


def test_costs_are_those_of_the_paper():
    # requirements A-000 [derived] and data 1.5: encoder 5.17, regions 18.25 GMAC, three passes 54.7 GMAC.
    parameters, gmac = count_cost(CutsEncoder(1), 120, 160)
    assert parameters == pytest.approx(0.27e6, rel=2e-3) and gmac == pytest.approx(5.17, rel=1e-3)
    decoder = build('latents', tasks=['regions']).regions
    assert sum(p.numel() for p in decoder.parameters()) == pytest.approx(17.34e6, rel=1e-3)


def test_three_passes_cost_three_times():
    network = build('latents', encoder='G', decoder='H', tasks=['regions']).to('meta')
    assert count_cost(network, 120, 160, 3)[1] == pytest.approx(54.7, rel=1e-3)
