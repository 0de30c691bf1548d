"""The audit of one collection: every input through the same protocol, and what that means."""
from dataclasses import asdict

import numpy as np

from service.thermogram import utc_now

from .controls import CHANCE, CONTROLS
from .frame import read_frame
from .inputs import MODELS, PICTURES, VARIANTS, tabulate
from .intervals import MEANING
from .plan import make_plan
from .protocol import Protocol
from .rows import Rows
from .verdict import judge

SCHEMA = 1

#: Facts that must be one for all, or they may stand for the diagnosis.
_ONE_FOR_ALL = ('dialect', 'camera', 'view')

#: Controls that the picture itself shows; a patient's number it does not show.
_SHOWN = ('background', 'marker', 'noise', 'geometry', 'file statistics', 'frame mean')

#: The row of all these controls in one table.
TOGETHER = 'picture controls together'

#: Pictures that a network is fed with: which are a model's, and which a control's; the others show what a model
#: must not see.
_MODEL_PICTURES, _CONTROL_PICTURES = ('torso',), ('background picture', 'marker picture')


def run_audit(collection, pipeline, protocol=None, positive=None, networks=None,
              progress=lambda things, label: things):
    """Audit the diagnoses of a collection.

    Args:
        collection (Collection): samples of known class are used, the others left out.
        pipeline (Pipeline): a running pipeline; it finds the regions.
        protocol (Protocol): the default one where None.
        positive (str): see `make_plan`.
        networks (dict): name to a callable (pictures, plan, protocol) -> Outcome, each trained in every fold on
            every kind of `PICTURES`; see `models.audit.networks`. `side_px` of it is the pictures' side.
        progress (callable): (things, label) -> iterable, for a progress bar.
    Returns:
        dict: the report as audit.json holds it.
    Raises:
        InputError: fewer than two classes, too few patients, or a file that cannot be read.
    """
    protocol, networks = protocol or Protocol(), networks or {}
    known = collection.classified()
    plan = make_plan(known, protocol.folds, protocol.repeats, protocol.seed, positive)
    inputs = (CHANCE,) + CONTROLS + MODELS + VARIANTS
    sides = {run.side_px for run in networks.values()}
    measured, pictures, unlabelled = _measure(known, pipeline, inputs, sides, progress)

    rows = Rows(plan, protocol)
    tables = {one.name: (one.what, tabulate(measured[one.name])[0]) for one in inputs}
    tables[TOGETHER] = (', '.join(_SHOWN) + ' in one table', np.hstack([tables[name][1] for name in _SHOWN]))
    both = '%s and %s' % (MODELS[0].name, TOGETHER)
    tables[both] = ('both in one table', np.hstack([tables[name][1] for name in (MODELS[0].name, TOGETHER)]))
    made = {name: rows.of_table(name, *job) for name, job in progress(list(tables.items()), 'Judging')}
    models, controls, variants = ([made[one.name] for one in group] for group in (MODELS, CONTROLS, VARIANTS))
    controls.append(made[TOGETHER])
    _train(networks, pictures, rows, (models, controls, variants), progress)

    report = _describe(collection, known, plan, protocol)
    report['bundle'] = pipeline.bundle.manifest.identity
    if unlabelled:
        report['warnings'].append('The bundle found no regions in %d of %d pictures.' % (unlabelled, len(known)))
    report.update(models=models, controls=controls, variants=variants, checks=[made[CHANCE.name]])
    report.update(_verdicts(rows, models, controls))
    if made[both]['auc'] is not None and made[TOGETHER]['auc'] is not None:
        report['added'] = dict(rows.minus(made[both], made[TOGETHER]), together=made[TOGETHER]['auc'],
                               both=made[both]['auc'], both_ci95=made[both]['auc_ci95'], model=MODELS[0].name)
    return report


def _measure(collection, pipeline, inputs, sides, progress):
    """Every input of every sample: (dict name to rows, dict (picture, side) to pictures, samples without labels)."""
    measured, pictures, unlabelled = {one.name: [] for one in inputs}, {}, 0
    for sample in progress(collection, 'Measuring'):
        frame = read_frame(sample, pipeline)
        unlabelled += frame.labels is None
        for one in inputs:
            measured[one.name].append(one.measure(frame))
        for side in sides:
            for name, draw in PICTURES.items():
                pictures.setdefault((name, side), []).append(draw(frame, (side, side)))
    return measured, {key: np.stack(stack) for key, stack in pictures.items()}, unlabelled


def _train(networks, pictures, rows, groups, progress):
    """Put every network's rows to their group."""
    models, controls, variants = groups
    for name, run in networks.items():
        for picture in progress(list(PICTURES), 'Training %s' % name):
            group = models if picture in _MODEL_PICTURES else controls if picture in _CONTROL_PICTURES else variants
            group.append(rows.of_pictures('%s: %s' % (name, picture), 'the picture, to a network trained in every fold',
                                          pictures[picture, run.side_px],
                                          lambda stack, run=run: run(stack, rows.plan, rows.protocol)))


def _describe(collection, known, plan, protocol):
    negative, positive = plan.names
    count = int(plan.classes.sum())
    words = '%s: %d patients (%d %s, %d %s), %d pictures' % (
        collection.name, len(plan.patients), len(plan.patients) - count, negative, count, positive, len(known))
    report = {'schema': SCHEMA, 'kind': 'confound-audit', 'created': utc_now(), 'data': words,
              'collection': {'name': collection.name, 'patients': len(plan.patients), 'pictures': len(known),
                             'negative': {'class': negative, 'patients': len(plan.patients) - count},
                             'positive': {'class': positive, 'patients': count},
                             'unknown_class': len(collection) - len(known), 'notes': list(collection.notes)},
              'protocol': asdict(protocol), 'meaning': MEANING % protocol.draws, 'warnings': []}
    for fact in _ONE_FOR_ALL:
        values = sorted({str(sample.facts[fact]) for sample in known if sample.facts.get(fact) is not None})
        if len(values) > 1:
            report['warnings'].append('The pictures are of %d kinds of %s (%s), which may stand for the diagnosis; '
                                      'audit one of them: --where %s=%s' % (len(values), fact, ', '.join(values), fact,
                                                                            _commonest(known, fact, plan)))
    return report


def _commonest(known, fact, plan):
    """The value that most patients of the rarer class of each value have: where there is most to compare."""
    seen = {}
    for sample, positive in zip(known, plan.targets):
        seen.setdefault(str(sample.facts.get(fact)), [set(), set()])[int(positive)].add(sample.patient)
    return max(sorted(seen), key=lambda value: min(map(len, seen[value])))


def _verdicts(rows, models, controls):
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
