"""What was sent to a labelling tool, and the record of it that stays at home.

A folder of `send` has two halves. ``upload/`` goes to the tool: pictures under opaque names, and the outlines to begin
with. ``home/`` stays: whose picture each name is, the thermogram, and the label map that was sent. Only with it can
labels come back: names that are not in the record are refused.
"""
import contextlib
import dataclasses
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import cv2
import numpy as np

from models.data import Collection, Sample, open_data
from models.data.exams import COUNTING, MODEL, is_exams
from models.data.files import AnyPath, read_label_image
from service.capture_file import pack_capture
from service.durable import encode_json, write_synced
from service.exams.exchange import new_folder
from service.messages import InputError, ThermoscreenError
from service.pipeline import Pipeline
from service.radiometry import Raw
from service.readers.files import read_bytes, shown_name
from service.record import encode_png
from service.regions import REGIONS
from service.thermogram import utc_now
from service.views import FRONTAL_VIEWS

FORMAT, VERSION = 'thermoscreen labelling record', 1
UPLOAD, HOME, MANIFEST = 'upload', 'home', 'manifest.json'
QUEUE_FORMAT = 'thermoscreen queue'

#: Degrees Celsius that are black and white in the pictures: skin and its surroundings in a room fit for an exam.
WINDOW_C = (24.0, 38.0)

#: Colours of the regions in the tools, in the order of `service.regions.REGIONS` without background.
COLOURS = ('#ff5050', '#5080ff', '#c00000', '#0030c0', '#ffc040', '#40c0ff', '#60c060')

#: The number of the frontal view in DMR-IR.
_DMR_FRONTAL = '1'
#: Where the outlines to begin with are from, besides `MODEL`; exams say whether a person corrected theirs ('hand').
DATA, NONE = 'data', 'none'

_MAX_MANIFEST_BYTES = 64 << 20
_MAX_FILE_BYTES = 64 << 20
_FROM_HOME = 'Take the folder as `thermoscreen labels export` wrote it.'


@dataclass(frozen=True)
class Frame:
    """One picture that was sent.

    Attributes:
        name: of the picture in the tool, ``f-`` and twelve random digits; it says nothing about the patient. CVAT takes
            a name of digits alone for the number of a frame, so that there is a letter.
        key: of the `Sample`.
        patient: whose it is.
        klass: name of the class; empty where unknown.
        view: word or number of the view, as the data says it; empty where it does not.
        width, height: in pixels.
        window: values that are black and white.
        begun_from: `DATA`, `MODEL`, `NONE` or ``'hand'``.
        picture_sha256: of the picture.
        sent_sha256: of the label map as sent; empty where there was none.
    """

    name: str
    key: str
    patient: str
    klass: str
    view: str
    width: int
    height: int
    window: Tuple[float, float]
    begun_from: str
    picture_sha256: str
    sent_sha256: str

    @property
    def is_frontal(self) -> bool:
        """Whether sides can be told by geometry; a view that nobody stated counts as frontal."""
        return self.view in ('', _DMR_FRONTAL) + FRONTAL_VIEWS


@dataclass(frozen=True, eq=False)
class Sent:
    """A frame on its way to a tool: its picture as PNG, and the label map to begin with (uint8 HxW, or None)."""

    frame: Frame
    picture: bytes
    labels: Optional[np.ndarray]


#: Files of a tool by name, from what is sent.
Writer = Callable[[Sequence[Sent]], Mapping[str, bytes]]


@dataclass(frozen=True)
class Record:
    """The half of a folder of `send` that stayed at home.

    Attributes:
        folder: the folder of both halves.
        tool: name of the tool that it was made for.
        frames: by name.
    """

    folder: Path
    tool: str
    frames: Dict[str, Frame]

    def capture(self, frame: Frame) -> bytes:
        """The thermogram of a frame, as a capture file."""
        return read_bytes(self.folder / HOME / (frame.name[:-4] + '.tscap'), _MAX_FILE_BYTES)

    def labels(self, frame: Frame) -> Optional[np.ndarray]:
        """The label map that was sent: uint8 HxW; None where there was none.

        Raises:
            InputError: ``record-changed``.
        """
        if not frame.sent_sha256:
            return None
        data = read_bytes(self.folder / HOME / frame.name, _MAX_FILE_BYTES)
        if hashlib.sha256(data).hexdigest() != frame.sent_sha256:
            raise InputError('record-changed', 'The labels of %s in %s are not those that were sent.'
                             % (frame.name, self.folder), _FROM_HOME)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def read_record(folder: AnyPath) -> Record:
    """The record in a folder of `send`.

    Raises:
        InputError: ``record-missing`` or ``record-damaged``.
    """
    folder = Path(folder)
    try:
        document = json.loads(read_bytes(folder / HOME / MANIFEST, _MAX_MANIFEST_BYTES).decode('utf-8'))
        if (document['format'], document['version']) != (FORMAT, VERSION):
            raise ValueError('format')
        frames = [Frame(**dict(entry, window=tuple(entry['window']))) for entry in document['frames']]
        return Record(folder, str(document['tool']), {frame.name: frame for frame in frames})
    except InputError as error:
        raise InputError('record-missing', '%s holds no record of what was sent (%s/%s).'
                         % (shown_name(folder), HOME, MANIFEST), _FROM_HOME, detail=str(error))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError('record-damaged', 'The record in %s cannot be read.' % shown_name(folder), _FROM_HOME,
                         detail=repr(error))


# -- which frames


@dataclass(frozen=True, eq=False)
class Wanted:
    """Frames to label, and files with label maps of some of them, by key: those of the model that chose them."""

    collection: Collection
    drawn: Mapping[str, Path] = field(default_factory=dict)


def frames_to_label(source: AnyPath, layout: Optional[str] = None, top: Optional[int] = None) -> Wanted:
    """The frames of a folder of thermograms or exams, or of a list of ``thermoscreen queue``.

    Exams give the outlines that count, also those of a model: they are where labelling begins.

    Args:
        source: the folder, ``phantoms:SEED:COUNT``, or the list, a JSON file.
        layout: as for `open_data`.
        top: at most so many, the first ones; None for all.

    Raises:
        InputError: ``queue-unreadable``, ``queue-empty``, or as `open_data` and `Collection.subset`.
    """
    path = Path(source)
    wanted = _queued(path) if path.suffix == '.json' else Wanted(_opened(str(source), layout))
    return dataclasses.replace(wanted, collection=wanted.collection[:top]) if top else wanted


def _opened(path, layout=None):
    if layout == 'exams' or (layout is None and is_exams(Path(path))):
        return open_data(path, 'exams', outlines=COUNTING)
    return open_data(path, layout)


def _queued(path):
    try:
        document = json.loads(read_bytes(path, _MAX_MANIFEST_BYTES).decode('utf-8'))
        if document['format'] != QUEUE_FORMAT:
            raise ValueError('format')
        wanted = [(int(entry.get('data', 0)), str(entry['key'])) for entry in document['frames']]
        drawn = {str(entry['key']): path.parent / str(entry['labels']) for entry in document['frames']
                 if entry.get('labels')}
        opened = [_opened(str(entry['path']), entry.get('layout')) for entry in document['data']]
        samples = [opened[place].subset([key]).samples[0] for place, key in wanted]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError('queue-unreadable', '%s is no list of `thermoscreen queue`.' % shown_name(path),
                         'Make it again.', detail=repr(error))
    if not samples:
        raise InputError('queue-empty', '%s lists no frame.' % shown_name(path), 'Make it again with other exams.')
    return Wanted(Collection(path.stem, tuple(samples), opened[0].classes, opened[0].regions), drawn)


# -- sending


def send(wanted: Wanted, out: AnyPath, tool: str, write: Writer, bundle: Optional[AnyPath] = None,
         window_c: Tuple[float, float] = WINDOW_C,
         progress: Callable[[Iterable[Sample]], ContextManager[Iterable[Sample]]] = contextlib.nullcontext,
         ) -> Record:
    """Write the files for a tool, and the record that stays at home, into a new folder.

    Args:
        wanted: the frames; labels that they have are where labelling begins, or else those of the model that chose
            them.
        out: the new folder; it is there whole or not at all.
        tool: name of the tool.
        write: makes its files.
        bundle: draws outlines of the frames that have none.
        window_c: degrees Celsius that are black and white; a picture without temperatures uses its own range.
        progress: shows the frames being worked through.

    Raises:
        InputError: ``labels-regions`` for other regions than the seven, ``window``, ``export-exists``, or what is wrong
            with a frame; nothing is written.
        BundleError, BackendError, StorageError: as usual.
    """
    collection = wanted.collection
    if collection.regions != REGIONS:
        raise InputError('labels-regions', '%s has other regions than the seven of a breast thermogram.'
                         % collection.name, 'Name data with the regions %s.' % ', '.join(REGIONS[1:]))
    if not window_c[0] < window_c[1]:
        raise InputError('window', 'A window from %g to %g °C shows nothing.' % window_c, 'Write it as 24:38.')
    sent: List[Sent] = []
    with new_folder(str(out)) as folder, contextlib.ExitStack() as stack:
        home = Path(folder) / HOME
        home.mkdir(mode=0o700)
        pipeline = stack.enter_context(Pipeline.from_folder(str(bundle))) if bundle else None
        with progress(collection) as samples:
            for sample in samples:
                try:
                    thermogram = sample.thermogram()
                    one = _sent(sample, thermogram, wanted, pipeline, window_c)
                except ThermoscreenError as error:
                    raise InputError(error.code, '%s: %s' % (sample.key, error.message.sentence),
                                     error.message.next_step, detail=error.detail)
                sent.append(one)
                write_synced(str(home / (one.frame.name[:-4] + '.tscap')), pack_capture([Raw.of(thermogram)]))
                if one.labels is not None:
                    write_synced(str(home / one.frame.name), encode_png(one.labels))
        # In the order of their names, which is that of the frames in a tool.
        sent.sort(key=lambda one: one.frame.name)
        document = {'format': FORMAT, 'version': VERSION, 'tool': tool, 'written_at': utc_now(),
                    'frames': [asdict(one.frame) for one in sent]}
        write_synced(str(home / MANIFEST), encode_json(document))
        upload = Path(folder) / UPLOAD
        upload.mkdir()
        for name, data in write(sent).items():
            write_synced(str(upload / name), data)
    return read_record(out)


def _sent(sample, thermogram, wanted, pipeline, window_c):
    labels, begun_from = _begun(sample, thermogram, wanted.drawn.get(sample.key), pipeline)
    window, picture = _picture(thermogram, window_c)
    view = sample.facts.get('view')
    return Sent(Frame(
        'f-%s.png' % secrets.token_hex(6), sample.key, sample.patient,
        '' if sample.klass is None else wanted.collection.classes[sample.klass], '' if view is None else str(view),
        thermogram.width, thermogram.height, window, begun_from,
        hashlib.sha256(picture).hexdigest(),
        '' if labels is None else hashlib.sha256(encode_png(labels)).hexdigest()), picture, labels)


def _begun(sample, thermogram, drawn, pipeline):
    """Where labelling begins: a label map of the frame's size, or None, and where it is from."""
    shape = thermogram.pixels.shape
    labels = sample.labels(shape)
    if labels is not None:
        return labels, str(sample.facts.get('outlines') or DATA)
    if drawn is not None:
        labels = read_label_image(drawn, len(REGIONS))
        if labels.shape != shape:
            raise InputError('label-size', 'The labels in %s are %dx%d pixels and its picture is %dx%d.'
                             % (shown_name(drawn), *labels.shape[::-1], *shape[::-1]), 'Make the list again.')
        return labels, MODEL
    labels = pipeline.analyse(thermogram).labels if pipeline is not None else None
    return labels, NONE if labels is None else MODEL


def _picture(thermogram, window_c):
    """The window, and an 8-bit grey PNG on the thermogram's own grid, with nothing in it but the pixels."""
    pixels = thermogram.pixels
    low, high = window_c if thermogram.is_celsius else (float(pixels.min()), float(pixels.max()))
    grey = np.clip((pixels - low) * (255 / max(high - low, 1e-6)), 0, 255)
    return (low, high), encode_png(np.rint(grey).astype(np.uint8))


def region_colours() -> Dict[str, str]:
    """Colour of every region by name, background left out."""
    return dict(zip(REGIONS[1:], COLOURS))

