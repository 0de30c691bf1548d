"""What a bundle says of itself: what it learnt from, what its finding means, where it fails."""
import typing

_FRONTAL = 'Frontal views; side views give no usable regions.'

PHANTOM_LIMITS = (
    _FRONTAL,
    'Arms raised is what most simulated patients do; lowered arms leave little armpit to find.',
    'Both breasts present: simulated patients have had no mastectomy.',
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
    'thermoscreen audit.')


class Statement(typing.NamedTuple):
    """Texts of a manifest.

    Attributes:
        training_data (str): what was learnt from.
        limits (tuple of str): where it fails.
        finding (dict or None): ``name``, ``classes``, ``threshold``, ``threshold_basis``, ``meaning``.
    """

    training_data: str
    limits: tuple
    finding: typing.Optional[dict]


def state_phantoms(recipe, metrics):
    """Statement of a network that saw simulated thermograms only."""
    finding = None
    if 'finding' in recipe.task:
        finding = {
            'name': 'abnormal left-right heat pattern', 'classes': ['as expected', 'pattern differs'],
            'threshold': metrics['finding']['threshold'], 'meaning': _PHANTOM_MEANING,
            'threshold_basis': 'Specificity %.0f %% on %d simulated thermograms that were not trained on.'
                               % (100 * recipe.finding.specificity, recipe.phantoms.val)}
    return Statement('%d simulated thermograms (service/simulator), no real patient. Recipe models/recipes/%s.toml, '
                     'seed %d.' % (recipe.phantoms.train, recipe.name, recipe.seed),
                     PHANTOM_LIMITS + (PHANTOM_FINDING_LIMITS if finding else ()), finding)


def state_collection(recipe, metrics, run):
    """Statement of a network that learnt from patients of a collection.

    Args:
        recipe (Recipe): how.
        metrics (dict): of `judge_patients`.
        run (CollectionRun): who trained and who was held out.
    """
    collection, positive = run.collection, run.collection.classes[-1:]
    training = '%d thermograms of %d patients of %s. Recipe %s, seed %d.' % (
        len(run.train), len(run.train.patients), collection.name, recipe.name, recipe.seed)
    if recipe.network.init:
        training += ' It started from the weights of another training (%s).' % recipe.network.init
    if run.notes:
        training += ' ' + ' '.join(note.rstrip('.') + '.' for note in run.notes)
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
