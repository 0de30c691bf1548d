"""From a request to a report on disk."""
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from service.durable import storage_error
from service.messages import InputError
from service.pipeline import Pipeline
from service.record import encode_png
from service.regions import REGIONS

from .audit_file import read_audit
from .choose import choose
from .document import make_document
from .judge import positive_classes
from .metrics import ROUNDS
from .report import LABELS_NAME, REPORT_NAME, check_folder, draw_cases, whole_folder, worst_cases, write_report
from .run import analyse_samples
from .statement import state_split, trained_patients


@dataclass(frozen=True)
class Request:
    """What is to be evaluated, and where the report goes.

    Attributes:
        bundle (Path): bundle folder.
        out (Path): folder of the report.
        where (tuple of str): ``'fact=value'`` of the frames to evaluate.
        limit (int): at most so many frames; None for all.
        positive (tuple of str): classes that the finding should call; empty for the second of two.
        sensitivity, specificity (float): to choose thresholds for.
        unseen (bool): leave out the patients that the bundle lists as its training patients.
        resubstitution (bool): judge them all the same.
        audit (Path): ``audit.json`` whose controls stand beside the AUC; None without one.
        rounds, seed (int): of the bootstrap; the seed also draws the halves.
        threads (int): of one inference; 0 for every core.
        force (bool): replace `out` whatever it holds.
        command (str): what the user typed.
    """

    bundle: Path
    out: Path
    where: tuple = ()
    limit: Optional[int] = None
    positive: tuple = ()
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


def evaluate(request, collection, progress=contextlib.nullcontext):
    """Judge a bundle and write the report.

    Args:
        request (Request): what to do.
        collection (Collection): the data.
        progress (callable): context manager of the samples as they are shown to be worked through.

    Returns:
        dict: the report's document.

    Raises:
        InputError: data, names or folders that cannot be used; nothing is written.
        BundleError, StorageError: as opening a bundle and writing files do.
    """
    check_folder(request.out, REPORT_NAME, request.force)
    audit = read_audit(request.audit) if request.audit else None
    pipeline = Pipeline.from_folder(str(request.bundle), request.threads)
    manifest = pipeline.bundle.manifest
    collection, notes = choose(collection, request.where, trained_patients(manifest) if request.unseen else (),
                               request.limit)
    split = state_split(collection, manifest, request.resubstitution)
    positive = _positive(request, collection, manifest)
    with whole_folder(request.out, REPORT_NAME, request.force) as folder, pipeline:
        with progress(collection) as samples:
            said = analyse_samples(pipeline, samples, _label_writer(folder / LABELS_NAME),
                                   collection.regions == REGIONS)
        targets = {'sensitivity': request.sensitivity, 'specificity': request.specificity}
        document = make_document(pipeline, collection, said, split, positive, targets, audit, notes, request.command,
                                 request.rounds, request.seed)
        cases = draw_cases(pipeline, collection, worst_cases(said.outcomes, positive))
        write_report(folder, document, cases)
    return document


def _positive(request, collection, manifest):
    """Classes to call, empty where there is nothing to judge the finding by; refuses data that says nothing."""
    judged = manifest.finding is not None and len(collection.classified())
    if not judged and not (len(collection.labelled()) and collection.regions == REGIONS):
        raise InputError('nothing-known', 'Of the %d frames of %s none has %s, so there is nothing to judge this '
                         'bundle by; name data with labels or diagnoses.'
                         % (len(collection), collection.name,
                            'region labels or a class' if manifest.finding else 'region labels'))
    return positive_classes(collection.classes, request.positive) if judged else ()


def _label_writer(folder):
    """Keeps predicted labels as ``KEY.png``, ids of the regions, for whatever scores folders of labels."""
    folder.mkdir()

    def keep(key, labels):
        path = folder / (key + '.png')
        try:
            path.write_bytes(encode_png(labels))
        except OSError as error:
            raise storage_error(error, path)

    return keep
