"""latents: one encoder that learnt without labels, and a U-Net on its latents for every task."""
from torch import nn

from service.messages import InputError

from ..base import FINDING, REGIONS, Scores
from ..inputs import check_channels, check_choice, check_classes
from ..unet_blocks import Unet
from .encoder import CutsEncoder

#: Channels of the decoder at 1, 1/2, 1/4, 1/8 and 1/16 of the picture's size.
WIDTHS = (64, 128, 256, 512, 512)
GREY, HEAT = 'G', 'H'


class Latents(nn.Module):
    """Regions and finding from the latents of one encoder, which runs once for both.

    Encoder and decoder each are made for grey pictures (G) or heat maps (H), as in the paper:

    - G/G takes a grey picture, H/H a heat map;
    - G/H takes a heat map: red, green and blue pass separately, as three grey pictures, through encoder and
      decoder, and the three answers are averaged. That triples the cost;
    - H/G takes a grey picture, which the encoder sees as three equal channels.

    Args:
        encoder, decoder (str): ``'G'`` or ``'H'``.
        classes (int): region ids, background included.
        findings (int): finding logits: 1, or one a class.
        tasks (sequence): of ``'regions'`` and ``'finding'``: the decoders that are built.
        height, width (int): picture size of the finding's decoder, whose last layer has a weight a pixel.
        frozen (bool): freeze the encoder at once; give it trained weights by `load_encoder`.
        widths (sequence): channels of each decoder at 1, 1/2, 1/4, ... of the picture's size.

    Raises:
        InputError: ``architecture-options``.
    """

    def __init__(self, encoder=GREY, decoder=GREY, classes=8, findings=1, tasks=(REGIONS, FINDING),
                 height=120, width=160, frozen=False, widths=WIDTHS):
        super().__init__()
        check_choice('encoder', encoder, (GREY, HEAT))
        check_choice('decoder', decoder, (GREY, HEAT))
        for task in tasks:
            check_choice('tasks', task, (REGIONS, FINDING))
        if not tasks:
            raise InputError('architecture-options', 'Option tasks names no task; give regions, finding or '
                             'both.')
        check_classes(classes)
        self.channels = 1 if decoder == GREY else 3
        self.encoder = CutsEncoder(1 if encoder == GREY else 3)
        latents = self.encoder.latents
        widths = tuple(widths)
        self.regions = Unet(latents, classes, widths, bilinear=True) if REGIONS in tasks else None
        self.finding = FindingHead(latents, findings, height, width, widths) if FINDING in tasks else None
        if frozen:
            self.freeze_encoder()

    def forward(self, x):
        """Scores of float32 NxCxHxW in 0..1: region logits NxRxHxW and finding logits NxK, as far as built.

        Raises:
            InputError: ``input-channels``; ``input-size`` where the finding's decoder was built for
                another size.
        """
        check_channels(x, (self.channels,))
        apart = self.channels > self.encoder.channels
        if apart:
            x = x.reshape(-1, 1, x.shape[2], x.shape[3])
        elif self.channels < self.encoder.channels:
            x = x.expand(-1, self.encoder.channels, -1, -1)
        latents = self.encoder(x)
        answers = [None if head is None else head(latents) for head in (self.regions, self.finding)]
        if apart:
            answers = [a if a is None else a.unflatten(0, (-1, self.channels)).mean(1) for a in answers]
        return Scores(*answers)

    def freeze_encoder(self):
        """Train the decoders only from now on."""
        self.encoder.freeze()

    def load_encoder(self, weights):
        """Weights of an encoder trained by `cuts_loss`: its ``state_dict()``; see `CutsEncoder.load`."""
        self.encoder.load(weights)


class FindingHead(nn.Module):
    """A U-Net with one map, and one weight a pixel of it.

    Args:
        inputs (int): latents a pixel.
        findings (int): logits.
        height, width (int): picture size.
        widths (tuple): channels of the U-Net.
    """

    def __init__(self, inputs, findings, height, width, widths=WIDTHS):
        super().__init__()
        self._size = (height, width)
        self.unet = Unet(inputs, 1, widths, bilinear=True)
        self.judge = nn.Linear(height * width, findings)

    def forward(self, latents):
        """Finding logits NxK of latents NxLxHxW."""
        if tuple(latents.shape[2:]) != self._size:
            raise InputError('input-size', 'This finding was built for pictures of %dx%d pixels, not %dx%d; '
                             'give height and width of the recipe to the architecture too.'
                             % (*self._size, latents.shape[2], latents.shape[3]))
        return self.judge(self.unet(latents).flatten(1))
