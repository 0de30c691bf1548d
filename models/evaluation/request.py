"""From a request to a report on disk."""
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, Iterable, List, Optional, Tuple

from models.data import Collection, Sample
from models.reports import check_folder, whole_folder
from models.statistics import ROUNDS
from service.bundle import Manifest
from service.messages import InputError
from service.pipeline import Pipeline
from service.regions import REGIONS

from .document import make_document, read_audit
from .figures import positive_classes
from .outcomes import analyse_samples
from .report import LABELS_NAME, REPORT_NAME, draw_cases, label_writer, worst_cases, write_report
from .selection import choose, state_split, trained_patients

if TYPE_CHECKING:
    from .averaging import Way


@dataclass(frozen=True)
class Request:
    """What is to be evaluated, and where the report goes.

    Attributes:
        bundle: bundle folder.
        out: folder of the report.
        others: bundles to average it with.
        flip: average with the answers to mirror images, too.
        where: ``'fact=value'`` of the frames to evaluate.
        limit: at most so many frames; None for all.
        positive: classes that the finding should call; empty for the second of two.
        sensitivity, specificity: to choose thresholds for.
        unseen: leave out the patients that the bundle lists as its training patients.
        resubstitution: judge them anyway.
        audit: ``audit.json`` whose controls stand beside the AUC.
        rounds, seed: of the bootstrap; the seed also draws the halves.
        threads: of one inference; 0 for every core.
        force: replace `out` whatever it holds.
        command: what the user typed.
    """

    bundle: Path
    out: Path
    others: Tuple[Path, ...] = ()
    flip: bool = False
    where: Tuple[str, ...] = ()
    limit: Optional[int] = None
    positive: Tuple[str, ...] = ()
    sensitivity: float = 0.9
    specificity: float = 0.9
    unseen: bool = False
    resubstitution: bool = False
    audit: Optional[Path] = None
    rounds: int = ROUNDS
    seed: int = 0
    threads: int = 0
    force: bool = False
    command: str = ''


def evaluate(request: Request, collection: Collection,
             progress: Callable[[Collection], ContextManager[Iterable[Sample]]] = contextlib.nullcontext,
             ) -> Dict[str, Any]:
    """Judge a bundle and write the report.

    Args:
        request: what to do.
        collection: the data.
        progress: makes a context manager of the samples that shows them being worked through.
    Returns:
        The report's document.
    Raises:
        InputError: data, names or folders that cannot be used; nothing is written.
        BundleError, StorageError: from opening the bundle and writing files.
    """
    check_folder(request.out, REPORT_NAME, request.force)
    audit = read_audit(request.audit) if request.audit else None
    pipeline = Pipeline.from_folder(str(request.bundle), request.threads)
    manifest = pipeline.bundle.manifest
    ways = _ways(request)
    others = [bundle.manifest for bundle in ways[-1].bundles] if ways else []  # the last way has all of them
    left_out = frozenset().union(*map(trained_patients, [manifest] + others)) if request.unseen else frozenset()
    collection, notes = choose(collection, request.where, left_out, request.limit)
    split = state_split(collection, manifest, request.resubstitution)
    for other in others:
        state_split(collection, other, request.resubstitution)
    positive = _positive(request, collection, manifest)
    with whole_folder(request.out, REPORT_NAME, request.force) as folder, pipeline:
        with progress(collection) as samples:
            run = analyse_samples(pipeline, samples, label_writer(folder / LABELS_NAME),
                                  collection.regions == REGIONS)
        targets = {'sensitivity': request.sensitivity, 'specificity': request.specificity}
        document = make_document(pipeline, collection, run, split, positive, targets, audit, notes, request.command,
                                 request.rounds, request.seed)
        if ways:
            from .averaging import average

            document['averaging'] = average(ways, collection, positive, request.rounds, request.seed, request.threads,
                                            progress)
        write_report(folder, document, draw_cases(pipeline, collection, worst_cases(run.outcomes, positive)))
    return document


def _ways(request: Request) -> 'List[Way]':
    """What is compared; empty without averaging."""
    if not (request.others or request.flip):
        return []
    # ONNX takes a second to import, and most evaluations have no use for it.
    from .averaging import ways_of

    return ways_of((request.bundle,) + request.others, request.flip)


def _positive(request: Request, collection: Collection, manifest: Manifest) -> Tuple[int, ...]:
    """Classes to call, empty where there is nothing to judge the finding by."""
    # Of one class alone it cannot be told how well the finding separates; its regions can be judged all the same.
    judged = manifest.finding is not None and len(collection.classes) > 1 and len(collection.classified())
    if not judged and not (len(collection.labelled()) and collection.regions == REGIONS):
        raise InputError('nothing-known', 'Of the %d frames of %s none has %s, so there is nothing to judge this '
                         'bundle by.' % (len(collection), collection.name,
                                         'region labels or a class' if manifest.finding else 'region labels'),
                         'Name data with labels or diagnoses.')
    return positive_classes(collection.classes, request.positive) if judged else ()
