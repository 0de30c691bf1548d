"""A collection as what a run trains on and is judged on: split by patient, who is held out written down."""
from service.messages import InputError

from ..augment import mix_in
from ..data import check_leak, image_split, patient_folds, patient_split
from .judge_patients import judge_patients
from .statement import state_collection

TRAINING, VALIDATION, HELD_OUT = 'training', 'validation', 'held-out'


class CollectionRun:
    """Thermograms of patients, split as a recipe says.

    Args:
        recipe (Recipe): its ``[data]`` and task.
        collection (Collection): all there is.
        fold (int or None): which fold is held out, from 1, for split 'folds'.
        others (Collection or None): pictures of another camera for `data.mix_in`.

    Attributes:
        train, val, held (Collection or None): parts; None where the recipe asks for none.
        split (dict): JSON-able; what `models.data.read_split` reads, and the collection, fold and patients.
        regions (tuple of str): names of the label ids.
        notes (tuple of str): what has to be said of every figure; the first comes first.

    Raises:
        InputError: ``data-empty``, ``data-classes``, ``fold-missing``, ``mix-missing``, or what splitting refuses.
    """

    def __init__(self, recipe, collection, fold=None, others=None):
        data = recipe.data
        chosen = _choose(collection, data)
        _check_classes(chosen, recipe)
        train, self.held = _split(chosen, data, fold)
        self.val = None
        if data.val_share:
            train, self.val = patient_split(train, 1 - data.val_share, data.seed)
        if data.mix_in:
            if others is None:
                raise InputError('mix-missing', 'The recipe mixes in %g %% of another camera (data.mix_in); name its '
                                 'folder with --mix-in.' % (100 * data.mix_in))
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

    def judge(self, network, recipe):
        """Figures on the held-out patients: JSON-able dict."""
        metrics = judge_patients(network, recipe, self.held, self.val)
        learnt = sorted(set(self.train.patients) | set(self.val.patients if self.val is not None else ()))
        return dict(metrics, notes=list(self.notes), training_patients=learnt)

    def statement(self, recipe, metrics):
        """What a bundle of this run has to say."""
        return state_collection(recipe, metrics, self)


def _choose(collection, data):
    chosen = collection.where(**data.where)
    if data.use == 'labelled':
        chosen = chosen.labelled()
    elif data.use == 'classified':
        chosen = chosen.classified()
    elif data.use == 'unlabelled':
        chosen = chosen.take(number for number, sample in enumerate(chosen) if not sample.labelled)
    if not len(chosen):
        wanted = ', '.join(['%s samples' % data.use] + ['%s = %s' % fact for fact in sorted(data.where.items())])
        raise InputError('data-empty', '%s has none of what the recipe trains on (%s); change data.use or data.where, '
                         'or name another folder with --data.' % (collection.name, wanted))
    return chosen


def _check_classes(collection, recipe):
    if 'finding' not in recipe.task:
        return
    count, logits = len(collection.classes), recipe.network.options.get('findings', 1)
    if count != (2 if logits == 1 else logits):
        raise InputError('data-classes', '%s has %d classes (%s) and the network answers %s; set '
                         'network.options.findings to %d.'
                         % (collection.name, count, ', '.join(collection.classes) or 'none',
                            'yes or no' if logits == 1 else '%d' % logits, count))


def _split(collection, data, fold):
    if fold is not None and data.split != 'folds':
        raise InputError('fold-missing', 'The recipe holds out no folds (data.split is %s); leave --fold out, or set '
                         'data.split=folds.' % data.split)
    if data.split == 'all':
        return collection, None
    if data.split == 'share':
        return patient_split(collection, data.share, data.seed)
    if data.split == 'images':
        return image_split(collection, data.share, data.seed)
    if fold is None or not 1 <= fold <= data.folds:
        raise InputError('fold-missing', 'The recipe makes %d folds; say with --fold which one is held out, 1 to %d.'
                         % (data.folds, data.folds))
    return patient_folds(collection, data.folds, data.seed)[fold - 1]
