"""The audit of one collection: every input through the same protocol, and what that means."""
import functools
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

import numpy as np

from models.data import Collection
from service.pipeline import Pipeline
from service.thermogram import utc_now

from .comparison import Row, Rows, judge
from .controls import CHANCE, CONTROLS
from .inputs import MODELS, PICTURES, VARIANTS, Input, Measurements, tabulate
from .protocol import Plan, Protocol, make_plan
from .samples import read_sample

if TYPE_CHECKING:
    from .networks import NetworkRunner  # PyTorch, which the other inputs do without

SCHEMA = 1

#: What stands under every table.
_MEANING = ('AUC: share of pairs of a positive and a negative patient, both held out by the same fold, in which the '
            'positive one scores higher; mean over repetitions. In brackets: 95 %% percentile interval of %d bootstrap '
            'draws of the patients, as many of each class; it says how far other patients would move the figure, and '
            'not how far other training would. Cross-validation puts an input without information a little below 0.5 '
            'on average of those tried here, so a weak control is rather under- than overstated.')

#: Facts that must be the same for all, or they may stand for the diagnosis.
_ONE_FOR_ALL = ('dialect', 'camera', 'view')

#: Controls that the picture itself shows, which it does not of a patient's number.
_SHOWN = ('background', 'marker', 'noise', 'geometry', 'file statistics', 'frame mean')

#: The row of all these controls in one table.
TOGETHER = 'picture controls together'

#: Pictures that a network is fed with: which are a model's, and which a control's; the others show what a model
#: must not see.
_MODEL_PICTURES, _CONTROL_PICTURES = ('torso',), ('background picture', 'marker picture')


#: Progress bar over things: things, label -> the same things.
Progress = Callable[[Iterable[Any], str], Iterable[Any]]


def run_audit(collection: Collection, pipeline: Pipeline, protocol: Optional[Protocol] = None,
              positive: Optional[str] = None, networks: Optional[Dict[str, 'NetworkRunner']] = None,
              progress: Progress = lambda things, label: things) -> Dict[str, Any]:
    """Audit the diagnoses of a collection.

    Args:
        collection: samples of known class are used, the others left out.
        pipeline: a running pipeline; it predicts the regions.
        protocol: the default one where None.
        positive: see `make_plan`.
        networks: by name; each is trained in every fold on every kind of `PICTURES`.
        progress: shows what is being worked through.
    Returns:
        The report as audit.json holds it.
    Raises:
        InputError: fewer than two classes, too few patients, or a file that cannot be read.
    """
    protocol, networks = protocol or Protocol(), networks or {}
    classified = collection.classified()
    plan = make_plan(classified, protocol.folds, protocol.repeats, protocol.seed, positive)
    inputs = (CHANCE,) + CONTROLS + MODELS + VARIANTS
    sides = {run.side_px for run in networks.values()}
    measured, pictures, unlabelled = _measure(classified, pipeline, inputs, sides, progress)

    rows = Rows(plan, protocol)
    tables = {one.name: (one.what, tabulate(measured[one.name])[0]) for one in inputs}
    tables[TOGETHER] = (', '.join(_SHOWN) + ' in one table', np.hstack([tables[name][1] for name in _SHOWN]))
    both = '%s and %s' % (MODELS[0].name, TOGETHER)
    tables[both] = ('both in one table', np.hstack([tables[name][1] for name in (MODELS[0].name, TOGETHER)]))
    made = {name: rows.of_table(name, *table) for name, table in progress(list(tables.items()), 'Judging')}
    models, controls, variants = ([made[one.name] for one in group] for group in (MODELS, CONTROLS, VARIANTS))
    controls.append(made[TOGETHER])
    _train(networks, pictures, rows, (models, controls, variants), progress)

    report = _describe(collection, classified, plan, protocol)
    report['bundle'] = pipeline.bundle.manifest.identity
    if unlabelled:
        report['warnings'].append('The bundle found no regions in %d of %d pictures.' % (unlabelled, len(classified)))
    report.update(models=models, controls=controls, variants=variants, checks=[made[CHANCE.name]])
    report.update(_verdicts(rows, models, controls))
    if made[both]['auc'] is not None and made[TOGETHER]['auc'] is not None:
        report['added'] = dict(rows.minus(made[both], made[TOGETHER]), together=made[TOGETHER]['auc'],
                               both=made[both]['auc'], both_ci95=made[both]['auc_ci95'], model=MODELS[0].name)
    return report


def _measure(collection: Collection, pipeline: Pipeline, inputs: Sequence[Input], sides: Set[int],
             progress: Progress) -> Tuple[Dict[str, List[Measurements]], Dict[Tuple[str, int], np.ndarray], int]:
    """Every input of every sample: measurements by input, pictures by name and side, number without regions."""
    measured: Dict[str, List[Measurements]] = {one.name: [] for one in inputs}
    pictures: Dict[Tuple[str, int], List[np.ndarray]] = {}
    unlabelled = 0
    for sample in progress(collection, 'Measuring'):
        audited = read_sample(sample, pipeline)
        unlabelled += audited.labels is None
        for one in inputs:
            measured[one.name].append(one.measure(audited))
        for side in sides:
            for name, draw in PICTURES.items():
                pictures.setdefault((name, side), []).append(draw(audited, (side, side)))
    return measured, {key: np.stack(stack) for key, stack in pictures.items()}, unlabelled


def _train(networks: Dict[str, 'NetworkRunner'], pictures: Dict[Tuple[str, int], np.ndarray], rows: Rows,
           groups: Sequence[List[Row]], progress: Progress) -> None:
    """Add the rows of every network to their group."""
    models, controls, variants = groups
    for name, run in networks.items():
        for picture in progress(list(PICTURES), 'Training %s' % name):
            group = models if picture in _MODEL_PICTURES else controls if picture in _CONTROL_PICTURES else variants
            group.append(rows.of_pictures('%s: %s' % (name, picture), 'the picture, to a network trained in every fold',
                                          pictures[picture, run.side_px],
                                          functools.partial(run, plan=rows.plan, protocol=rows.protocol)))


def _describe(collection: Collection, classified: Collection, plan: Plan, protocol: Protocol) -> Dict[str, Any]:
    negative, positive = plan.names
    count = int(plan.classes.sum())
    words = '%s: %d patients (%d %s, %d %s), %d pictures' % (
        collection.name, len(plan.patients), len(plan.patients) - count, negative, count, positive, len(classified))
    warnings = []
    for fact in _ONE_FOR_ALL:
        values = sorted({str(sample.facts[fact]) for sample in classified if sample.facts.get(fact) is not None})
        if len(values) > 1:
            warnings.append('The pictures are of %d kinds of %s (%s), which may stand for the diagnosis; audit one of '
                            'them: --where %s=%s' % (len(values), fact, ', '.join(values), fact,
                                                     _most_balanced(classified, fact, plan)))
    return {'schema': SCHEMA, 'kind': 'confound-audit', 'created': utc_now(), 'data': words,
            'collection': {'name': collection.name, 'patients': len(plan.patients), 'pictures': len(classified),
                           'negative': {'class': negative, 'patients': len(plan.patients) - count},
                           'positive': {'class': positive, 'patients': count},
                           'unknown_class': len(collection) - len(classified), 'notes': list(collection.notes)},
            'protocol': asdict(protocol), 'meaning': _MEANING % protocol.draws, 'warnings': warnings}


def _most_balanced(classified: Collection, fact: str, plan: Plan) -> str:
    """The value whose rarer class has the most patients: where there is most to compare."""
    patients: Dict[str, Tuple[Set[str], Set[str]]] = {}
    for sample, positive in zip(classified, plan.targets):
        patients.setdefault(str(sample.facts.get(fact)), (set(), set()))[int(positive)].add(sample.patient)
    return max(sorted(patients), key=lambda value: min(map(len, patients[value])))


def _verdicts(rows: Rows, models: Sequence[Row], controls: Sequence[Row]) -> Dict[str, Any]:
    """Verdict on every model; the first model's is the report's."""
    verdicts = []
    for model in models:
        if model['auc'] is None:
            continue
        model['minus'] = {control['name']: rows.minus(model, control) for control in controls
                          if control['auc'] is not None}
        code, sentence = judge(model, controls)
        verdicts.append({'model': model['name'], 'code': code, 'sentence': sentence})
    if not verdicts:
        return {'verdict': 'No model had anything to learn from.', 'verdicts': []}
    return {'verdict': verdicts[0]['sentence'], 'verdicts': verdicts}
