"""A training recipe: everything that decides what a network becomes, in sections; see `recipe_files`."""
import dataclasses
from typing import Any, Dict, Optional, Sequence

from service.chains import CHAINS

TASKS = ('regions', 'regions+finding', 'finding', 'latents')


def setting(default: Any = dataclasses.MISSING, choices: Optional[Sequence[str]] = None, low: Optional[float] = None,
            high: Optional[float] = None) -> Any:
    """A key of a section: required without a default, one of `choices`, or between `low` and `high`."""
    extra = {'choices': choices, 'low': low, 'high': high}
    if isinstance(default, (dict, list)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=extra)
    return dataclasses.field(default=default, metadata=extra)


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network, and what it starts from.

    Attributes:
        architecture: key of `models.architectures.ARCHITECTURES`.
        options: keyword options of its builder.
        weights: of its backbone, ``'imagenet'`` for those that are published, or a file; ``''`` for random ones. See
            `models.architectures.imagenet`.
        init: weights of another run to start from, its folder or ``weights.pt``; ``''`` for none.
        init_part: only this part of them, such as ``'encoder'``; ``''`` for all.
        freeze: parts that do not learn and stay in evaluation mode.
    """

    architecture: str = setting()
    options: dict = setting({})
    weights: str = setting('')
    init: str = setting('')
    init_part: str = setting('')
    freeze: list = setting([])


@dataclasses.dataclass(frozen=True)
class Input:
    """What the network gets: a preprocess chain of the service and its size in pixels.

    Attributes:
        constants: chain constants other than its defaults.
        mask: the true region mask as another channel; such a network is never delivered.
        regions_only: everything outside of the true regions is black: what a classifier sees that a bundle runs after
            its segmenter.
    """

    chain: str = setting(choices=tuple(sorted(CHAINS)))
    height: int = setting(low=16, high=2048)
    width: int = setting(low=16, high=2048)
    constants: dict = setting({})
    mask: bool = setting(False)
    regions_only: bool = setting(False)


@dataclasses.dataclass(frozen=True)
class Data:
    """Where samples come from and which patients are held out.

    Attributes:
        source: ``'phantoms'``, or ``'collection'``, named by ``--data``.
        use: ``'labelled'``, ``'classified'``, ``'unlabelled'`` or ``'all'`` samples of it.
        where: facts that samples must have, such as ``{dialect = 'space'}``.
        split: ``'folds'`` (``--fold``), ``'share'``, ``'all'`` (nothing held out), or ``'images'``, which may put a
            patient in both parts and is stated with every figure.
        folds, share: of the patients: number of folds, or share that trains.
        val_share: share of the training patients set aside to stop early and to set thresholds.
        mix_in: share of the training set that is drawn from another camera's (``--mix-in``).
        seed: of the split.
    """

    source: str = setting(choices=('phantoms', 'collection'))
    use: str = setting('all', choices=('labelled', 'classified', 'unlabelled', 'all'))
    where: dict = setting({})
    split: str = setting('share', choices=('folds', 'share', 'all', 'images'))
    folds: int = setting(5, low=2, high=100)
    share: float = setting(0.7, low=0.05, high=0.95)
    val_share: float = setting(0.15, low=0.0, high=0.9)
    mix_in: float = setting(0.0, low=0.0, high=0.9)
    seed: int = setting(2021, low=0)


@dataclasses.dataclass(frozen=True)
class Phantoms:
    """Simulated thermograms, each with its own seed and patient; the sets follow each other.

    Attributes:
        train, val, test: how many.
        first_seed: of the first one.
        kinds: how often every kind of `service.simulator.KINDS` is wanted, in any unit; empty for ordinary frontal
            views, the kind ``'flat'``.
    """

    train: int = setting(0, low=0)
    val: int = setting(0, low=0)
    test: int = setting(0, low=0)
    first_seed: int = setting(100000, low=0)
    kinds: dict = setting({})


@dataclasses.dataclass(frozen=True)
class Augment:
    """How a training sample is changed before the chain sees it.

    Attributes:
        kind: ``'thermal'`` (`models.augment.augment`: another patient and camera), ``'picture'``
            (`models.augment.vary`: flips, a turn, a crop), ``'none'``.
        mirror, upside_down, turn, crop: of ``'picture'``.
        nipples: probability that the nipples of a phantom are easier to see (`models.augment.show_nipples`).
        degrade: probability that a sample is seen through a worse camera (`models.augment.degrade`).
        mixup: blend every batch with itself (`models.augment.mixup`).
    """

    kind: str = setting('thermal', choices=('thermal', 'picture', 'none'))
    mirror: float = setting(0.5, low=0.0, high=1.0)
    upside_down: float = setting(0.0, low=0.0, high=1.0)
    turn: float = setting(0.0, low=0.0, high=180.0)
    crop: float = setting(1.0, low=0.05, high=1.0)
    nipples: float = setting(0.0, low=0.0, high=1.0)
    degrade: float = setting(0.0, low=0.0, high=1.0)
    mixup: bool = setting(False)


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """AdamW, Adam or SGD; `clip` is the largest gradient norm, 0 for none."""

    name: str = setting(choices=('adamw', 'adam', 'sgd'))
    learning_rate: float = setting(low=0.0)
    weight_decay: float = setting(0.0, low=0.0)
    momentum: float = setting(0.0, low=0.0, high=1.0)
    nesterov: bool = setting(False)
    clip: float = setting(0.0, low=0.0)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The learning rate over time.

    Attributes:
        name: ``'constant'``; ``'one-cycle'`` rises over the share `warm_up` and falls on a cosine;
            ``'cosine'`` falls to the share `final`; ``'step'`` is multiplied by `gamma` every `every` epochs.
    """

    name: str = setting('constant', choices=('constant', 'one-cycle', 'cosine', 'step'))
    warm_up: float = setting(0.1, low=0.0, high=1.0)
    final: float = setting(0.0, low=0.0, high=1.0)
    every: int = setting(10, low=1)
    gamma: float = setting(0.1, low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class Training:
    """Length and batches.

    Attributes:
        batch: samples per step.
        samples, epochs: samples in total, or epochs; one of the two.
        patience: epochs without a better validation loss before it stops with the best weights; 0 trains to the end
            and keeps the last.
        average: decay of the averaged weights, per step; 0 for none.
        precision: ``'bf16'`` (mixed; halves the time on a CPU with AVX-512 BF16) or ``'fp32'``.
        checkpoint_s: seconds between checkpoints; 0 for one every step.
    """

    batch: int = setting(low=1)
    samples: int = setting(0, low=0)
    epochs: int = setting(0, low=0)
    patience: int = setting(0, low=0)
    average: float = setting(0.0, low=0.0, high=0.99999)
    precision: str = setting('bf16', choices=('bf16', 'fp32'))
    checkpoint_s: float = setting(60.0, low=0.0)

    def steps(self, count: int) -> int:
        """Optimiser steps for a training set of `count` samples."""
        return max((self.samples or self.epochs * count) // self.batch, 1)

    def epoch_steps(self, count: int) -> int:
        """Optimiser steps of one epoch of `count` samples."""
        return max(count // self.batch, 1)


@dataclasses.dataclass(frozen=True)
class Loss:
    """Weights of the parts of the loss.

    Attributes:
        cross_entropy, dice: of the regions.
        every: regions are judged in every n-th row and column: with 2, a step of `quarter_fpn` takes a quarter less.
        nipple_weight: cross-entropy weight of the two nipples (0.7 % of the picture each).
        finding: of the finding.
        view: of the view, for a network that names it.
        balanced: classes of the finding have the same weight, however many samples each has.
    """

    cross_entropy: float = setting(1.0, low=0.0)
    dice: float = setting(0.0, low=0.0)
    every: int = setting(1, low=1, high=8)
    nipple_weight: float = setting(1.0, low=0.0)
    finding: float = setting(1.0, low=0.0)
    view: float = setting(1.0, low=0.0)
    balanced: bool = setting(False)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What belongs to the finding alone.

    Attributes:
        specificity: at which its threshold is set, on validation samples.
        steps: of a head that is trained alone after the network, with patterns planted into healthy phantoms
            (`models.training.pairs`); 0 for one that learns with the network.
        patterns: how many different ones are planted.
    """

    specificity: float = setting(0.9, low=0.5, high=0.999)
    steps: int = setting(0, low=0)
    patterns: int = setting(1500, low=1)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        name: becomes part of the provenance of the bundle.
        summary: what it gives, one sentence.
        task: one of `TASKS`.
        seed: of weights, batches and augmentation.
        version: of the bundle, three numbers with dots.
    """

    name: str
    summary: str = setting()
    task: str = setting(choices=TASKS)
    seed: int = setting(low=0)
    network: Network = setting()
    input: Input = setting()
    data: Data = setting()
    training: Training = setting()
    optimizer: Optimizer = setting()
    schedule: Schedule = dataclasses.field(default_factory=Schedule)
    phantoms: Phantoms = dataclasses.field(default_factory=Phantoms)
    augment: Augment = dataclasses.field(default_factory=Augment)
    loss: Loss = dataclasses.field(default_factory=Loss)
    finding: Finding = dataclasses.field(default_factory=Finding)
    version: str = setting('0.1.0')

    @property
    def chain_constants(self) -> Dict[str, Any]:
        """Constants that go into the bundle's manifest."""
        return dict(self.input.constants, width=self.input.width, height=self.input.height)


SECTIONS = {field.name: field.type for field in dataclasses.fields(Recipe) if dataclasses.is_dataclass(field.type)}
