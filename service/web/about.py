"""The about pages: intended use, the model, its metrics, and the software."""
import platform
from typing import Any, Dict, List, Tuple

import cv2
import numpy
from flask import Blueprint, abort, render_template

from .. import __version__
from ..analysis import NO_FINDING
from ..selection import noteworthy
from .access import ANYONE, admits
from .services import services

blueprint = Blueprint('about', __name__, url_prefix='/about')

#: Parts of the page, in the order of their buttons: (address, label of the button).
PARTS = (('', 'Use'), ('model', 'Model'), ('metrics', 'Metrics'), ('software', 'Software'))


#: What the parts of a metric's name stand for.
_METRIC_WORDS = {
    'auc': 'area under the ROC curve', 'auc_ci95': 'area under the ROC curve, 95 % interval',
    'finding_auc_by_pattern': 'finding by pattern', 'interval': '95 % interval', 'iou': 'intersection over union',
    'mean_iou': 'mean intersection over union', 'miou': 'mean intersection over union', 'n': 'cases',
    'n_abnormal': 'abnormal cases', 'sensitivity_ci95': 'sensitivity, 95 % interval',
    'specificity_ci95': 'specificity, 95 % interval', 'views': 'view as labelled and as seen',
    'wall_s': 'duration in seconds',
}


@blueprint.route('', defaults={'part': ''})
@blueprint.route('/<part>')
@admits(ANYONE)
def page(part: str) -> str:
    """One of `PARTS`."""
    if part not in dict(PARTS):
        abort(404)
    manifest = services().pipeline.bundle.manifest
    return render_template('about.html', part=part, parts=PARTS, manifest=manifest.raw, sha256=manifest.sha256,
                           no_finding=NO_FINDING, metrics=_metrics(manifest['metrics']),
                           software=_software())


def flatten(document: Any, prefix: str = '') -> List[Tuple[str, str]]:
    """A nested document as (dotted name, text) pairs, in its own order."""
    pairs: List[Tuple[str, str]] = []
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        name = '%s.%s' % (prefix, key) if prefix else str(key)
        if isinstance(value, (dict, list)) and value:
            if isinstance(value, list) and not any(isinstance(entry, (dict, list)) for entry in value):
                interval = len(value) == 2 and not any(isinstance(entry, str) for entry in value)
                pairs.append((name, (' to ' if interval else ', ').join(map(_text, value))))
            else:
                pairs.extend(flatten(value, name))
        else:
            pairs.append((name, _text(value)))
    return pairs


def _metrics(metrics: Dict[str, Any]) -> List[Tuple[str, str]]:
    """Metrics in words; of the table of views only the cells that something is in."""
    return [(_in_words(name), text) for name, text in flatten(_without_names(metrics))
            if not (name.startswith('views.') and text == '0')]


def _in_words(name: str) -> str:
    words = ', '.join(_METRIC_WORDS.get(part, part.replace('_', ' ').replace('-', ' ')) for part in name.split('.'))
    return words[:1].upper() + words[1:]


def _without_names(metrics: Dict[str, Any]) -> Dict[str, Any]:
    """Metrics with the number of training patients in place of their names."""
    patients = metrics.get('training_patients')
    return dict(metrics, training_patients=len(patients)) if isinstance(patients, list) else metrics


def _text(value: Any) -> str:
    return '%.4g' % value if isinstance(value, float) else str(value)


def _software() -> List[Tuple[str, str]]:
    pairs = [('thermoscreen', __version__), ('Python', platform.python_version()), ('numpy', numpy.__version__),
             ('OpenCV', cv2.__version__)]
    pipeline = services().pipeline
    # What is merely absent, such as CUDA on a PC without a GPU, is left out.
    passed_over = noteworthy(pipeline.passed_over)
    backend = {key: value for key, value in pipeline.backend.items() if key != 'passed_over'}
    notes = backend.pop('notes', [])
    pairs += [('backend ' + key, _text(value)) for key, value in backend.items()]
    pairs += [('backend note', sentence) for sentence in notes]
    return pairs + [('passed over ' + message.subject, message.text) for message in passed_over]
