"""The report as one JSON document, from which page, terminal and programs read the same figures."""
import json
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from models.conditions import evaluation_conditions
from models.data import Collection
from models.statistics import ROUNDS
from service.messages import ADJUNCT_NOTICE, InputError
from service.pipeline import Pipeline
from service.regions import REGIONS

from .figures import certainty_threshold, composition, giveaways, judge_finding, judge_regions, operating_points
from .outcomes import Outcome, Run

#: 2: refusals, reasons and failures are messages.
SCHEMA = 2
KIND = 'thermoscreen-evaluation'


def make_document(pipeline: Pipeline, collection: Collection, run: Run, split: str, positive: Sequence[int] = (),
                  targets: Optional[Dict[str, float]] = None, audit: Optional[Dict[str, Any]] = None,
                  notes: Sequence[str] = (), command: str = '', rounds: int = ROUNDS, seed: int = 0) -> Dict[str, Any]:
    """Everything that a run tells.

    Args:
        pipeline: that ran, still started.
        collection: what it ran on.
        run: what it answered.
        split: the first line, as `state_split` returns it.
        positive: classes that the finding ought to call; empty where it is not judged.
        targets: ``'sensitivity'`` and ``'specificity'`` that a threshold should reach.
        audit: as `read_audit` returns it.
        notes: what was left out.
        command: what the user typed.
        rounds, seed: of the bootstrap and the halves.
    Returns:
        ``split`` first, then ``schema``; figures of ``regions``, ``certainty``, ``finding``; ``frames`` with every raw
        value. Sections that the data or the bundle do not allow are None.
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
        'notes': list(notes) + _missing_sections(collection, outcomes, stated) + (giveaways(rows) if finding else [])
        + _other_patients(audit, finding),
        'samples': _samples(run),
        'regions': regions,
        'certainty': certainty_threshold(outcomes, collection, seed) if regions else None,
        'finding': finding and stated and dict(
            finding, name=stated['name'], meaning=stated['meaning'],
            positive=[collection.classes[number] for number in positive],
            negative=[name for number, name in enumerate(collection.classes) if number not in positive],
            threshold_basis=stated['threshold_basis'],
            operating_points=operating_points(outcomes, collection, positive, targets or {}, rounds, seed)),
        'audit': audit,
        'averaging': None,
        'conditions': evaluation_conditions(pipeline, command, seed=seed, bootstrap_rounds=rounds, n=len(outcomes),
                                            analysis_ms=_durations(outcomes)),
        'frames': [outcome.to_dict(collection.classes) for outcome in outcomes],
    }


def read_audit(path: Path) -> Dict[str, Any]:
    """Controls and verdict of an ``audit.json`` as ``thermoscreen confounds`` writes it, to stand beside an AUC.

    Returns:
        ``file``, ``data`` (what it was made on, in words), ``patients``, ``models`` and ``controls`` (lists of
        ``name``, ``note`` and ``auc``, an estimate with ``value``, ``n`` and ``ci95``; the value is None where there
        was nothing to learn), ``verdict`` (a sentence on the audit's own models), ``code`` (of `audit.comparison`, for
        the first model; None where none had anything to learn from), ``warnings``.
    Raises:
        InputError: ``audit-unreadable``.
    """
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        if document['kind'] != 'confound-audit':
            raise ValueError(document['kind'])
        return condensed_audit(document, str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError('audit-unreadable', '%s is not an audit.json of thermoscreen confounds.' % path,
                         'Run thermoscreen confounds first and name its file.', detail=repr(error))


def condensed_audit(document: Dict[str, Any], file: str) -> Dict[str, Any]:
    """What `read_audit` returns, from the document itself, as `models.audit.run.run_audit` returns it."""
    verdicts = document['verdicts']
    return {'file': file, 'data': document['data'], 'patients': int(document['collection']['patients']),
            'models': [_audit_row(row) for row in document['models']],
            'controls': [_audit_row(row) for row in document['controls']],
            'verdict': document['verdict'], 'code': verdicts[0]['code'] if verdicts else None,
            'warnings': list(document['warnings'])}


def _audit_row(row: Dict[str, Any]) -> Dict[str, Any]:
    return {'name': row['name'], 'note': row['note'],
            'auc': {'value': row['auc'], 'n': int(row['n']), 'ci95': row['auc_ci95']}}


def _samples(run: Run) -> Dict[str, Any]:
    first = [outcome.refusals[0] for outcome in run.outcomes if outcome.refusals]
    counts = Counter((message.code, message.sentence) for message in first)
    messages = {(message.code, message.sentence): message for message in first}
    answered = sum(outcome.answered for outcome in run.outcomes)
    return {
        'n': len(run.outcomes) + len(run.failures), 'analysed': len(run.outcomes),
        'patients': len({outcome.patient for outcome in run.outcomes}), 'answered': answered,
        'refused': len(run.outcomes) - answered,
        'reasons': [dict(messages[key].to_dict(), n=n) for key, n in counts.most_common()],
        'failed': run.failures,
    }


def _missing_sections(collection: Collection, outcomes: Sequence[Outcome],
                      stated: Optional[Dict[str, Any]]) -> List[str]:
    """Why a section of the report is missing."""
    sentences = []
    if collection.regions != REGIONS:
        sentences.append('The labels of this data are %s and not the seven regions, so regions are not judged.'
                         % ', '.join(collection.regions))
    elif not any(outcome.overlap for outcome in outcomes):
        sentences.append('No frame has region labels, so regions are not judged.')
    if stated is None:
        sentences.append('The bundle only marks regions and gives no finding.')
    elif not any(outcome.klass is not None for outcome in outcomes):
        sentences.append('No frame has a class, so the finding is not judged.')
    elif not any(outcome.klass is not None and outcome.answered for outcome in outcomes):
        sentences.append('No frame of known class got a result, so the finding is not judged.')
    return sentences


def _other_patients(audit: Optional[Dict[str, Any]], finding: Optional[Dict[str, Any]]) -> List[str]:
    """That an audit was not made on the frames of the report, as far as their number tells."""
    if audit is None or finding is None or audit['patients'] == finding['patients']:
        return []
    return ['The audit was made on %d patients and the finding is judged on %d: its controls are of other data.'
            % (audit['patients'], finding['patients'])]


def _durations(outcomes: Sequence[Outcome]) -> Dict[str, Any]:
    """Durations of `Pipeline.analyse`, one frame at a time."""
    times = [outcome.total_ms for outcome in outcomes]
    median, p90 = np.percentile(times, (50, 90))
    return {'n': len(times), 'median': round(float(median), 2), 'p90': round(float(p90), 2)}
