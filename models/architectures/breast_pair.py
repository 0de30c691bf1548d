"""BreastPair: a finding head that cuts both breasts out of the picture, mirrors the left one and compares them.

It takes nothing from the network but where the breasts are. So its training costs the regions nothing, and it can be
trained alone, on cuts (`models.training.pairs`). The cuts are products with matrices, which every engine has.
"""
from typing import Tuple

import torch
from torch import nn
from torch.nn import functional

from service import regions

_SIDES = ((regions.RIGHT_BREAST, regions.RIGHT_NIPPLE), (regions.LEFT_BREAST, regions.LEFT_NIPPLE))

#: Samples of a cut each way, 3 mm apart for veins of 3 to 10 mm, and how far it reaches from the middle of the breast,
#: in standard deviations of its region (an ellipse ends at 2).
SAMPLES, _REACH = 64, 2.6

#: Rows of a picture below which its pixels are not coarser than the samples.
_ROWS = 120


class BreastPair(nn.Module):
    """Logits of an abnormal pattern in the right and in the left breast.

    A cut has the size and place of its breast, so that a sample shows the same part of both. One small network judges
    each breast beside the other, right and left alike.

    Args:
        widths: channels of the small network.
    """

    def __init__(self, widths: Tuple[int, int, int] = (12, 20, 32)) -> None:
        super().__init__()
        self.register_buffer('steps', torch.arange(SAMPLES) - (SAMPLES - 1) / 2, persistent=False)
        self.place = nn.Parameter(torch.zeros(1, widths[0], SAMPLES // 2, SAMPLES // 2))
        self.first = nn.Sequential(nn.Conv2d(2, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]))
        self.body = nn.Sequential(nn.ReLU(), _convolution(widths[0], widths[1], 1),
                                  _convolution(widths[1], widths[2], 2), _convolution(widths[2], widths[2], 1))
        self.judge = nn.Sequential(nn.Linear(2 * widths[2], 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, picture: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Logits Nx2, right and left, of the picture Nx1xHxW, 0..1, and region logits Nx8xhxw.

        No gradient reaches the region logits: a hot spot must not redraw the breast.
        """
        return self.compare(self.cut(picture, torch.softmax(scores.detach(), 1)))

    def cut(self, picture: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Both breasts Nx2xSxS, the left one mirrored, of a picture Nx1xHxW and shares of the regions Nx8xhxw."""
        coarser = max(int(picture.shape[2]) // _ROWS, 1)
        picture = functional.avg_pool2d(picture, coarser)
        cuts = []
        for ids, direction in zip(_SIDES, (1.0, -1.0)):
            # What is rather something else says nothing about the breast's place.
            breast = torch.relu(shares[:, ids[0]] + shares[:, ids[1]] - 0.5)
            down = self._weights(breast.sum(2), int(picture.shape[2]), self.steps)
            across = self._weights(breast.sum(1), int(picture.shape[3]), direction * self.steps)
            cuts.append(torch.matmul(torch.matmul(down, picture[:, 0]), across.transpose(1, 2)))
        return torch.stack(cuts, 1)

    def compare(self, cuts: torch.Tensor) -> torch.Tensor:
        """Logits Nx2, right and left, of cuts Nx2xSxS of a picture 0..1."""
        count = cuts.shape[0]
        right, left = cuts[:, :1], cuts[:, 1:]
        both = torch.cat([torch.cat([right, left], 1), torch.cat([left, right], 1)], 0)
        # Skin is around 0.55, and spreads by a quarter.
        values = self.body(self.first((both - 0.55) * 4) + self.place)
        judged = self.judge(torch.cat([values.mean((2, 3)), values.amax((2, 3))], 1))
        return torch.cat([judged[:count], judged[count:]], 1)

    @staticmethod
    def _weights(profile: torch.Tensor, count: int, steps: torch.Tensor) -> torch.Tensor:
        """Matrix NxSxP of one axis, which resamples `count` pixels: triangles as wide as the samples are apart.

        Beyond the picture its edge is repeated. Places are multiples of how far samples are apart, from the middle of
        the breast: where 16 bits round, that moves a cut as a whole and never its samples against each other.
        """
        places = (torch.arange(int(profile.shape[1]), device=steps.device) + 0.5) / int(profile.shape[1])
        profile = profile / (profile.sum(1, keepdim=True) + 1e-3)
        middle = (profile * places).sum(1, keepdim=True)
        spread = torch.sqrt((profile * (places - middle) ** 2).sum(1, keepdim=True) + 1e-4)
        middle, apart = middle * count, spread * (count * 2 * _REACH / (SAMPLES - 1))
        pixels = (torch.arange(count, device=steps.device) + 0.5 - middle) / apart
        at = torch.minimum(torch.maximum(steps, pixels[:, :1]), pixels[:, -1:])
        off = torch.abs(pixels.unsqueeze(1) - at.unsqueeze(2))
        weights = torch.relu(1 - off * torch.clamp(apart, max=1.0).unsqueeze(2))
        return weights / weights.sum(2, keepdim=True)


def either(logits: torch.Tensor) -> torch.Tensor:
    """Logit Nx1 of a pattern in either breast, of those Nx2 of each: the odds add up.

    As `torch.logsumexp`, without numbers that 16 bits cannot hold.
    """
    right, left = logits[:, :1], logits[:, 1:]
    return torch.maximum(right, left) + torch.log(1 + torch.exp(-torch.abs(right - left)))


def _convolution(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
