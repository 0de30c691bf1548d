"""The first line of a report: whether what was judged had been trained on."""
from models.data import IMAGE_LEVEL
from models.data.busi import NO_PATIENTS
from service.messages import InputError

#: How the notes of collections begin whose frames cannot be told apart by patient.
_NOT_BY_PATIENT = (IMAGE_LEVEL, NO_PATIENTS)


def trained_patients(manifest):
    """Patients that a bundle lists as its training patients: frozenset of str, empty where it lists none."""
    return frozenset(str(patient) for patient in manifest['metrics'].get('training_patients', ()))


def state_split(collection, manifest, resubstitution=False):
    """How the evaluated patients relate to those of the training.

    Args:
        collection (Collection): what is to be judged.
        manifest (service.bundle.Manifest): of the bundle that judges.
        resubstitution (bool): go on although patients were in the training, and say so.

    Returns:
        str: one sentence, the first of every report.

    Raises:
        InputError: ``patient-leak``, patients of the training are among those evaluated.
    """
    trained = trained_patients(manifest)
    patients = collection.patients
    both = sorted(trained.intersection(patients))
    if both and not resubstitution:
        raise InputError('patient-leak', '%d of the %d patients to evaluate were in this bundle\'s training (%s%s). '
                         'Leave them out with --unseen, or judge them all the same with --resubstitution, which the '
                         'report will say first.'
                         % (len(both), len(patients), ', '.join(both[:5]), ', ...' if len(both) > 5 else ''))
    if both:
        return ('RESUBSTITUTION: %d of %d patients were in the training; these figures say how well the bundle '
                'remembers them, not how well it works.' % (len(both), len(patients)))
    mixed = [note for note in collection.notes if note.startswith(_NOT_BY_PATIENT)]
    if mixed:
        return 'NOT PATIENT-LEVEL: %s. These figures do not hold for patients never seen.' % mixed[0].rstrip('.')
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
    return ('Patient-level: %d patients, none in training as far as the manifest says (%s).' % (len(patients), basis))
