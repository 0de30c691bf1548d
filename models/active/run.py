"""A queue: the frames of a clinic whose labels would teach the most, with a reason and a picture for each."""
import contextlib
import csv
import dataclasses
import hashlib
import io
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterable, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

from service.bundle import Bundle
from service.decode import tidy
from service.durable import write_synced
from service.messages import InputError
from service.overlay import draw_contact_sheet, draw_explanation
from service.pipeline import Pipeline
from service.record import encode_png
from service.regions import BACKGROUND, REGIONS
from service.thermogram import Thermogram, utc_now

from ..calibrating.frames import prepare
from ..data import Collection, Sample, layout_of, open_data
from ..evaluation.formatting import region_name
from ..reports import check_folder, to_json, whole_folder
from .answers import Ask, Look, asking, look
from .descriptors import describe
from .ranking import FAR, Choice, Groups, rank, shares_below

QUEUE, TABLE = 'queue.json', 'queue.csv'
FORMAT, VERSION = 'thermoscreen queue', 1

#: A frame stands out in what only so many of the pool exceed.
_OUT = 0.9
#: A region that so many of the pool have is missed in a frame without it.
_USUAL = 0.8
#: Overlays on one sheet.
_CELLS = 40

_COLUMNS = ('rank', 'key', 'patient', 'score', 'uncertainty', 'distance', 'reasons', 'overlay', 'labels', 'path')

#: Shows samples being worked through, as `models.progress.bar` makes it.
Progress = Callable[[Collection], ContextManager[Iterable[Sample]]]


class Source(NamedTuple):
    """A path as it was given, and how it is opened again: ``open_data(path, layout)``."""

    path: str
    layout: str
    collection: Collection


class Frame(NamedTuple):
    """A frame that may be queued.

    Attributes:
        source: number of its path.
        seen: what the network makes of it, but for the maps.
        groups: its descriptors.
    """

    source: int
    sample: Sample
    seen: Look
    groups: Groups


@dataclasses.dataclass
class Pool:
    """What became of every frame.

    Attributes:
        free: without labels.
        labelled: descriptors and patient of those with labels.
        refused: frames that the quality checks refuse before the network sees them.
        doubles: frames whose values are those of another.
        failures: ``key`` and the message of those that cannot be read, as JSON.
    """

    free: List[Frame] = dataclasses.field(default_factory=list)
    labelled: List[Tuple[Groups, str]] = dataclasses.field(default_factory=list)
    refused: int = 0
    doubles: int = 0
    failures: List[Dict[str, Any]] = dataclasses.field(default_factory=list)


def open_sources(paths: Sequence[str]) -> List[Source]:
    """What paths stand for: folders in a layout, exams of a station, loose files.

    Raises:
        InputError: ``queue-regions`` for data with other regions, or as `open_data`.
    """
    sources = []
    for path in dict.fromkeys(paths):
        layout = layout_of(path)
        collection = open_data(path, layout)
        if collection.regions != REGIONS:
            raise InputError('queue-regions', '%s holds pictures of %s, which have no regions of a thermogram.'
                             % (path, collection.name), 'Name thermograms of the breasts.')
        absolute = path if layout is None else str(Path(path).resolve())
        sources.append(Source(absolute, layout or '', collection))
    return sources


def queue(pipeline: Pipeline, sources: Sequence[Source], out: Path, count: int = 20, force: bool = False,
          command: str = '', progress: Progress = contextlib.nullcontext, threads: int = 1,
          way: str = FAR) -> Dict[str, Any]:
    """Rank the frames without labels, and write the list with an overlay and the model's labels of each.

    Args:
        pipeline: started; its network is asked.
        sources: where the frames are. Those with labels are what the others are compared with.
        out: receives ``queue.json``, ``queue.csv``, ``overlays/``, ``labels/`` and contact sheets.
        count: length of the queue, at most.
        force: replace `out` whatever it holds.
        command: as the user typed it.
        progress: over the frames.
        threads: of the network.
        way: what decides, of `ranking.WAYS`.

    Returns:
        The document of ``queue.json``.

    Raises:
        InputError: ``queue-empty``: there is no frame to label; ``out-not-empty``, ``out-is-file``; what is wrong with
            the bundle.
        StorageError: nothing is written.
    """
    check_folder(out, QUEUE, force)
    ask = asking(pipeline.bundle.model, threads)
    pool = gather(ask, pipeline.bundle, sources, progress)
    if not pool.free:
        raise _empty(pool)
    choices = rank([frame.groups for frame in pool.free], np.array([frame.seen.total for frame in pool.free]),
                   [frame.sample.patient for frame in pool.free], [groups for groups, _ in pool.labelled],
                   [patient for _, patient in pool.labelled], count, way)
    told = reasons(pool, choices)
    document = {
        'format': FORMAT, 'version': VERSION, 'created': utc_now(), 'command': command,
        'bundle': pipeline.bundle.manifest.identity,
        'data': [{'path': source.path, 'layout': source.layout or None, 'options': {}} for source in sources],
        'frames_without_labels': len(pool.free), 'frames_with_labels': len(pool.labelled), 'refused': pool.refused,
        'doubles': pool.doubles, 'failures': pool.failures,
    }
    with whole_folder(out, QUEUE, force) as folder:
        document['frames'] = _write(folder, pipeline, ask, pool, choices, told)
        write_synced(str(folder / TABLE), _table(document, sources))
        write_synced(str(folder / QUEUE), to_json(document).encode('utf-8'))
    return document


def gather(ask: Ask, bundle: Bundle, sources: Sequence[Source], progress: Progress = contextlib.nullcontext) -> Pool:
    """Ask the network about every frame once; pictures and maps are not kept."""
    pool, known = Pool(), set()
    for number, source in enumerate(sources):
        with progress(source.collection) as samples:
            for sample in samples:
                try:
                    thermogram, prepared = prepare(sample, bundle.chain)
                except InputError as error:
                    pool.failures.append(dict(error.message.to_dict(), key=sample.key))
                    continue
                digest = hashlib.sha256(thermogram.pixels.tobytes()).digest()
                if digest in known:
                    pool.doubles += 1
                elif prepared is None:
                    pool.refused += 1
                else:
                    seen = look(ask, prepared.tensor)
                    groups = describe(thermogram, seen, prepared.fit)
                    if sample.labelled:
                        pool.labelled.append((groups, sample.patient))
                    else:
                        small = seen._replace(unsure=np.zeros((0, 0), np.float32), labels=np.zeros((0, 0), np.uint8))
                        pool.free.append(Frame(number, sample, small, groups))
                known.add(digest)
    return pool


def reasons(pool: Pool, choices: Sequence[Choice]) -> List[List[str]]:
    """Why each frame is in the queue, most important first; at least one sentence each."""
    by_region = np.array([frame.seen.by_region for frame in pool.free])
    present = np.isfinite(by_region)
    usual = present.mean(0) >= _USUAL
    # Ranks within a region, since the network is less sure of small ones everywhere.
    above = np.full(by_region.shape, -1.0)
    for region in range(len(REGIONS)):
        if region != BACKGROUND and present[:, region].any():
            above[present[:, region], region] = shares_below(by_region[present[:, region], region])
    unsure = shares_below(np.array([frame.seen.total for frame in pool.free]))
    told = []
    for choice in choices:
        lines = []
        respect = '%s (distance %.1f)' % (choice.group, choice.distance)
        if choice.stands_for is not None:
            lines.append('stands for %d like it' % choice.stands_for if choice.stands_for else 'like no other frame')
        elif choice.distance >= 1:
            lines.append('odd: ' + respect)
        lines += ['no %s found' % region_name(name)
                  for name, missed in zip(REGIONS, usual & ~present[choice.place]) if missed]
        worst = int(above[choice.place].argmax())
        if above[choice.place, worst] >= _OUT:
            lines.append('network unsure at the %s' % region_name(REGIONS[worst]))
        elif unsure[choice.place] >= _OUT:
            lines.append('network unsure of all regions')
        told.append(lines or ['unlike those before it: ' + respect])
    return told


def _write(folder: Path, pipeline: Pipeline, ask: Ask, pool: Pool, choices: Sequence[Choice],
           told: Sequence[List[str]]) -> List[Dict[str, Any]]:
    """Write overlays, labels and sheets; the rows of the queue."""
    for name in ('overlays', 'labels'):
        (folder / name).mkdir()
    rows, cells = [], []
    for number, (choice, lines) in enumerate(zip(choices, told), 1):
        frame = pool.free[choice.place]
        thermogram, prepared = prepare(frame.sample, pipeline.bundle.chain)
        assert prepared is not None, 'refused frames are in no pool'
        seen = look(ask, prepared.tensor)
        labels = prepared.fit.enlarge(tidy(prepared.fit.cut(seen.labels))[0])
        name = '%03d-%s.png' % (number, frame.sample.key)
        overlay = _overlay(pipeline, thermogram, labels, prepared.fit.enlarge(prepared.fit.cut(seen.unsure)))
        write_synced(str(folder / 'overlays' / name), encode_png(overlay))
        write_synced(str(folder / 'labels' / name), encode_png(labels))
        rows.append({'rank': number, 'key': frame.sample.key, 'data': frame.source, 'patient': frame.sample.patient,
                     'width': thermogram.width, 'height': thermogram.height, 'score': round(choice.score, 4),
                     'uncertainty': round(frame.seen.total, 4), 'distance': round(choice.distance, 4),
                     'reasons': lines, 'overlay': 'overlays/' + name, 'labels': 'labels/' + name})
        cells.append((overlay, '%d  %s' % (number, frame.sample.key), '; '.join(lines)))
    for first in range(0, len(cells), _CELLS):
        write_synced(str(folder / ('sheet-%d.png' % (first // _CELLS + 1))),
                     encode_png(draw_contact_sheet(cells[first:first + _CELLS])))
    return rows


def _overlay(pipeline: Pipeline, thermogram: Thermogram, labels: np.ndarray, unsure: np.ndarray) -> np.ndarray:
    """The outlines of the labels, and where the network is unsure of them: uint8 HxWx3, BGR."""
    result = dataclasses.replace(pipeline.analyse(thermogram), labels=labels)
    return draw_explanation(result, cv2.GaussianBlur(unsure, (0, 0), 2))


def _table(document: Dict[str, Any], sources: Sequence[Source]) -> bytes:
    stream = io.StringIO()
    rows = csv.DictWriter(stream, _COLUMNS, lineterminator='\n', extrasaction='ignore')
    rows.writeheader()
    for frame in document['frames']:
        rows.writerow(dict(frame, reasons='; '.join(frame['reasons']), path=sources[frame['data']].path))
    return stream.getvalue().encode('utf-8')


def _empty(pool: Pool) -> InputError:
    counts = (('with labels', len(pool.labelled)), ('refused by the quality checks', pool.refused),
              ('unreadable', len(pool.failures)))
    found = ', '.join('%d %s' % (count, what) for what, count in counts if count)
    return InputError('queue-empty', 'There is no frame to label: %s.' % (found or 'none was found'),
                      'Name exams or thermograms without labels.')
