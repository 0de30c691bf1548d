"""Train a finding head alone, on breasts cut out of phantoms, with patterns planted into them at will.

A picture says one bit about the finding, and most bodies hide it among natural patches of the same size. Cut out, each
healthy pair of breasts is seen with and without a pattern, another one in every step, in either breast.
"""
from typing import Iterable, NamedTuple, Optional, Tuple

import cv2
import numpy as np
import torch
from torch.nn import functional

from service import regions
from service.chains import Chain, get_chain
from service.messages import InputError
from service.simulator.anatomy import Canvas, Posture, Silhouette
from service.simulator.lesions import planted_heat
from service.thermogram import Thermogram

from ..architectures.breast_pair import BreastPair
from ..phantoms import PhantomSet
from ..recipe import Recipe

#: Temperatures float32 HxW, °C, and labels uint8 HxW.
Frame = Tuple[np.ndarray, np.ndarray]

#: Levels of the tables, and the window that they cover, °C.
_LEVELS, _LOW_C, _HIGH_C = 1024, 18.0, 40.0

#: Rows and columns of the region scores.
_SCORES = (60, 80)

#: How often every body is cut, each time inexactly in another way.
_CUTS = 3

#: How far a predicted breast may be off: its size, and its place in parts of the picture; standard deviations.
_SIZE_OFF, _PLACE_OFF = 0.04, 0.008


class Pairs(NamedTuple):
    """Healthy breasts.

    Attributes:
        celsius: float32 Nx2xSxS, right and mirrored left.
        tables: float32 NxL, what the chain made of every level of the frame; None to see temperatures themselves.
    """

    celsius: np.ndarray
    tables: Optional[np.ndarray] = None

    def pictures(self, body: np.ndarray, celsius: np.ndarray) -> np.ndarray:
        """Cuts Bx2xSxS in °C as a head sees them, 0..1, in the frames of the bodies `body`, int B."""
        if self.tables is None:
            return np.float32(0.55) + (celsius - celsius.mean((1, 2, 3), keepdims=True)) / np.float32(6)
        level = np.clip((celsius - _LOW_C) * (_LEVELS / (_HIGH_C - _LOW_C)), 0, _LEVELS - 1).astype(np.intp)
        return self.tables[body[:, None, None, None], level]


class Patterns(NamedTuple):
    """Heat of patterns in a breast.

    Attributes:
        celsius: float32 MxSxS.
        kinds: str M, as ``patterns`` of `models.phantoms.PhantomSet`.
        peaks_c, sizes_mm: float M, of the pattern beside the tumour; 0 without one.
    """

    celsius: np.ndarray
    kinds: np.ndarray
    peaks_c: np.ndarray
    sizes_mm: np.ndarray


def cut_pairs(frames: Iterable[Frame], head: BreastPair, chain: Optional[Chain] = None, seed: Optional[int] = None
              ) -> Pairs:
    """Cut pairs of breasts out of healthy frames.

    Args:
        head: whose cuts they are.
        chain: through which the head will see them, without colours; None for temperatures.
        seed: of errors of place and size as a network makes them; None cuts at the true place.
    """
    rng = None if seed is None else np.random.default_rng(seed)
    cuts, tables = [], []
    for celsius, labels in frames:
        cuts.append(_cut(head, celsius, labels, rng))
        if chain is not None:
            tables.append(_table(celsius, chain))
    return Pairs(np.array(cuts), np.array(tables) if tables else None)


def draw_patterns(head: BreastPair, first: int, count: int, height: int = 120, width: int = 160) -> Patterns:
    """Draw what `count` abnormal phantoms have in their breast, from the seed `first` on."""
    heats, kinds, peaks, sizes = [], [], [], []
    for seed in range(first, first + count):
        posture = Posture(seed)
        canvas = Canvas(posture, height, width)
        outline = Silhouette(posture, canvas, seed)
        heat, items = planted_heat(posture, canvas, outline, seed)
        side = ('right', 'left').index(items[0]['side'])
        heats.append(_cut(head, heat, outline.labels(posture, canvas))[side])
        kinds.append('+'.join(sorted({item['kind'] for item in items} - {'tumour'})) or 'tumour only')
        peaks.append(items[1]['peak_c'] if len(items) > 1 else 0.0)
        sizes.append((items[1]['size_mm'] or 0.0) if len(items) > 1 else 0.0)
    return Patterns(np.array(heats), np.array(kinds), np.array(peaks), np.array(sizes))


def plant(pairs: Pairs, patterns: Patterns, body: np.ndarray, pattern: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Cuts of bodies, in °C, each with a pattern in one breast.

    Args:
        body, pattern: int B, which ones.
        side: int B, 0 right or 1 left.
    """
    celsius = pairs.celsius[body].copy()
    celsius[np.arange(len(body)), side] += patterns.celsius[pattern]
    return celsius


def train_pairs(head: BreastPair, pairs: Pairs, patterns: Patterns, steps: int = 3000, batch: int = 32, seed: int = 0,
                rate: float = 3e-3) -> BreastPair:
    """Train a head in place to tell which breast has a pattern, if any.

    Args:
        batch: bodies per step; each is seen with and without a pattern.

    Returns:
        `head` in evaluation mode.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(head.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    chances = _chances(patterns.kinds)
    head.train()
    for _ in range(steps):
        body = rng.integers(len(pairs.celsius), size=batch)
        side = rng.integers(2, size=batch)
        planted = plant(pairs, patterns, body, rng.choice(len(chances), batch, p=chances), side)
        both = pairs.pictures(np.tile(body, 2), np.concatenate([pairs.celsius[body], planted]))
        target = torch.from_numpy(np.concatenate([np.zeros(batch, np.int64), 1 + side]))
        logits = head.compare(_moved(torch.from_numpy(both)))
        # Neither breast has the logit 0.
        loss = functional.cross_entropy(functional.pad(logits, (1, 0)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return head.eval()


def _moved(cuts: torch.Tensor) -> torch.Tensor:
    """Cuts Bx2xSxS turned, stretched and shifted, both of a pair alike.

    Without it the head soon knows the natural patches of the bodies by heart.
    """
    count = len(cuts)
    turn, shift = 0.2 * torch.randn(count), 0.12 * torch.randn(count, 2)
    stretch = torch.exp(0.12 * torch.randn(count, 2))
    cos, sin = torch.cos(turn)[:, None] * stretch, torch.sin(turn)[:, None] * stretch
    rows = (torch.stack([cos[:, 0], -sin[:, 0], shift[:, 0]], 1), torch.stack([sin[:, 1], cos[:, 1], shift[:, 1]], 1))
    grid = functional.affine_grid(torch.stack(rows, 1), list(cuts.shape), align_corners=False)
    return functional.grid_sample(cuts, grid, padding_mode='border', align_corners=False)


def train_finding(head: BreastPair, phantoms: PhantomSet, recipe: Recipe) -> None:
    """Train the finding head of a network in place, as ``[finding]`` of its recipe says.

    Args:
        phantoms: whose healthy bodies get the patterns.

    Raises:
        InputError: ``finding-head``: the network has no head that can be trained alone, or nobody is healthy.
    """
    healthy = np.flatnonzero(phantoms.compared & (phantoms.abnormal == 0))
    if not isinstance(head, BreastPair) or not len(healthy):
        raise InputError('finding-head', 'finding.steps trains a finding head that cuts out both breasts of healthy '
                         'bodies, and there is none.', 'Set finding.steps to 0.')
    chain = get_chain(recipe.input.chain, recipe.chain_constants)
    # Cut once, a body is soon known by heart.
    cuts = [cut_pairs(((phantoms.celsius(int(index)), np.array(phantoms.labels[index])) for index in healthy), head,
                      None if again else chain, recipe.seed + again) for again in range(_CUTS)]
    pairs = Pairs(np.concatenate([cut.celsius for cut in cuts]), np.concatenate([cuts[0].tables] * _CUTS))
    sets = recipe.phantoms
    patterns = draw_patterns(head, sets.first_seed + sets.train + sets.val + sets.test, recipe.finding.patterns)
    train_pairs(head, pairs, patterns, recipe.finding.steps, seed=recipe.seed)


def _chances(kinds: np.ndarray) -> np.ndarray:
    """How often every pattern is planted: as drawn, but a lone warm patch, the hardest that can be seen, twice."""
    chances = np.where(kinds == 'focal', 2.0, 1.0)
    return chances / chances.sum()


def _cut(head: BreastPair, field: np.ndarray, labels: np.ndarray, rng: Optional[np.random.Generator] = None
         ) -> np.ndarray:
    """Both breasts of a field HxW, float32 2xSxS; with `rng` as inexactly as a network finds them."""
    shares = np.zeros((1, len(regions.REGIONS)) + _SCORES, np.float32)
    rows, columns = _SCORES
    for ids in ((regions.RIGHT_BREAST, regions.RIGHT_NIPPLE), (regions.LEFT_BREAST, regions.LEFT_NIPPLE)):
        breast = cv2.resize(np.isin(labels, ids).astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        if rng is not None:
            middle = np.argwhere(breast > 0.5).mean(0)[::-1]
            size = 1 + _SIZE_OFF * rng.standard_normal(2)
            off = middle * (1 - size) + _PLACE_OFF * rng.standard_normal(2) * (columns, rows)
            breast = cv2.warpAffine(breast, np.column_stack([np.diag(size), off]), (columns, rows))
        shares[0, ids[0]] = breast
    with torch.no_grad():
        return head.cut(torch.from_numpy(np.array(field, np.float32))[None, None], torch.from_numpy(shares))[0].numpy()


def _table(celsius: np.ndarray, chain: Chain) -> np.ndarray:
    """What the chain makes of every level of a frame: float32 L. A chain without colours rises with temperature."""
    picture = chain.apply(Thermogram.from_celsius(celsius, 'phantom')).tensor[0, 0]
    order = np.argsort(celsius, axis=None)[::7]
    levels = _LOW_C + (np.arange(_LEVELS) + 0.5) * ((_HIGH_C - _LOW_C) / _LEVELS)
    return np.interp(levels, celsius.ravel()[order], picture.ravel()[order]).astype(np.float32)
