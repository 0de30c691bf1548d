"""The latents system: four combinations, one pass of the encoder, and what it learns from without labels."""
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures import build, count_cost, latents  # noqa: E402
from models.architectures.latents import (  # noqa: E402  # noqa: E402
    CutsEncoder,
    CutsModel,
    Latents,
    PatchHead,
    cuts_loss,
)
from service.messages import InputError  # noqa: E402
from service.simulator import make_phantom  # noqa: E402

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
    regions, finding, _ = network(torch.rand(2, 1, 24, 40))
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


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def waves(count=2, channels=1, height=30, width=44):
    """Smooth pictures, in which neighbouring patches are alike."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    pictures = [0.5 + 0.4 * torch.sin(rows / (4 + n)) * torch.cos(columns / (5 + n))
                for n in range(count * channels)]
    return torch.stack(pictures).reshape(count, channels, height, width)


def test_positives_are_near_and_never_the_anchor():
    anchors, positives = latents.draw_pairs(waves(8), generator())
    distance = (anchors - positives).abs().amax(2)
    assert distance.min() >= 1 and distance.max() <= latents.REACH
    for centres in (anchors, positives):
        assert centres.min() >= 2
        assert centres[..., 0].max() <= 30 - 3 and centres[..., 1].max() <= 44 - 3


def test_the_most_similar_candidate_is_taken():
    images = waves(8)
    anchors, positives = latents.draw_pairs(images, generator())
    likeness = latents.similarity(latents.patches(images, anchors), latents.patches(images, positives))
    assert (likeness > latents.SIMILAR).float().mean() > 0.8
    # The same picture, but neighbours drawn without looking.
    blind = (anchors + torch.randint(-5, 6, anchors.shape, generator=generator(1))).clamp(2, 27)
    at_random = latents.similarity(latents.patches(images, anchors), latents.patches(images, blind))
    assert likeness.mean() > at_random.mean() + 0.2


def test_without_a_similar_patch_the_positive_is_a_neighbour(monkeypatch):
    monkeypatch.setattr(latents, 'SIMILAR', 2.0)
    # The smallest picture that is allowed: every anchor lies at the edge of the room.
    for images in (waves(8), waves(8, 1, 7, 7)):
        anchors, positives = latents.draw_pairs(images, generator())
        assert ((anchors - positives).abs().amax(2) == 1).all()
        assert positives.min() >= 2 and (positives[..., 0] <= images.shape[2] - 3).all()


def test_a_generator_decides_and_is_advanced():
    images, same, other = waves(), generator(3), generator(3)
    first, again = latents.draw_pairs(images, same), latents.draw_pairs(images, other)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], latents.draw_pairs(images, same)[0])
    state = torch.get_rng_state()
    latents.draw_pairs(images, same)
    assert torch.equal(state, torch.get_rng_state())


def test_similarity_is_wangs_over_one_window():
    rng = np.random.RandomState(0)
    a, b = rng.rand(5, 5), rng.rand(5, 5)
    covariance = np.mean((a - a.mean()) * (b - b.mean()))
    want = ((2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 9e-4)
            / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 9e-4)))
    a, b = torch.from_numpy(a)[None], torch.from_numpy(b)[None]
    assert float(latents.similarity(a, b)) == pytest.approx(want)
    assert float(latents.similarity(a, a)) == pytest.approx(1)


def test_contrast_is_cross_entropy_over_cosines():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    terms = []
    for picture in range(2):
        for i in range(3):
            cosines = [float(torch.cosine_similarity(a[picture, i], b[picture, j], dim=0)) for j in range(3)]
            weights = [math.exp(c / 0.5) for c in cosines]
            terms.append(-math.log(weights[i] / sum(weights)))
    assert float(latents.nt_xent(a, b)) == pytest.approx(sum(terms) / 6, rel=1e-5)


def test_patches_lie_around_their_pixel():
    image = torch.arange(2 * 3 * 9 * 8).float().reshape(2, 3, 9, 8)
    centres = torch.tensor([[[2, 5], [6, 2]], [[4, 4], [2, 2]]])
    found = latents.patches(image, centres)
    assert found.shape == (2, 2, 3, 5, 5)
    assert torch.equal(found[0, 1], image[0, :, 4:9, 0:5]) and torch.equal(found[1, 0], image[1, :, 2:7, 2:7])
    assert torch.equal(latents.gather(image, centres), found[..., 2, 2])


def test_the_loss_is_the_two_parts_and_reaches_encoder_and_head():
    torch.manual_seed(0)
    model = CutsModel(CutsEncoder(3))
    assert isinstance(model.head, PatchHead) and model.head.weight.shape == (75, 128)
    loss, parts = cuts_loss(model, waves(2, 3), generator())
    want = 0.01 * float(parts['contrast']) + 0.99 * float(parts['reconstruction'])
    assert float(loss.detach()) == pytest.approx(want)
    assert loss.requires_grad and not parts['contrast'].requires_grad
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_a_few_steps_on_phantoms_teach_it():
    torch.manual_seed(0)
    celsius = np.stack([make_phantom(seed, 48, 64).celsius for seed in range(2)])
    images = torch.from_numpy(((celsius - 18) / 22).clip(0, 1).astype(np.float32))[:, None]
    model, draws = CutsModel(CutsEncoder(1)), generator()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    history = []
    for _ in range(15):
        loss, parts = cuts_loss(model, images, draws)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(float(parts['reconstruction']))
    assert np.mean(history[-5:]) < 0.3 * np.mean(history[:2])


def test_a_picture_without_room_is_refused():
    with pytest.raises(InputError, match='6x40') as caught:
        cuts_loss(CutsModel(CutsEncoder(1)), torch.rand(1, 1, 6, 40), generator())
    assert caught.value.code == 'input-size'
