"""What the encoder learns from without labels: neighbours that look alike, and its own patches.

Reimplemented from the descriptions in the CUTS and latents papers: anchors per picture, for each the
most similar of ten patches nearby as its positive, the other anchors' positives of the same picture as
negatives (NT-Xent), and the anchor's patch back from its latent by one linear layer.
"""
import torch
from torch import nn

from service.messages import InputError

from .encoder import CutsEncoder

PATCH = 5
ANCHORS = 16
CANDIDATES = 10
REACH = 5
SIMILAR = 0.5
TEMPERATURE = 0.5
CONTRAST_SHARE = 0.01

#: Constants of the structural similarity of Wang 2004, for values in 0..1.
_C1, _C2 = 0.01 ** 2, 0.03 ** 2
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


class PatchHead(nn.Linear):
    """A patch from the latent of its centre: float32 ...x128 to ...x(C*25), values in -1..1.

    Args:
        channels (int): of the picture.
        latents (int): numbers a pixel.
    """

    def __init__(self, channels, latents=CutsEncoder.latents):
        super().__init__(latents, channels * PATCH * PATCH)


class CutsModel(nn.Module):
    """An encoder with the head that it needs while it learns; only `encoder` is kept afterwards.

    Args:
        encoder (CutsEncoder): what is trained.
    """

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.head = PatchHead(encoder.channels, encoder.latents)

    def forward(self, x):
        """Latents float32 Nx128xHxW of pictures float32 NxCxHxW in 0..1."""
        return self.encoder(x)


def cuts_loss(model, images, generator):
    """The unsupervised loss of a batch.

    Args:
        model (CutsModel): the encoder and the head that it learns with.
        images (torch.Tensor): float32 NxCxHxW in 0..1, sides of at least 7 pixels.
        generator (torch.Generator): draws the patches, and is advanced by it: two calls see other patches.

    Returns:
        tuple: (loss with gradient, dict of the detached parts ``'contrast'`` and ``'reconstruction'``).

    Raises:
        InputError: ``input-size``: a picture without room for a patch and its neighbour.
    """
    if min(images.shape[2:]) < PATCH + 2:
        raise InputError('input-size', 'Pictures of %dx%d pixels are too small to learn from patches; use at '
                         'least %dx%d.' % (*images.shape[2:], PATCH + 2, PATCH + 2))
    anchors, positives = draw_pairs(images, generator)
    latents = model.encoder(images)
    z, z_positive = gather(latents, anchors), gather(latents, positives)
    contrast = nt_xent(z, z_positive)
    wanted = 2 * patches(images, anchors).flatten(2) - 1
    reconstruction = nn.functional.mse_loss(model.head(z), wanted)
    loss = CONTRAST_SHARE * contrast + (1 - CONTRAST_SHARE) * reconstruction
    return loss, {'contrast': contrast.detach(), 'reconstruction': reconstruction.detach()}


def draw_pairs(images, generator):
    """Anchors and their positives.

    A positive is the candidate within 5 pixels whose patch is most similar to the anchor's, if the
    similarity is above 0.5; otherwise one of the eight neighbours. It is never the anchor itself.

    Args:
        images (torch.Tensor): float32 NxCxHxW in 0..1.
        generator (torch.Generator): advanced.

    Returns:
        tuple: two int64 tensors Nx16x2 of patch centres (row, column), patches inside the picture.
    """
    count, (height, width) = len(images), images.shape[2:]
    low = PATCH // 2
    high = torch.tensor([height - 1 - low, width - 1 - low])

    def draw(first, last, *shape):
        return torch.randint(first, last, shape, generator=generator, device=generator.device).cpu()

    anchors = torch.stack([draw(low, int(last) + 1, count, ANCHORS) for last in high], 2)
    shifts = draw(-REACH, REACH + 1, count, ANCHORS, CANDIDATES, 2)
    candidates = torch.minimum((anchors[:, :, None] + shifts).clamp(min=low), high)
    likeness = similarity(patches(images, anchors)[:, :, None],
                          patches(images, candidates.flatten(1, 2)).unflatten(1, (ANCHORS, CANDIDATES))).cpu()
    likeness[(candidates == anchors[:, :, None]).all(3)] = -1
    best, which = likeness.max(2)
    found = candidates.gather(2, which[:, :, None, None].expand(-1, -1, 1, 2))[:, :, 0]
    step = torch.tensor(_NEIGHBOURS)[draw(0, len(_NEIGHBOURS), count, ANCHORS)]
    neighbours = anchors + step
    # A step out of the room becomes the same step the other way.
    outside = (neighbours < low) | (neighbours > high)
    neighbours = torch.where(outside, anchors - step, neighbours)
    return anchors, torch.where((best > SIMILAR)[:, :, None], found, neighbours)


def similarity(a, b):
    """Structural similarity of whole patches ...xCx5x5 in 0..1, one window a patch, mean over channels."""
    mean_a, mean_b = a.mean((-2, -1)), b.mean((-2, -1))
    difference_a, difference_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    covariance = (difference_a * difference_b).mean((-2, -1))
    variance = difference_a.square().mean((-2, -1)) + difference_b.square().mean((-2, -1))
    return ((2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
            / ((mean_a.square() + mean_b.square() + _C1) * (variance + _C2))).mean(-1)


def nt_xent(anchors, positives):
    """Normalised temperature-scaled cross-entropy (Chen 2020) within each picture.

    Args:
        anchors, positives (torch.Tensor): float32 NxAxL; positive i belongs to anchor i, the others of the
            same picture are its negatives.

    Returns:
        torch.Tensor: scalar mean over all anchors.
    """
    a, b = nn.functional.normalize(anchors, dim=2), nn.functional.normalize(positives, dim=2)
    scores = torch.matmul(a, b.transpose(1, 2)) / TEMPERATURE
    own = torch.arange(scores.shape[1], device=scores.device).expand(scores.shape[:2])
    return nn.functional.cross_entropy(scores.flatten(0, 1), own.flatten())


def gather(maps, centres):
    """Values NxKxC of maps NxCxHxW at pixels NxKx2."""
    picture = torch.arange(len(maps))[:, None]
    return maps[picture, :, centres[..., 0], centres[..., 1]]


def patches(images, centres):
    """Patches NxKxCx5x5 of pictures NxCxHxW around pixels NxKx2 that lie far enough inside."""
    around = torch.arange(PATCH) - PATCH // 2
    rows = centres[..., 0, None, None] + around[:, None]
    columns = centres[..., 1, None, None] + around
    picture = torch.arange(len(images))[:, None, None, None]
    return images[picture, :, rows, columns].permute(0, 1, 4, 2, 3)
