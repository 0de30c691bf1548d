"""Which samples are evaluated, and how their patients relate to those of the training."""
from typing import AbstractSet, Dict, FrozenSet, List, Optional, Sequence, Tuple

from models.data import IMAGE_LEVEL, Collection
from models.data.busi import NO_PATIENTS
from service.bundle import Manifest
from service.messages import InputError

#: How the notes of collections begin whose frames cannot be told apart by patient.
_NOT_BY_PATIENT = (IMAGE_LEVEL, NO_PATIENTS)


def choose(collection: Collection, where: Sequence[str] = (), left_out: AbstractSet[str] = frozenset(),
           limit: Optional[int] = None) -> Tuple[Collection, List[str]]:
    """The part of a collection that a user asked for, and what was left out, in sentences.

    Args:
        collection: everything there is.
        where: ``'fact=value'``; a fact named twice may have either value, facts of different names must all hold.
        left_out: patients to leave out.
        limit: at most so many samples, the first in the collection's order; None for all.
    Raises:
        InputError: ``where-form``, ``fact-unknown``, ``fact-value`` or ``nothing-left``.
    """
    chosen, notes = collection, []
    for fact, values in _values_by_fact(where).items():
        # Facts may be numbers, and the command line has only text.
        by_text = {str(sample.facts[fact]): sample.facts[fact] for sample in chosen if fact in sample.facts}
        unknown = [value for value in values if value not in by_text]
        if by_text and unknown:
            raise InputError('fact-value', 'No frame has %s = %s; there is %s.'
                             % (fact, unknown[0], _listed(sorted(by_text))))
        chosen = chosen.where(**{fact: tuple(by_text.get(value, value) for value in values)})
        notes.append('Only frames with %s = %s: %d of %d.' % (fact, ' or '.join(values), len(chosen),
                                                            len(collection)))
    if left_out:
        before = len(chosen)
        chosen = chosen.subset(sample.key for sample in chosen if sample.patient not in left_out)
        notes.append('%d frames of training patients were left out.' % (before - len(chosen)))
    if limit is not None and limit < len(chosen):
        notes.append('Only the first %d of %d frames (--limit).' % (limit, len(chosen)))
        chosen = chosen[:limit]
    if not len(chosen):
        raise InputError('nothing-left', 'No frame of %s is left to evaluate.' % collection.name,
                         'Ask for more of them.')
    return chosen, notes


def trained_patients(manifest: Manifest) -> FrozenSet[str]:
    """Patients that a bundle lists as its training patients; empty where it lists none."""
    return frozenset(str(patient) for patient in manifest['metrics'].get('training_patients', ()))


def state_split(collection: Collection, manifest: Manifest, resubstitution: bool = False) -> str:
    """How the evaluated patients relate to those of the training: the first sentence of every report.

    Args:
        collection: what is to be judged.
        manifest: of the bundle that is judged.
        resubstitution: go on although patients were in the training, and say so.
    Raises:
        InputError: ``patient-leak``, patients of the training are among those evaluated.
    """
    trained = trained_patients(manifest)
    patients = collection.patients
    both = sorted(trained.intersection(patients))
    if both and not resubstitution:
        raise InputError('patient-leak', "%d of the %d patients to evaluate were in this bundle's training (%s%s)."
                         % (len(both), len(patients), ', '.join(both[:5]), ', ...' if len(both) > 5 else ''),
                         'Leave them out with --unseen, or evaluate them anyway with --resubstitution, which the '
                         'report will state first.')
    if both:
        return ('RESUBSTITUTION: %d of %d patients were in the training; these figures say how well the bundle '
                'remembers them, not how well it works.' % (len(both), len(patients)))
    mixed = [note for note in collection.notes if note.startswith(_NOT_BY_PATIENT)]
    if mixed:
        return 'NOT PATIENT-LEVEL: %s. These figures do not hold for unseen patients.' % mixed[0].rstrip('.')
    if all(sample.facts.get('kind') == 'phantom' for sample in collection):
        return ('SIMULATED: %d phantoms and no patient; the manifest does not say which phantoms were trained on.'
                % len(patients))
    if trained:
        basis = 'it lists %d training patients' % len(trained)
    elif collection.name.lower() in manifest['training_data'].lower().split():
        return ('NOT KNOWN: the manifest names %s as training data and lists no patients; any of these %d patients '
                'may have been in the training.' % (collection.name, len(patients)))
    else:
        basis = 'it lists none; trained on %s' % manifest['training_data'].partition('. ')[0].rstrip('.')
    return 'Patient-level: %d patients, none in training according to the manifest (%s).' % (len(patients), basis)


def _values_by_fact(where: Sequence[str]) -> Dict[str, List[str]]:
    values: Dict[str, List[str]] = {}
    for text in where:
        fact, equals, value = text.partition('=')
        if not (fact and equals and value):
            raise InputError('where-form', '--where takes fact=value, such as dialect=space, and not %s.' % text)
        values.setdefault(fact, []).append(value)
    return values


def _listed(values: List[str]) -> str:
    return ', '.join(values[:8]) + (' and %d more' % (len(values) - 8) if len(values) > 8 else '')
