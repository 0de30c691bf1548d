"""A training recipe: everything that decides what a network becomes, in one committed file of sections."""
import dataclasses
import typing

from service.chains import CHAINS
from service.errors import InputError

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
        where (dict): facts that samples must have, such as ``{dialect = 'space'}``.
        split (str): ``'folds'`` (``--fold``), ``'share'``, ``'all'`` (nothing held out), or ``'images'``, which
            lets a patient be on both sides and is stated wherever a figure is.
        folds (int), share (float): of the patients: number of folds, or share that trains.
        val_share (float): share of the training patients set aside to stop early and to set thresholds.
        seed (int): of the split.
    """

    source: str = setting(choices=('phantoms', 'collection'))
    where: dict = setting({})
    split: str = setting('share', choices=('folds', 'share', 'all', 'images'))
    folds: int = setting(5, low=2, high=100)
    share: float = setting(0.7, low=0.05, high=0.95)
    val_share: float = setting(0.15, low=0.0, high=0.9)
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
    """How a training sample is changed, in degrees Celsius, before the chain sees it.

    Attributes:
        kind (str): ``'thermal'`` (`models.augment`), ``'flip'`` (left and right with their ids), ``'none'``.
    """

    kind: str = setting('thermal', choices=('thermal', 'flip', 'none'))


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

    @property
    def chain_constants(self):
        """Constants that go into the bundle's manifest."""
        return dict(self.input.constants, width=self.input.width, height=self.input.height)


SECTIONS = {field.name: field.type for field in dataclasses.fields(Recipe) if dataclasses.is_dataclass(field.type)}


def make_recipe(name, values, path):
    """A recipe of a parsed TOML document.

    Args:
        name (str): of the recipe.
        values (dict): section name to keys, and the keys outside of sections.
        path (str): how messages call the file.

    Raises:
        InputError: ``recipe-key`` or ``recipe-value``, naming file, key and remedy.
    """
    values = dict(values)
    for section, kind in SECTIONS.items():
        if section in values or any(_required(field) for field in dataclasses.fields(kind)):
            keys = values.get(section, {})
            if not isinstance(keys, dict):
                raise InputError('recipe-value', '%s: %s is a section; write [%s].' % (path, section, section))
            values[section] = _section(kind, keys, path, '%s.' % section)
    recipe = _section(Recipe, values, path, '', name=name)
    _check_whole(recipe, path)
    return recipe


def _section(kind, values, path, prefix, **given):
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in given}
    for key in values:
        if key not in fields:
            raise InputError('recipe-key', '%s: there is no key %s%s; remove it or write one of %s.'
                             % (path, prefix, key, ', '.join(sorted(fields))))
    for key, field in fields.items():
        if key not in values and _required(field):
            raise InputError('recipe-key', '%s: %s%s is missing; add it.' % (path, prefix, key))
    return kind(**given, **{key: _checked(fields[key], value, path, prefix + key) for key, value in values.items()})


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(field, value, path, key):
    if dataclasses.is_dataclass(field.type):
        return value
    if field.type is float and type(value) is int:
        value = float(value)
    if type(value) is not field.type:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (path, key, value, _WORDS[field.type]))
    choices, low, high = (field.metadata.get(limit) for limit in ('choices', 'low', 'high'))
    if choices and value not in choices:
        raise InputError('recipe-value', '%s: %s is %r; write one of %s.' % (path, key, value, ', '.join(choices)))
    if low is not None and value < low or high is not None and value > high:
        raise InputError('recipe-value', '%s: %s is %r; it must be %s.' % (
            path, key, value, 'at least %s' % low if high is None else 'between %s and %s' % (low, high)))
    return value


_WORDS: typing.Dict[type, str] = {int: 'a whole number', float: 'a number', str: 'a text in quotes', bool: 'true or false',
                     list: 'a list', dict: 'a table'}


def _check_whole(recipe, path):
    """Refuse settings that contradict each other."""
    if bool(recipe.training.samples) == bool(recipe.training.epochs):
        raise InputError('recipe-value', '%s: training.samples and training.epochs say the same; set exactly one '
                         'of them above 0.' % path)
    if recipe.data.source == 'phantoms' and not recipe.phantoms.train:
        raise InputError('recipe-value', '%s: data.source is phantoms and phantoms.train is 0; say how many.' % path)
    if recipe.training.patience and recipe.data.source == 'collection' and not recipe.data.val_share:
        raise InputError('recipe-value', '%s: training.patience needs validation patients; set data.val_share '
                         'above 0.' % path)
    if recipe.network.init_part and not recipe.network.init:
        raise InputError('recipe-value', '%s: network.init_part without network.init starts from nothing; name a '
                         'run or remove it.' % path)
