"""What the encoder learns from: pairs, similarity, contrast, patches."""
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')
pytest.importorskip('segmentation_models_pytorch', reason='the training extra is not installed')

from models.architectures.latents import (  # noqa: E402
    CutsEncoder,
    CutsModel,
    PatchHead,
    contrast,  # noqa: E402
    cuts_loss,
)
from service.messages import InputError  # noqa: E402
from service.simulator import make_phantom  # noqa: E402


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def waves(count=2, channels=1, height=30, width=44):
    """Smooth pictures, in which neighbouring patches are alike."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    pictures = [0.5 + 0.4 * torch.sin(rows / (4 + n)) * torch.cos(columns / (5 + n))
                for n in range(count * channels)]
    return torch.stack(pictures).reshape(count, channels, height, width)


def test_positives_are_near_and_never_the_anchor():
    anchors, positives = contrast.draw_pairs(waves(8), generator())
    distance = (anchors - positives).abs().amax(2)
    assert distance.min() >= 1 and distance.max() <= contrast.REACH
    for centres in (anchors, positives):
        assert centres.min() >= 2
        assert centres[..., 0].max() <= 30 - 3 and centres[..., 1].max() <= 44 - 3


def test_the_most_similar_candidate_is_taken():
    images = waves(8)
    anchors, positives = contrast.draw_pairs(images, generator())
    likeness = contrast.similarity(contrast.patches(images, anchors), contrast.patches(images, positives))
    assert (likeness > contrast.SIMILAR).float().mean() > 0.8
    # The same picture, but neighbours drawn without looking.
    blind = (anchors + torch.randint(-5, 6, anchors.shape, generator=generator(1))).clamp(2, 27)
    at_random = contrast.similarity(contrast.patches(images, anchors), contrast.patches(images, blind))
    assert likeness.mean() > at_random.mean() + 0.2


def test_without_a_similar_patch_the_positive_is_a_neighbour(monkeypatch):
    monkeypatch.setattr(contrast, 'SIMILAR', 2.0)
    # The smallest picture that is allowed: every anchor lies at the edge of the room.
    for images in (waves(8), waves(8, 1, 7, 7)):
        anchors, positives = contrast.draw_pairs(images, generator())
        assert ((anchors - positives).abs().amax(2) == 1).all()
        assert positives.min() >= 2 and (positives[..., 0] <= images.shape[2] - 3).all()


def test_a_generator_decides_and_is_advanced():
    images, same, other = waves(), generator(3), generator(3)
    first, again = contrast.draw_pairs(images, same), contrast.draw_pairs(images, other)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], contrast.draw_pairs(images, same)[0])
    state = torch.get_rng_state()
    contrast.draw_pairs(images, same)
    assert torch.equal(state, torch.get_rng_state())


def test_similarity_is_wangs_over_one_window():
    rng = np.random.RandomState(0)
    a, b = rng.rand(5, 5), rng.rand(5, 5)
    covariance = np.mean((a - a.mean()) * (b - b.mean()))
    want = ((2 * a.mean() * b.mean() + 1e-4) * (2 * covariance + 9e-4)
            / ((a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 9e-4)))
    a, b = torch.from_numpy(a)[None], torch.from_numpy(b)[None]
    assert float(contrast.similarity(a, b)) == pytest.approx(want)
    assert float(contrast.similarity(a, a)) == pytest.approx(1)


def test_contrast_is_cross_entropy_over_cosines():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    terms = []
    for picture in range(2):
        for i in range(3):
            cosines = [float(torch.cosine_similarity(a[picture, i], b[picture, j], dim=0)) for j in range(3)]
            weights = [math.exp(c / 0.5) for c in cosines]
            terms.append(-math.log(weights[i] / sum(weights)))
    assert float(contrast.nt_xent(a, b)) == pytest.approx(sum(terms) / 6, rel=1e-5)


def test_patches_lie_around_their_pixel():
    image = torch.arange(2 * 3 * 9 * 8).float().reshape(2, 3, 9, 8)
    centres = torch.tensor([[[2, 5], [6, 2]], [[4, 4], [2, 2]]])
    found = contrast.patches(image, centres)
    assert found.shape == (2, 2, 3, 5, 5)
    assert torch.equal(found[0, 1], image[0, :, 4:9, 0:5]) and torch.equal(found[1, 0], image[1, :, 2:7, 2:7])
    assert torch.equal(contrast.gather(image, centres), found[..., 2, 2])


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
