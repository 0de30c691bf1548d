"""What a run trains on, is judged on and may claim: simulated thermograms, or patients of a collection."""
from pathlib import Path
from typing import Any, Dict, Optional, Union

import torch

from service.messages import InputError
from service.regions import REGIONS

from ..data import Collection, check_leak, image_split, mix_in, patient_folds, patient_split
from ..data.open import PHANTOM_CLASSES
from ..deliver import Statement
from ..phantoms import PhantomSet, prepare_sets
from ..recipe import Data, Recipe
from .metrics import patient_metrics, phantom_metrics

TRAINING, VALIDATION, HELD_OUT = 'training', 'validation', 'held-out'

_FRONTAL = 'Frontal views; side views give no usable regions.'

_PHANTOM_LIMITS = (
    _FRONTAL,
    'Arms raised is what most simulated patients do; lowered arms leave little armpit to find.',
    'Both breasts present: simulated patients have had no mastectomy.',
)
#: Of a recipe that asks for other views and bodies than the ordinary one (`phantoms.kinds`).
_VIEW_LIMITS = (
    'Left-right differences and the finding are for frontal views; side views only get their regions.',
    'A torso that is turned by less than 25 degrees may pass as frontal.',
    'Absent and reconstructed breasts, dressings and things that are no patient were simulated.',
)
PHANTOM_FINDING_LIMITS = (
    'The finding cannot see the heat of most tumours, which is smaller than natural left-right differences.',
    'The finding does not tell a single warm patch from natural patches; it sees warm veins and one breast '
    'warmer than the other.',
)
_PHANTOM_MEANING = (
    'Probability of an abnormal left-right heat pattern as planted in simulated thermograms (vascular, focal '
    'or diffuse warming of one breast, or the faint signal of a simulated tumour). It is not a probability '
    'of disease: it has never been related to a diagnosis.')

_CONFOUND = (
    'The database states its classes with other differences between them: time of the visit, room temperature, '
    'camera files and the marker on the chest predict them too. Read the figures beside the controls of '
    'thermoscreen confounds.')


class PhantomSource:
    """The phantom sets of a recipe, made once and kept for later runs.

    Args:
        recipe: its ``[phantoms]``.
        folder: of the sets.
        workers: processes that make them.
    """

    regions = REGIONS

    def __init__(self, recipe: Recipe, folder: Path, workers: int) -> None:
        self._make = lambda: prepare_sets(recipe, folder, workers)
        self._sets: Optional[Dict[str, PhantomSet]] = None
        self.split: Dict[str, Any] = {'collection': 'phantoms', **vars(recipe.phantoms)}

    @property
    def train(self) -> PhantomSet:
        """Training set."""
        return self._ready()['train']

    @property
    def val(self) -> PhantomSet:
        """Validation set."""
        return self._ready()['val']

    def evaluate(self, network: torch.nn.Module, recipe: Recipe) -> Dict[str, Any]:
        """Figures on the test set, as JSON."""
        return phantom_metrics(network, recipe, self._ready())

    def statement(self, recipe: Recipe, metrics: Dict[str, Any]) -> Statement:
        """What a bundle of this run must state."""
        return _phantom_statement(recipe, metrics)

    def _ready(self):
        if self._sets is None:
            self._sets = self._make()
        return self._sets


class CollectionSource:
    """Thermograms of patients, split as a recipe says.

    Args:
        recipe: its ``[data]`` and task.
        collection: all samples.
        fold: the fold that is held out, from 1, for split ``'folds'``.
        others: pictures of another camera for `data.mix_in`.

    Attributes:
        train, val, held: parts; None where the recipe has none.
        split: JSON; what `models.data.read_split` reads, and the collection, fold and patients.
        regions: names of the label ids.
        notes: sentences that belong to every figure, in order.

    Raises:
        InputError: ``data-empty``, ``data-classes``, ``fold-missing``, ``mix-missing``, or what splitting refuses.
    """

    def __init__(self, recipe: Recipe, collection: Collection, fold: Optional[int] = None,
                 others: Optional[Collection] = None) -> None:
        data = recipe.data
        chosen = _choose(collection, data)
        _check_classes(chosen, recipe)
        train, self.held = _split(chosen, data, fold)
        self.val: Optional[Collection] = None
        if data.val_share:
            train, self.val = patient_split(train, 1 - data.val_share, data.seed)
        if data.mix_in:
            if others is None:
                raise InputError('mix-missing', 'The recipe mixes in %g %% of another camera (data.mix_in).'
                                 % (100 * data.mix_in),
                                 'Name its folder with --mix-in.')
            train = mix_in(train, others, data.mix_in, data.seed)
        self.train = train
        parts = {TRAINING: train, VALIDATION: self.val, HELD_OUT: self.held}
        parts = {name: part for name, part in parts.items() if part is not None}
        by_image = data.split == 'images'
        check_leak(*(part for name, part in parts.items() if not (by_image and name == HELD_OUT)))
        self.collection, self.notes, self.regions = chosen, train.notes, chosen.regions
        self.split = {'level': 'image' if by_image else 'patient', 'collection': collection.name, 'fold': fold,
                      'parts': {name: list(part.keys) for name, part in parts.items()},
                      'patients': {name: list(part.patients) for name, part in parts.items()}}

    def evaluate(self, network: torch.nn.Module, recipe: Recipe) -> Dict[str, Any]:
        """Figures on the held-out patients, as JSON."""
        metrics = patient_metrics(network, recipe, self.held, self.val)
        seen = sorted(set(self.train.patients) | set(self.val.patients if self.val is not None else ()))
        return dict(metrics, notes=list(self.notes), training_patients=seen)

    def statement(self, recipe: Recipe, metrics: Dict[str, Any]) -> Statement:
        """What a bundle of this run must state."""
        return _collection_statement(recipe, metrics, self)


def _choose(collection: Collection, data: Data) -> Collection:
    chosen = collection.where(**data.where)
    if data.use == 'labelled':
        chosen = chosen.labelled()
    elif data.use == 'classified':
        chosen = chosen.classified()
    elif data.use == 'unlabelled':
        chosen = chosen.take(number for number, sample in enumerate(chosen) if not sample.labelled)
    if not len(chosen):
        wanted = ', '.join(['%s samples' % data.use] + ['%s = %s' % fact for fact in sorted(data.where.items())])
        raise InputError('data-empty', '%s has none of what the recipe trains on (%s).' % (collection.name, wanted),
                         'Change data.use or data.where, or name another folder with --data.')
    return chosen


def _check_classes(collection, recipe):
    if 'finding' not in recipe.task:
        return
    count, logits = len(collection.classes), recipe.network.options.get('findings', 1)
    if count != (2 if logits == 1 else logits):
        answers = 'yes or no' if logits == 1 else '%d' % logits
        raise InputError('data-classes', '%s has %d classes (%s) and the network answers %s.'
                         % (collection.name, count, ', '.join(collection.classes) or 'none', answers),
                         'Set network.options.findings to %d.' % count)


def _split(collection, data, fold):
    if fold is not None and data.split != 'folds':
        raise InputError('fold-missing', 'The recipe holds out no folds (data.split is %s).' % data.split,
                         'Leave --fold out, or set data.split=folds.')
    if data.split == 'all':
        return collection, None
    if data.split == 'share':
        return patient_split(collection, data.share, data.seed)
    if data.split == 'images':
        return image_split(collection, data.share, data.seed)
    if fold is None or not 1 <= fold <= data.folds:
        raise InputError('fold-missing', 'The recipe makes %d folds.' % data.folds,
                         'Say with --fold which one is held out, 1 to %d.' % data.folds)
    return patient_folds(collection, data.folds, data.seed)[fold - 1]


#: What `train` takes.
Source = Union[PhantomSource, CollectionSource]


# -- statements


def _phantom_statement(recipe, metrics):
    """Statement of a network that was trained on simulated thermograms only."""
    finding = None
    if 'finding' in recipe.task:
        finding = {
            'name': 'abnormal left-right heat pattern', 'classes': list(PHANTOM_CLASSES),
            'threshold': metrics['finding']['threshold'], 'meaning': _PHANTOM_MEANING,
            'threshold_basis': 'Specificity %.0f %% on %d simulated thermograms that were not trained on.'
                               % (100 * recipe.finding.specificity, recipe.phantoms.val)}
    return Statement('%d simulated thermograms (service/simulator), no real patient. Recipe models/recipes/%s.toml, '
                     'seed %d.%s' % (recipe.phantoms.train, recipe.name, recipe.seed, _start(recipe)),
                     (_VIEW_LIMITS if recipe.phantoms.kinds else _PHANTOM_LIMITS)
                     + (PHANTOM_FINDING_LIMITS if finding else ()), finding)


def _start(recipe):
    """What the weights were before, as a sentence with a blank before it."""
    if recipe.network.weights:
        return ' Its backbone started from ImageNet weights (%s).' % recipe.network.weights
    if recipe.network.init:
        return ' It started from the weights of another training (%s).' % recipe.network.init
    return ''


def _collection_statement(recipe, metrics, source):
    """Statement of a network that was trained on patients of a collection."""
    collection, positive = source.collection, source.collection.classes[-1:]
    training = '%d thermograms of %d patients of %s. Recipe %s, seed %d.%s' % (
        len(source.train), len(source.train.patients), collection.name, recipe.name, recipe.seed, _start(recipe))
    if source.notes:
        training += ' ' + ' '.join(note.rstrip('.') + '.' for note in source.notes)
    limits = [_FRONTAL, 'Patients of one collection (%s): another camera, room or pose was never seen.'
              % collection.name]
    finding = None
    if 'finding' in recipe.task:
        limits.append(_CONFOUND)
        finding = {
            'name': '%s as the database states it' % positive[0], 'classes': list(collection.classes),
            'threshold': metrics['finding'].get('threshold', 0.5),
            'threshold_basis': metrics['finding'].get('threshold_basis', 'None.'),
            'meaning': 'How much a thermogram looks like those that %s calls %s. %s It is not a probability of '
                       'cancer.' % (collection.name, positive[0], _CONFOUND)}
    return Statement(training, tuple(limits), finding)
