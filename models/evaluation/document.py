"""The report as one JSON document, from which page, terminal and machines read the same figures."""
from collections import Counter

import numpy as np

from service.regions import REGIONS
from service.result import ADJUNCT_NOTICE

from .conditions import conditions
from .judge import certainty_threshold, composition, giveaways, judge_finding, judge_regions, operating_points
from .metrics import ROUNDS

SCHEMA = 1
KIND = 'thermoscreen-evaluation'


def make_document(pipeline, collection, run, split, positive=(), targets=None, audit=None, notes=(), command='',
                  rounds=ROUNDS, seed=0):
    """Everything that can be said of a run.

    Args:
        pipeline (service.pipeline.Pipeline): that ran, still started.
        collection (Collection): what it ran on.
        run (Run): what it said.
        split (str): the first line, as `state_split` gives it.
        positive (tuple of int): classes that the finding ought to call; empty where it is not judged.
        targets (dict): ``'sensitivity'`` and ``'specificity'`` that a threshold should reach.
        audit (dict): as `read_audit` gives it, or None.
        notes (sequence of str): what was left out.
        command (str): what the user typed.
        rounds, seed (int): of the bootstrap and the halves.

    Returns:
        dict: ``split`` first, then ``schema``; figures of ``regions``, ``certainty``, ``finding``; ``frames``
        with every raw value. Sections that the data or the bundle cannot give are None.
    """
    outcomes, stated = run.outcomes, pipeline.bundle.manifest.finding
    regions = judge_regions(outcomes, rounds, seed)
    finding = None
    if positive and stated:
        finding = judge_finding(outcomes, positive, stated['threshold'], rounds, seed)
    rows = composition(outcomes, collection.classes)
    return {
        'split': split, 'kind': KIND, 'schema': SCHEMA, 'notice': ADJUNCT_NOTICE,
        'data': {'name': collection.name, 'classes': list(collection.classes), 'notes': list(collection.notes),
                 'composition': rows},
        'notes': list(notes) + _limits(collection, outcomes, stated) + (giveaways(rows) if finding else [])
        + _other_patients(audit, finding),
        'samples': _samples(run),
        'regions': regions,
        'certainty': certainty_threshold(outcomes, collection, seed) if regions else None,
        'finding': finding and dict(
            finding, name=stated['name'], meaning=stated['meaning'],
            positive=[collection.classes[number] for number in positive],
            negative=[name for number, name in enumerate(collection.classes) if number not in positive],
            threshold_basis=stated['threshold_basis'],
            operating_points=operating_points(outcomes, collection, positive, targets, rounds, seed)),
        'audit': audit,
        'conditions': conditions(pipeline, command, seed=seed, bootstrap_rounds=rounds, n=len(outcomes),
                                 analysis_ms=_durations(outcomes)),
        'frames': [outcome.to_dict(collection.classes) for outcome in outcomes],
    }


def _samples(run):
    reasons = Counter(outcome.refusals[0] for outcome in run.outcomes if outcome.refusals)
    answered = sum(outcome.answered for outcome in run.outcomes)
    return {
        'n': len(run.outcomes) + len(run.failures), 'analysed': len(run.outcomes),
        'patients': len({outcome.patient for outcome in run.outcomes}), 'answered': answered,
        'refused': len(run.outcomes) - answered,
        'reasons': [{'check': check, 'sentence': sentence, 'n': n}
                    for (check, sentence), n in reasons.most_common()],
        'failed': run.failures,
    }


def _limits(collection, outcomes, stated):
    """Why a section of the report is missing."""
    sentences = []
    if collection.regions != REGIONS:
        sentences.append('The labels of this data are %s and not the seven regions, so regions are not judged.'
                         % ', '.join(collection.regions))
    elif not any(outcome.overlap for outcome in outcomes):
        sentences.append('No frame has region labels, so regions are not judged.')
    if stated is None:
        sentences.append('The bundle marks regions only and gives no finding.')
    elif not any(outcome.klass is not None for outcome in outcomes):
        sentences.append('No frame has a class, so the finding is not judged.')
    elif not any(outcome.klass is not None and outcome.answered for outcome in outcomes):
        sentences.append('No frame of known class got a result, so the finding is not judged.')
    return sentences


def _other_patients(audit, finding):
    """That an audit was not made on the frames of the report, as far as their number tells."""
    if audit is None or finding is None or audit['patients'] == finding['patients']:
        return []
    return ['The audit was made on %d patients and the finding is judged on %d: its controls are of other data.'
            % (audit['patients'], finding['patients'])]


def _durations(outcomes):
    """Durations of `Pipeline.analyse`, one frame at a time."""
    times = [outcome.total_ms for outcome in outcomes]
    median, p90 = np.percentile(times, (50, 90))
    return {'n': len(times), 'median': round(float(median), 2), 'p90': round(float(p90), 2)}
