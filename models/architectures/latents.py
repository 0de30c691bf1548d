"""latents: one encoder that learns without labels, and a U-Net on its latents for every task [Shor2024].

The encoder learns from neighbours that look alike and from its own patches. It is reimplemented from the descriptions
in the CUTS [Liu2022] and latents papers: anchors per picture, for each the most similar of ten patches nearby as its
positive, the other anchors' positives of the same picture as negatives (NT-Xent), and the anchor's patch reconstructed
from its latent by one linear layer.
"""
from typing import Dict, Sequence, Tuple

import torch
from torch import nn

from service.messages import InputError

from .base import FINDING, REGIONS, Scores, check_channels, check_choice, check_classes
from .unet import Unet

#: Channels of the encoder's layers.
_ENCODER_WIDTHS = (16, 32, 64, 128)
#: Channels of the decoder at 1, 1/2, 1/4, 1/8 and 1/16 of the size of the picture.
DECODER_WIDTHS = (64, 128, 256, 512, 512)
GREY, HEAT = 'G', 'H'

PATCH = 5
ANCHORS = 16
CANDIDATES = 10
REACH = 5
SIMILAR = 0.5
TEMPERATURE = 0.5
CONTRAST_SHARE = 0.01

#: Constants of the structural similarity [Wang2004], for values in 0..1.
_C1, _C2 = 0.01 ** 2, 0.03 ** 2
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


class CutsEncoder(nn.Module):
    """128 numbers per pixel that describe its surroundings: four 5x5 convolutions at full resolution [Liu2022].

    Args:
        channels: 1 grey, 3 heat map.
    """

    #: Numbers per pixel.
    latents = _ENCODER_WIDTHS[-1]

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.frozen = False
        layers = []
        for inputs, outputs in zip((channels,) + _ENCODER_WIDTHS[:-1], _ENCODER_WIDTHS):
            # Edges are repeated, because black around the picture would be a feature.
            layers += [nn.Conv2d(inputs, outputs, 5, padding='same', padding_mode='replicate', bias=False),
                       nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Latents float32 Nx128xHxW of a picture float32 NxCxHxW in 0..1.

        Raises:
            InputError: ``input-channels``.
        """
        check_channels(x, (self.channels,))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.layers(2 * x - 1)

    def freeze(self) -> 'CutsEncoder':
        """Compute no gradients and no batch statistics from now on, even while the rest is trained."""
        self.frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode: bool = True) -> 'CutsEncoder':
        """Set the training mode; a frozen encoder keeps its batch statistics."""
        return super().train(mode and not self.frozen)

    def load(self, weights: Dict[str, torch.Tensor]) -> 'CutsEncoder':
        """Load the ``state_dict()`` of an encoder that was trained alone.

        Raises:
            InputError: ``encoder-weights``: weights of another network, or for the other kind of picture.
        """
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError('encoder-weights', 'These are not the weights of a latents encoder for %s.'
                             % ('grey pictures' if self.channels == 1 else 'heat maps'),
                             'Train one for this kind of picture, or change option encoder of the recipe.',
                             detail=str(error))
        return self


class Latents(nn.Module):
    """Regions and finding from the latents of one encoder, which runs once for both.

    Encoder and decoder are each for grey pictures (G) or heat maps (H), as in the paper:

    - G/G takes a grey picture, H/H a heat map;
    - G/H takes a heat map: red, green and blue pass through encoder and decoder separately, as three grey pictures,
      and the three results are averaged. That triples the cost;
    - H/G takes a grey picture, which the encoder sees as three equal channels.

    Args:
        encoder, decoder: ``'G'`` or ``'H'``.
        classes: region ids, including background.
        findings: finding logits: 1, or one per class.
        tasks: of ``'regions'`` and ``'finding'``: the decoders to build.
        height, width: picture size of the finding's decoder, whose last layer has a weight per pixel.
        frozen: freeze the encoder at once; `load_encoder` gives it trained weights.
        widths: channels of each decoder at 1, 1/2, 1/4, ... of the size of the picture.

    Raises:
        InputError: ``architecture-options``.
    """

    def __init__(self, encoder: str = GREY, decoder: str = GREY, classes: int = 8, findings: int = 1,
                 tasks: Sequence[str] = (REGIONS, FINDING), height: int = 120, width: int = 160, frozen: bool = False,
                 widths: Sequence[int] = DECODER_WIDTHS) -> None:
        super().__init__()
        check_choice('encoder', encoder, (GREY, HEAT))
        check_choice('decoder', decoder, (GREY, HEAT))
        for task in tasks:
            check_choice('tasks', task, (REGIONS, FINDING))
        if not tasks:
            raise InputError('architecture-options', 'Option tasks names no task.',
                             'Give regions, finding or both.')
        check_classes(classes)
        self.channels = 1 if decoder == GREY else 3
        self.encoder = CutsEncoder(1 if encoder == GREY else 3)
        latents = self.encoder.latents
        widths = tuple(widths)
        self.regions = Unet(latents, classes, widths, bilinear=True) if REGIONS in tasks else None
        self.finding = FindingHead(latents, findings, height, width, widths) if FINDING in tasks else None
        if frozen:
            self.freeze_encoder()

    def forward(self, x: torch.Tensor) -> Scores:
        """Region logits NxRxHxW and finding logits NxK of float32 NxCxHxW in 0..1, as far as built.

        Raises:
            InputError: ``input-channels``; ``input-size`` if the finding's decoder was built for another size.
        """
        check_channels(x, (self.channels,))
        separate = self.channels > self.encoder.channels
        if separate:
            x = x.reshape(-1, 1, x.shape[2], x.shape[3])
        elif self.channels < self.encoder.channels:
            x = x.expand(-1, self.encoder.channels, -1, -1)
        latents = self.encoder(x)
        answers = [None if head is None else head(latents) for head in (self.regions, self.finding)]
        if separate:
            answers = [answer if answer is None else answer.unflatten(0, (-1, self.channels)).mean(1)
                       for answer in answers]
        return Scores(*answers)

    def freeze_encoder(self) -> None:
        """Train only the decoders from now on."""
        self.encoder.freeze()

    def load_encoder(self, weights: Dict[str, torch.Tensor]) -> None:
        """Load an encoder that was trained by `cuts_loss`; see `CutsEncoder.load`."""
        self.encoder.load(weights)


class FindingHead(nn.Module):
    """A U-Net with one map, and one weight per pixel of it.

    Args:
        inputs: latents per pixel.
        findings: logits.
        height, width: picture size.
        widths: channels of the U-Net.
    """

    def __init__(self, inputs: int, findings: int, height: int, width: int,
                 widths: Sequence[int] = DECODER_WIDTHS) -> None:
        super().__init__()
        self._size = (height, width)
        self.unet = Unet(inputs, 1, widths, bilinear=True)
        self.judge = nn.Linear(height * width, findings)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Finding logits NxK of latents NxLxHxW."""
        if tuple(latents.shape[2:]) != self._size:
            raise InputError('input-size', 'This finding was built for pictures of %dx%d pixels, not %dx%d.'
                             % (*self._size, latents.shape[2], latents.shape[3]),
                             'Give height and width of the recipe to the architecture too.')
        return self.judge(self.unet(latents).flatten(1))


# -- learning without labels


class PatchHead(nn.Linear):
    """A patch from the latent of its centre: float32 ...x128 to ...x(C*25), values in -1..1.

    Args:
        channels: of the picture.
        latents: numbers per pixel.
    """

    def __init__(self, channels: int, latents: int = CutsEncoder.latents) -> None:
        super().__init__(latents, channels * PATCH * PATCH)


class CutsModel(nn.Module):
    """An encoder with the head that it needs while it learns; only the encoder is kept.

    Args:
        encoder: what is trained.
    """

    def __init__(self, encoder: CutsEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = PatchHead(encoder.channels, encoder.latents)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Latents float32 Nx128xHxW of pictures float32 NxCxHxW in 0..1."""
        return self.encoder(x)


def cuts_loss(model: CutsModel, images: torch.Tensor,
              generator: torch.Generator) -> Tuple[torch.Tensor, Dict[str, torch.Tensor]]:
    """The unsupervised loss of a batch.

    Args:
        model: the encoder with the head that it learns with.
        images: float32 NxCxHxW in 0..1, sides of at least 7 pixels.
        generator: draws the patches, and is advanced: two calls see other patches.

    Returns:
        The loss with gradient, and the detached parts ``'contrast'`` and ``'reconstruction'``.

    Raises:
        InputError: ``input-size``: a picture without room for a patch and its neighbour.
    """
    if min(images.shape[2:]) < PATCH + 2:
        raise InputError('input-size', 'Pictures of %dx%d pixels are too small to learn from patches.'
                         % tuple(images.shape[2:]), 'Use at least %dx%d.' % (PATCH + 2, PATCH + 2))
    anchors, positives = draw_pairs(images, generator)
    latents = model.encoder(images)
    z, z_positive = gather(latents, anchors), gather(latents, positives)
    contrast = nt_xent(z, z_positive)
    target = 2 * patches(images, anchors).flatten(2) - 1
    reconstruction = nn.functional.mse_loss(model.head(z), target)
    loss = CONTRAST_SHARE * contrast + (1 - CONTRAST_SHARE) * reconstruction
    return loss, {'contrast': contrast.detach(), 'reconstruction': reconstruction.detach()}


def draw_pairs(images: torch.Tensor, generator: torch.Generator) -> Tuple[torch.Tensor, torch.Tensor]:
    """Anchors and their positives.

    A positive is the candidate within 5 pixels whose patch is most similar to the anchor's, if the similarity is above
    0.5; otherwise one of the eight neighbours. It is never the anchor itself.

    Args:
        images: float32 NxCxHxW in 0..1.
        generator: advanced.

    Returns:
        Two int64 tensors Nx16x2 of patch centres (row, column), patches inside the picture.
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
    most_similar = candidates.gather(2, which[:, :, None, None].expand(-1, -1, 1, 2))[:, :, 0]
    step = torch.tensor(_NEIGHBOURS)[draw(0, len(_NEIGHBOURS), count, ANCHORS)]
    neighbours = anchors + step
    # A step off the picture becomes the same step in the other direction.
    outside = (neighbours < low) | (neighbours > high)
    neighbours = torch.where(outside, anchors - step, neighbours)
    return anchors, torch.where((best > SIMILAR)[:, :, None], most_similar, neighbours)


def similarity(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Structural similarity [Wang2004] of patches ...xCx5x5 in 0..1, one window per patch, mean over channels."""
    mean_a, mean_b = a.mean((-2, -1)), b.mean((-2, -1))
    difference_a, difference_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    covariance = (difference_a * difference_b).mean((-2, -1))
    variance = difference_a.square().mean((-2, -1)) + difference_b.square().mean((-2, -1))
    return ((2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
            / ((mean_a.square() + mean_b.square() + _C1) * (variance + _C2))).mean(-1)


def nt_xent(anchors: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
    """Normalised temperature-scaled cross-entropy [Chen2020] within each picture, mean over all anchors.

    Args:
        anchors, positives: float32 NxAxL; positive i belongs to anchor i, the others of the same picture are its
            negatives.
    """
    a, b = nn.functional.normalize(anchors, dim=2), nn.functional.normalize(positives, dim=2)
    scores = torch.matmul(a, b.transpose(1, 2)) / TEMPERATURE
    own = torch.arange(scores.shape[1], device=scores.device).expand(scores.shape[:2])
    return nn.functional.cross_entropy(scores.flatten(0, 1), own.flatten())


def gather(maps: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Values NxKxC of maps NxCxHxW at pixels NxKx2."""
    picture = torch.arange(len(maps))[:, None]
    return maps[picture, :, centres[..., 0], centres[..., 1]]


def patches(images: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Patches NxKxCx5x5 of pictures NxCxHxW around pixels NxKx2 that are far enough from the edge."""
    around = torch.arange(PATCH) - PATCH // 2
    rows = centres[..., 0, None, None] + around[:, None]
    columns = centres[..., 1, None, None] + around
    picture = torch.arange(len(images))[:, None, None, None]
    return images[picture, :, rows, columns].permute(0, 1, 4, 2, 3)
