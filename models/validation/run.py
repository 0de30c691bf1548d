"""From a clinic's own data to one report: all is measured through the device's pipeline and held against claims."""
import contextlib
import dataclasses
import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from models.audit.protocol import Protocol
from models.audit.run import run_audit
from models.data import Collection, Sample
from models.data.files import read_table, unique
from models.data.plain_folder import class_names
from models.evaluation.document import condensed_audit, make_document, read_audit
from models.evaluation.figures import positive_classes
from models.evaluation.landmarks import (
    NIPPLES,
    TABLE,
    Centres,
    centre_of,
    nipple_errors,
    nipple_figures,
    read_landmarks,
)
from models.evaluation.outcomes import Outcome, analyse_samples
from models.evaluation.report import PAGE_NAME, REPORT_NAME, draw_cases, worst_cases, write_report
from models.evaluation.selection import choose, state_split, trained_patients
from models.reports import check_folder, print_page, whole_folder
from models.statistics import ROUNDS
from service.messages import InputError
from service.pipeline import Pipeline
from service.reading import DETECTABLE_C
from service.regions import REGIONS
from service.result import Result

from .claims import judge_claims
from .pictures import Picture, check_patients, gate_figures, picture_of
from .repeats import find_repeats, judge_repeats

KIND, SCHEMA = 'thermoscreen-validation', 1

PDF_NAME, TEMPLATE = 'report.pdf', 'validation.html'

#: How the notes and cameras of simulated data begin.
_SIMULATED = 'simulated'


@dataclass(frozen=True)
class Request:
    """What is to be validated, and where the report goes.

    Attributes:
        bundle: bundle folder.
        out: folder of the report.
        where, limit, positive, unseen, resubstitution, rounds, seed, threads, force, command: as of
            `models.evaluation.request.Request`.
        diagnoses: table with the columns patient and class; None to take the classes that the data state.
        pathology: whether the classes are proven by pathology.
        landmarks: table of `models.evaluation.landmarks`; None for ``landmarks.csv`` in the data, where it is there.
        audit: ``audit.json`` of these patients; None to make one.
        repeats: how often the audit deals the patients into folds.
        days: between the first and the last of visits that repeat one another.
        looks: how often these pictures were evaluated elsewhere before.
    """

    bundle: Path
    out: Path
    where: Tuple[str, ...] = ()
    limit: Optional[int] = None
    positive: Tuple[str, ...] = ()
    unseen: bool = False
    resubstitution: bool = False
    diagnoses: Optional[Path] = None
    pathology: bool = False
    landmarks: Optional[Path] = None
    audit: Optional[Path] = None
    repeats: int = 2
    days: int = 30
    looks: int = 0
    rounds: int = ROUNDS
    seed: int = 0
    threads: int = 0
    force: bool = False
    command: str = ''


#: Shows things being worked through: a label -> a function from things to a context manager of the same things.
Progress = Callable[[str], Callable[[Iterable[Any]], ContextManager[Iterable[Any]]]]


def validate(request: Request, collection: Collection, data: Path,
             progress: Progress = lambda label: contextlib.nullcontext) -> Dict[str, Any]:
    """Validate a bundle on a clinic's data and write the report.

    Args:
        request: what to do.
        collection: the data.
        data: where they lie.
        progress: see `Progress`.

    Returns:
        The report's document; ``pdf`` says whether it was printed, too.

    Raises:
        InputError: data, names or folders that cannot be used, ``patient-two-ids`` among them; nothing is written.
        BundleError, StorageError: from opening the bundle and writing files.
    """
    check_folder(request.out, REPORT_NAME, request.force)
    if request.diagnoses:
        collection = with_diagnoses(collection, request.diagnoses)
    audit = read_audit(request.audit) if request.audit else None
    pipeline = Pipeline.from_folder(str(request.bundle), request.threads)
    manifest = pipeline.bundle.manifest
    left_out = trained_patients(manifest) if request.unseen else frozenset()
    collection, notes = choose(collection, request.where, left_out, request.limit)
    split = state_split(collection, manifest, request.resubstitution)
    classified = collection.classified()
    positive = (positive_classes(collection.classes, request.positive)
                if manifest.finding is not None and len({sample.klass for sample in classified}) > 1 else ())
    marks, others = _marks(request, data, collection)
    if others:
        notes.append('%d rows of the landmarks are of no picture here.' % others)
    models = Counter(sample.facts['model'] for sample in collection if sample.facts.get('model'))
    del models[manifest.sha256[:12]]
    if models:
        notes.append('%d pictures were judged by other bundles when they were taken (%d of these); here all are '
                     'judged by one.' % (sum(models.values()), len(models)))
    pictures: List[Picture] = []
    errors: List[Tuple[str, float]] = []

    def see(sample: Sample, result: Result) -> None:
        pictures.append(picture_of(sample, result))
        centres = marks.get(sample.key, {}) if marks is not None else _outlined(sample, collection, result)
        labels = None if result.refusals else result.labels
        errors.extend((sample.patient, error) for error in nipple_errors(labels, centres))

    with whole_folder(request.out, REPORT_NAME, request.force) as folder, pipeline:
        with progress('Analysing')(collection) as samples:
            run = analyse_samples(pipeline, samples, see, collection.regions == REGIONS)
        check_patients(pictures)
        no_audit = ''
        if positive and audit is None:
            audit, no_audit = _audit(request, collection.subset(picture.key for picture in pictures), pipeline,
                                     positive, progress)
        document = make_document(pipeline, collection, run, split, positive,
                                 {'sensitivity': 0.9, 'specificity': 0.9}, audit, notes, request.command,
                                 request.rounds, request.seed)
        document.update(kind=KIND, schema=SCHEMA)
        document.update(_measured(request, document, collection, pictures, run.outcomes, positive, manifest['metrics']))
        document['landmarks'] = dict(
            nipple_figures([error for _, error in errors], [patient for patient, _ in errors], request.rounds,
                           request.seed), source='outlines' if marks is None else 'boxes') if errors else None
        document['no_audit'] = no_audit
        document['claims'] = judge_claims(document)
        write_report(folder, document, draw_cases(pipeline, collection, worst_cases(run.outcomes, positive)), TEMPLATE)
        printed = print_page(folder / PAGE_NAME, folder / PDF_NAME)
    return dict(document, pdf=printed)


def _measured(request: Request, document: Dict[str, Any], collection: Collection, pictures: Sequence[Picture],
              outcomes: Sequence[Outcome], positive: Sequence[int], metrics: Dict[str, Any]) -> Dict[str, Any]:
    """What a validation says beyond an evaluation, but for its claims."""
    more: Dict[str, Any] = {
        'simulated': any(note.startswith(_SIMULATED) for note in collection.notes)
        or all(str(picture.facts.get('camera', '')).startswith(_SIMULATED) for picture in pictures),
        'corrected': sum(picture.facts.get('outlines') == 'hand' for picture in pictures),
        'reference_miou': metrics.get('miou'), 'pathology': request.pathology,
        'detectable_c': DETECTABLE_C,
        'gate': gate_figures(pictures, request.rounds, request.seed),
        'repeats': {kind: judge_repeats(repeats, request.rounds, request.seed)
                    for kind, repeats in find_repeats(pictures, request.days).items()},
        'looks': _looks(request, document, pictures),
        'no_finding': next((note for note in document['notes'] if 'finding' in note),
                           'The pictures of known class are of one class.'),
        'conditions': dict(document['conditions'], repeat_days=request.days)}
    if document['finding']:
        owners = [{outcome.patient for outcome in outcomes if outcome.klass is not None
                   and (outcome.klass in positive) == side} for side in (False, True)]
        more['finding'] = dict(document['finding'], fewest=min(map(len, owners)))
    return more


def with_diagnoses(collection: Collection, path: Path) -> Collection:
    """The same samples with the classes of a table: columns patient and class.

    Raises:
        InputError: ``patient-unknown``: none of its patients is here; or what is wrong with the table.
    """
    rows = unique(read_table(path, ('patient', 'class')), 'patient', path.name)
    if not set(rows) & set(collection.patients):
        raise InputError('patient-unknown', 'None of the %d patients of %s has a picture in %s.'
                         % (len(rows), path.name, collection.name), 'Write patients as the data have them.')
    classes = class_names(row['class'] for row in rows.values())
    samples = tuple(dataclasses.replace(sample, klass=classes.index(rows[sample.patient]['class'])
                                        if rows.get(sample.patient, {}).get('class') else None)
                    for sample in collection)
    return dataclasses.replace(collection, samples=samples, classes=classes)


def _marks(request: Request, data: Path, collection: Collection) -> Tuple[Optional[Dict[str, Centres]], int]:
    """Marked nipples by key, and how many rows are of no picture; None where nobody marked any."""
    path = request.landmarks or data / TABLE
    if request.landmarks is None and not path.is_file():
        return None, 0
    return read_landmarks(path, collection)


def _outlined(sample: Sample, collection: Collection, result: Result) -> Centres:
    """Nipples as the true labels have them."""
    truth = sample.labels(result.thermogram.pixels.shape) if collection.regions == REGIONS else None
    if truth is None:
        return {}
    found = {nipple: centre_of(truth == nipple) for nipple in NIPPLES}
    return {nipple: centre for nipple, centre in found.items() if centre is not None}


def _audit(request: Request, collection: Collection, pipeline: Pipeline, positive: Sequence[int], progress: Progress
           ) -> Tuple[Optional[Dict[str, Any]], str]:
    """Controls on the same patients; the reason, as a sentence, where these cannot be audited."""
    if len(positive) > 1:
        return None, 'No audit: it tells one class from the others, and several were named.'
    try:
        made = run_audit(collection, pipeline, Protocol(repeats=request.repeats), collection.classes[positive[0]],
                         progress=functools.partial(_shown, progress))
    except InputError as error:
        return None, 'No audit: %s' % error.message.text
    return condensed_audit(made, 'this report'), ''


def _shown(progress: Progress, things: Iterable[Any], label: str) -> Iterator[Any]:
    # A bar names the keys of samples, which the tables of an audit have not.
    with progress(label)(things) if isinstance(things, Collection) else contextlib.nullcontext(things) as shown:
        yield from shown


def _looks(request: Request, document: Dict[str, Any], pictures: Sequence[Picture]) -> Dict[str, Any]:
    """How often these very pictures were evaluated: those of the report that is replaced, and those stated.

    Every look at which somebody chooses, of bundles, thresholds or pictures, makes the next figure too good.
    """
    digest = hashlib.sha256(b''.join(sorted(picture.digest for picture in pictures))).hexdigest()
    earlier: List[Dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        looks = json.loads((request.out / REPORT_NAME).read_text(encoding='utf-8'))['looks']
        if looks['pictures_sha256'] == digest:
            earlier = [{name: str(look[name]) for name in ('created', 'bundle', 'sha256')} for look in looks['here']]
    bundle = document['conditions']['bundle']
    here = earlier + [{'created': document['conditions']['created'],
                       'bundle': '%s %s' % (bundle['id'], bundle['version']), 'sha256': bundle['hash']}]
    return {'n': request.looks + len(here), 'elsewhere': request.looks, 'here': here, 'pictures_sha256': digest}
