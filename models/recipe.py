"""A training recipe: everything that decides what a network becomes, in one committed file of sections."""
import dataclasses

from service.chains import CHAINS

TASKS = ('regions', 'regions+finding', 'finding', 'latents')


def setting(default=dataclasses.MISSING, choices=None, low=None, high=None):
    """A key of a section: required without a default, one of `choices`, or between `low` and `high`."""
    extra = {'choices': choices, 'low': low, 'high': high}
    if isinstance(default, (dict, list)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=extra)
    return dataclasses.field(default=default, metadata=extra)


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network, and what it starts from.

    Attributes:
        architecture (str): key of `models.architectures.ARCHITECTURES`.
        options (dict): keyword options of its builder.
        init (str): weights of another run to start from, its folder or ``weights.pt``; ``''`` for none.
        init_part (str): only this part of them, such as ``'encoder'``; ``''`` for all.
        freeze (list): parts that do not learn and stay in evaluation mode.
    """

    architecture: str = setting()
    options: dict = setting({})
    init: str = setting('')
    init_part: str = setting('')
    freeze: list = setting([])


@dataclasses.dataclass(frozen=True)
class Input:
    """What the network sees: a preprocess chain of the service and its size in pixels.

    Attributes:
        constants (dict): chain constants other than its defaults.
        mask (bool): the true region mask as one more channel; such a network is never delivered.
    """

    chain: str = setting(choices=tuple(sorted(CHAINS)))
    height: int = setting(low=16, high=2048)
    width: int = setting(low=16, high=2048)
    constants: dict = setting({})
    mask: bool = setting(False)


@dataclasses.dataclass(frozen=True)
class Data:
    """Where samples come from and which patients are held out.

    Attributes:
        source (str): ``'phantoms'``, or ``'collection'`` as ``--data`` names it.
        use (str): ``'labelled'``, ``'classified'``, ``'unlabelled'`` or ``'all'`` samples of it.
        where (dict): facts that samples must have, such as ``{dialect = 'space'}``.
        split (str): ``'folds'`` (``--fold``), ``'share'``, ``'all'`` (nothing held out), or ``'images'``, which
            lets a patient be on both sides and is stated wherever a figure is.
        folds (int), share (float): of the patients: number of folds, or share that trains.
        val_share (float): share of the training patients set aside to stop early and to set thresholds.
        mix_in (float): share of the training set that is drawn from another camera's (``--mix-in``).
        seed (int): of the split.
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
    """Simulated thermograms, each another seed and another patient; the sets follow each other."""

    train: int = setting(0, low=0)
    val: int = setting(0, low=0)
    test: int = setting(0, low=0)
    first_seed: int = setting(100000, low=0)


@dataclasses.dataclass(frozen=True)
class Augment:
    """How a training sample is changed before the chain sees it.

    Attributes:
        kind (str): ``'thermal'`` (`models.augment.augment`: another patient and camera), ``'picture'``
            (`models.augment.vary`: flips, a turn, a crop), ``'none'``.
        mirror, upside_down, turn, crop (float): of ``'picture'``.
        degrade (float): odds that a sample is seen through a worse camera (`models.augment.degrade`).
        mixup (bool): blend every batch with itself (`models.augment.mixup`).
    """

    kind: str = setting('thermal', choices=('thermal', 'picture', 'none'))
    mirror: float = setting(0.5, low=0.0, high=1.0)
    upside_down: float = setting(0.0, low=0.0, high=1.0)
    turn: float = setting(0.0, low=0.0, high=180.0)
    crop: float = setting(1.0, low=0.05, high=1.0)
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
    """How the learning rate goes.

    Attributes:
        name (str): ``'constant'``; ``'one-cycle'`` rises over the share `warm_up` and falls on a cosine;
            ``'cosine'`` falls to the share `final`; ``'step'`` is multiplied by `gamma` every `every` epochs.
    """

    name: str = setting('constant', choices=('constant', 'one-cycle', 'cosine', 'step'))
    warm_up: float = setting(0.1, low=0.0, high=1.0)
    final: float = setting(0.0, low=0.0, high=1.0)
    every: int = setting(10, low=1)
    gamma: float = setting(0.1, low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class Training:
    """How long and in what portions.

    Attributes:
        batch (int): samples a step.
        samples (int), epochs (int): samples seen in total, or rounds through the training set; one of the two.
        patience (int): epochs without a better validation loss before it stops and takes the best weights;
            0 trains to the end and takes the last.
        average (float): decay of the averaged weights, per step; 0 for none.
        precision (str): ``'bf16'`` (mixed; halves the time on a CPU with AVX-512 BF16) or ``'fp32'``.
        checkpoint_s (float): seconds between checkpoints; 0 for one every step.
    """

    batch: int = setting(low=1)
    samples: int = setting(0, low=0)
    epochs: int = setting(0, low=0)
    patience: int = setting(0, low=0)
    average: float = setting(0.0, low=0.0, high=0.99999)
    precision: str = setting('bf16', choices=('bf16', 'fp32'))
    checkpoint_s: float = setting(60.0, low=0.0)

    def steps(self, count):
        """Optimiser steps for a training set of `count` samples."""
        return max((self.samples or self.epochs * count) // self.batch, 1)

    def epoch_steps(self, count):
        """Optimiser steps of one round through `count` samples."""
        return max(count // self.batch, 1)


@dataclasses.dataclass(frozen=True)
class Loss:
    """Weights of the parts of the loss.

    Attributes:
        cross_entropy, dice (float): of the regions.
        nipple_weight (float): cross-entropy weight of the two nipples (0.7 % of the picture each).
        finding (float): of the finding.
        balanced (bool): classes of the finding weigh the same, however many samples each has.
    """

    cross_entropy: float = setting(1.0, low=0.0)
    dice: float = setting(0.0, low=0.0)
    nipple_weight: float = setting(1.0, low=0.0)
    finding: float = setting(1.0, low=0.0)
    balanced: bool = setting(False)


@dataclasses.dataclass(frozen=True)
class Finding:
    """The finding's threshold is set at this specificity, on validation samples."""

    specificity: float = setting(0.9, low=0.5, high=0.999)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        name (str): recipe name, becomes part of the bundle's provenance.
        summary (str): what comes of it, one sentence.
        task (str): one of `TASKS`.
        seed (int): of weights, batches and augmentation.
        version (str): of the bundle, three numbers with points.
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
    def chain_constants(self):
        """Constants that go into the bundle's manifest."""
        return dict(self.input.constants, width=self.input.width, height=self.input.height)


SECTIONS = {field.name: field.type for field in dataclasses.fields(Recipe) if dataclasses.is_dataclass(field.type)}
