"""Label Studio: its own JSON with BrushLabels, as of version 1.23.

Pictures travel inside the file, so that one import is enough and no name can clash. Masks are sent as predictions: a
labeller accepts or edits them, and one that nobody touched comes back as a prediction, which is never read as work.
"""
import base64
import json
import math
from typing import Any, Dict, List, Mapping, Sequence, Tuple
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

from service.messages import InputError
from service.regions import REGIONS

from .masks import decode_brush, encode_brush
from .record import Sent, region_colours
from .shapes import Answer, HeldError, Shape, check_size, text_of

TASKS, CONFIG = 'tasks.json', 'config.xml'
_CONTROL, _OBJECT = 'region', 'image'
#: What a result may be besides a shape.
_NO_SHAPES = ('relation', 'choices', 'textarea', 'rating')
_MAX_POINTS = 100000


def write_files(sent: Sequence[Sent]) -> Dict[str, bytes]:
    """The file to import, and the labelling interface to paste."""
    return {TASKS: json.dumps([_task(one) for one in sent], allow_nan=False).encode('ascii'),
            CONFIG: label_config().encode('ascii')}


def label_config() -> str:
    """The labelling interface: a brush for each of the seven regions."""
    labels = ''.join('\n    <Label value=%s background=%s category="%d"/>'
                     % (quoteattr(name), quoteattr(colour), REGIONS.index(name))
                     for name, colour in region_colours().items())
    return ('<View>\n  <Image name="%s" value="$image" zoom="true" zoomControl="true"/>\n'
            '  <BrushLabels name="%s" toName="%s">%s\n  </BrushLabels>\n</View>\n'
            % (_OBJECT, _CONTROL, _OBJECT, labels))


def _task(one: Sent) -> Dict[str, Any]:
    frame = one.frame
    picture = 'data:image/png;base64,' + base64.b64encode(one.picture).decode('ascii')
    task: Dict[str, Any] = {'data': {'image': picture, 'frame': frame.name, 'width': frame.width,
                                     'height': frame.height}}
    if one.labels is not None:
        task['predictions'] = [{'model_version': 'sent from ' + frame.begun_from, 'result': results_of(one.labels)}]
    return task


def results_of(labels: np.ndarray) -> List[Dict[str, Any]]:
    """A label map as brush shapes; a region that is absent has none."""
    height, width = labels.shape
    return [{'id': name, 'type': 'brushlabels', 'from_name': _CONTROL, 'to_name': _OBJECT, 'original_width': width,
             'original_height': height, 'image_rotation': 0,
             'value': {'format': 'rle', 'rle': encode_brush(labels == region), 'brushlabels': [name]}}
            for region, name in enumerate(REGIONS) if region and (labels == region).any()]


# -- back


def read_tasks(tasks: List[Any], name: str) -> Tuple[str, Tuple[Answer, ...]]:
    """The tool and the frames of its export.

    Raises:
        InputError: ``labels-format`` for another list than that of the export "JSON".
    """
    if not tasks or not all(isinstance(task, dict) and isinstance(task.get('data'), dict)
                            and isinstance(task.get('annotations'), list) for task in tasks):
        raise InputError('labels-format', '%s is not the export "JSON" of Label Studio.' % name,
                         'Choose JSON in the export, not JSON-MIN or another one.')
    return 'Label Studio JSON', tuple(map(_answer, tasks))


def _answer(task):
    name = text_of(task['data'].get('frame'))
    finished = [entry for entry in task['annotations'] if isinstance(entry, dict) and not entry.get('was_cancelled')]
    if not finished:
        return Answer(name, None, 'it was skipped' if task['annotations'] else 'nobody labelled it')
    if len(finished) > 1:
        def undecided(height: int, width: int) -> Sequence[Shape]:
            raise HeldError('labels-two', 'It has %d finished annotations.' % len(finished),
                            'Delete all but one in Label Studio, and export again.')
        return Answer(name, undecided, proves_work=True)
    annotation = finished[0]
    by = annotation.get('completed_by')
    by = (by.get('email') or by.get('id')) if isinstance(by, dict) else by
    return Answer(name, lambda height, width: _shapes(annotation.get('result'), height, width), '', text_of(by),
                  text_of(annotation.get('updated_at')), proves_work=True)


def _shapes(results, height, width):
    if not isinstance(results, list) or not all(isinstance(entry, dict) for entry in results):
        raise InputError('labels-damaged', 'Its annotation is no list of shapes.', 'Export it again.')
    return [_shape(entry, height, width) for entry in results if entry.get('type') not in _NO_SHAPES]


def _shape(entry: Mapping[str, Any], height: int, width: int) -> Shape:
    kind, value = entry.get('type'), entry.get('value')
    if kind not in ('brushlabels', 'polygonlabels') or not isinstance(value, dict):
        raise InputError('labels-shape', 'It has a shape of the kind %.40s.' % kind, 'Draw it with the brush.')
    check_size((entry.get('original_width'), entry.get('original_height')), height, width)
    if entry.get('image_rotation', 0) != 0:
        raise InputError('labels-rotated', 'It was rotated by %.20s degrees in the tool.' % entry['image_rotation'],
                         'Turn it back, and export again.')
    names = value.get(kind)
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise InputError('labels-names', 'It has a shape that carries %s.'
                         % (' and '.join(map(str, names))[:80] if isinstance(names, list) and names else 'no region'),
                         'Give every shape one region, and export again.')
    if kind == 'brushlabels':
        return Shape(names[0], decode_brush(value.get('rle'), height, width))
    return Shape(names[0], _filled(value.get('points'), height, width), is_polygon=True)


def _filled(points, height, width):
    """The inside of a polygon, whose corners are percent of width and height, by OpenCV on whole pixels."""
    if not isinstance(points, list) or not 3 <= len(points) <= _MAX_POINTS or not all(map(_is_point, points)):
        raise InputError('labels-polygon', 'It has a polygon whose corners cannot be read.', 'Draw it with the brush.')
    corners = np.rint(np.array(points) * (width / 100, height / 100)).astype(np.int32)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    return mask > 0


def _is_point(point):
    return (isinstance(point, list) and len(point) == 2
            and all(type(value) in (int, float) and math.isfinite(value) and -5 <= value <= 105 for value in point))
