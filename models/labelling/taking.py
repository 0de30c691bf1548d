"""Label maps that people made, from a tool or in signed exams, into a folder of labelled frames."""
import hashlib
from typing import Any, Dict, List, Sequence

from models.data import Sample, open_data
from models.data.exams import MODEL
from models.data.files import AnyPath
from service.capture_file import pack_capture
from service.messages import InputError
from service.radiometry import Raw
from service.record import encode_png
from service.thermogram import utc_now

from .judging import LABELLED, Outcome, changes
from .record import Record
from .returned import Returned
from .shapes import text_of
from .versions import Entry, add_versions

#: Tool of the outlines that are corrected at the bedside.
STATION = 'thermoscreen, outlines corrected by hand'


def keep_outcomes(outcomes: Sequence[Outcome], returned: Returned, record: Record, out: AnyPath, labeller: str = ''
                  ) -> Dict[str, int]:
    """Write the frames that were labelled into a folder of labelled frames.

    Args:
        outcomes: of `judge`.
        returned: the file that they are of.
        record: of what was sent.
        out: the folder, new or of an earlier import.
        labeller: where the file does not say who.

    Returns:
        The number of the version by key; empty, and nothing written, where no frame was labelled.

    Raises:
        InputError, StorageError: as `add_versions`.
    """
    entries = []
    for outcome in outcomes:
        frame, answer, labels = outcome.frame, outcome.answer, outcome.labels
        if outcome.state != LABELLED or frame is None or answer is None or labels is None:
            continue
        by = answer.labeller or text_of(labeller)
        facts = _facts(returned.tool, by, answer.labelled_at, outcome.changed, outcome.notes, picture=frame.name,
                       begun_from=frame.begun_from, file=returned.name, file_sha256=returned.sha256)
        entries.append(Entry(frame.key, frame.patient, frame.klass, record.capture(frame),
                             record.labels(frame), labels, facts))
    return add_versions(out, entries) if entries else {}


def keep_corrections(exams: AnyPath, out: AnyPath) -> Dict[str, int]:
    """Write the outlines that were corrected by hand in signed exams into a folder of labelled frames.

    Args:
        exams: an export, or a store that is not encrypted.
        out: the folder, new or of an earlier import.

    Returns:
        The number of the version by key.

    Raises:
        InputError: ``labels-none`` where nobody corrected anything, or as `open_data` and `add_versions`.
    """
    corrected = open_data(exams, 'exams').labelled()
    if not len(corrected):
        raise InputError('labels-none', 'In the signed exams of %s nobody corrected an outline.' % exams,
                         'Name other exams.')
    before = open_data(exams, 'exams', outlines=MODEL).subset(corrected.keys)
    return add_versions(out, [_entry(sample, model) for sample, model in zip(corrected, before)])


def _entry(sample: Sample, model: Sample) -> Entry:
    thermogram = sample.thermogram()
    shape = thermogram.pixels.shape
    labels, before = sample.labels(shape), model.labels(shape)
    assert labels is not None
    facts = _facts(STATION, sample.facts.get('labeller') or '', sample.facts.get('labelled_at') or '',
                   changes(before, labels), (), begun_from='model', exam=sample.facts['exam'],
                   capture=sample.facts['capture'], file_sha256=hashlib.sha256(encode_png(labels)).hexdigest())
    return Entry(sample.key, sample.patient, '', pack_capture([Raw.of(thermogram)]), before,
                 labels, facts)


def _facts(tool: str, labeller: str, labelled_at: str, changed: Dict[str, Any], notes: Sequence[str], **more: Any
           ) -> Dict[str, Any]:
    pixels: Dict[str, List[int]] = {name: list(pair) for name, pair in changed.items()}
    return dict(more, tool=tool, labeller=labeller, labelled_at=labelled_at, imported_at=utc_now(), changed_px=pixels,
                notes=list(notes))
