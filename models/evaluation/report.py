"""The report as one HTML file with the worst cases, and its folder."""
import base64
import dataclasses
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import cv2
import jinja2
import numpy as np

from models.data import Collection, Sample
from models.reports import to_json
from service.durable import atomic_write, storage_error
from service.overlay import draw_overlay
from service.pipeline import Pipeline
from service.record import encode_png
from service.regions import REGIONS
from service.result import Result

from .figures import with_class
from .formatting import NO_CONTROLS, averaging_rows, figure, region_name
from .outcomes import Outcome
from .overlap import iou
from .plots import draw_plots

REPORT_NAME = 'report.json'
PAGE_NAME = 'report.html'
LABELS_NAME = 'labels'

#: Worst cases that are shown: as many as fit on a few screens.
_WORST = 10

_JPEG_QUALITY = 88


def label_writer(folder: Path) -> Callable[[Sample, Result], None]:
    """Keeps the labels of results as ``KEY.png``, region ids, for tools that score folders of labels.

    Returns:
        What `analyse_samples` shows its results to.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def keep(sample: Sample, result: Result) -> None:
        if result.refusals or result.labels is None:
            return
        path = folder / (sample.key + '.png')
        try:
            path.write_bytes(encode_png(result.labels))
        except OSError as error:
            raise storage_error(error, path)

    return keep


def write_report(folder: Path, document: Dict[str, Any], cases: Sequence[Dict[str, Any]] = (),
                 template: str = PAGE_NAME) -> None:
    """Write ``report.html`` and, last, ``report.json`` into a folder that exists.

    Args:
        folder: where to.
        document, cases, template: as for `render_page`.
    Raises:
        StorageError: the disk.
    """
    atomic_write(folder / PAGE_NAME, render_page(document, cases, template).encode('utf-8'))
    atomic_write(folder / REPORT_NAME, to_json(document).encode('utf-8'))


def render_page(document: Dict[str, Any], cases: Sequence[Dict[str, Any]] = (), template: str = PAGE_NAME) -> str:
    """The page of a document: HTML with style, plots and pictures inside, which loads nothing else.

    Args:
        document: as `make_document` returns it, and whatever else the template shows.
        cases: as `draw_cases` returns them.
        template: in the folder of templates.
    """
    loader = jinja2.PackageLoader(__package__)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.ChainableUndefined)
    environment.filters.update(averaging_rows=averaging_rows, figure=figure, region_name=region_name)
    css, _, _ = loader.get_source(environment, 'report.css')
    plots = {name: 'data:image/svg+xml;base64,' + base64.b64encode(svg.encode()).decode()
             for name, svg in draw_plots(document).items()}
    return environment.get_template(template).render(
        document, cases=cases, plots=plots, css=css, no_controls=NO_CONTROLS).lstrip()


def worst_cases(outcomes: Sequence[Outcome], positive: Sequence[int] = (),
                count: int = _WORST) -> List[Tuple[str, str]]:
    """Frames that came out worst: by mean IoU where there are labels, else by how wrong the finding is.

    Args:
        outcomes: of any samples.
        positive: classes that the finding ought to call.
        count: how many.
    Returns:
        Pairs of key and a sentence on what is wrong, worst first.
    """
    labelled = sorted(((outcome.overlap.miou, place) for place, outcome in enumerate(outcomes)
                       if outcome.overlap is not None))
    if labelled:
        return [(outcomes[place].key, _overlap_sentence(outcomes[place])) for _, place in labelled[:count]]
    answered, truth = with_class([outcome for outcome in outcomes if outcome.probability is not None], positive)
    probabilities = [outcome.probability or 0.0 for outcome in answered]
    wrong = sorted(range(len(answered)), key=lambda place: -abs(truth[place] - probabilities[place]))
    return [(answered[place].key, 'The finding is %.3f where it should be %s.'
             % (probabilities[place], 'high' if truth[place] else 'low')) for place in wrong[:count]]


def draw_cases(pipeline: Pipeline, collection: Collection, cases: Sequence[Tuple[str, str]]) -> List[Dict[str, Any]]:
    """Pictures of cases: what the device shows, and the same frame with the true contours.

    Args:
        pipeline: started. The frames are analysed once more, so that a run over thousands need not keep them all.
        collection: with the samples.
        cases: as `worst_cases` returns them.
    Returns:
        Dicts of ``key``, ``sentence``, ``shown`` and ``true`` (JPEG as data URIs; ``true`` is None without labels).
    """
    samples = {sample.key: sample for sample in collection}
    drawn = []
    for key, sentence in cases:
        thermogram = samples[key].thermogram()
        result = pipeline.analyse(thermogram)
        truth = samples[key].labels(thermogram.pixels.shape) if collection.regions == REGIONS else None
        true = None
        if truth is not None:
            true = _data_uri(draw_overlay(dataclasses.replace(result, labels=truth, spots=(), checks=())))
        drawn.append({'key': key, 'sentence': sentence, 'shown': _data_uri(draw_overlay(result)), 'true': true})
    return drawn


def _overlap_sentence(outcome: Outcome) -> str:
    if outcome.overlap is None or not outcome.answered:
        return 'No result: %s' % outcome.refusals[0].sentence
    values = iou(outcome.overlap.pairs)
    lowest = np.argsort(np.where(np.isfinite(values), values, 2))[:2]
    return 'mIoU %.3f; worst: %s.' % (outcome.overlap.miou, ', '.join(
        '%s %.2f' % (region_name(REGIONS[region]), values[region]) for region in lowest))


def _data_uri(picture: np.ndarray) -> str:
    data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return 'data:image/jpeg;base64,' + base64.b64encode(data).decode('ascii')
