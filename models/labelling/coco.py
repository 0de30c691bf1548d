"""COCO instances with masks of runs, back from any tool: the name of a category decides, never its number."""
from typing import Any, Dict, List, Mapping, Tuple

from service.messages import InputError

from .masks import decode_coco
from .shapes import Answer, Shape, check_size, text_of

TOOL = 'COCO instances'


def read_document(document: Mapping[str, Any], name: str) -> Tuple[str, Tuple[Answer, ...]]:
    """The tool and the frames of a COCO file.

    Raises:
        InputError: ``labels-damaged``: it contradicts itself.
    """
    images, categories, annotations = (_entries(document, key, name) for key in ('images', 'categories', 'annotations'))
    by_image: Dict[int, List[Mapping[str, Any]]] = {_number(entry, 'id', name): [] for entry in images}
    names = {_number(entry, 'id', name): text_of(entry.get('name')) for entry in categories}
    if len(by_image) < len(images) or len(names) < len(categories):
        raise _damaged(name, 'gives two pictures or two categories one number')
    for entry in annotations:
        if _number(entry, 'image_id', name) not in by_image or _number(entry, 'category_id', name) not in names:
            raise _damaged(name, 'has an annotation of a picture or a category that it does not list')
        by_image[entry['image_id']].append(entry)
    return TOOL, tuple(_answer(image, by_image[image['id']], names) for image in images)


def _answer(image, entries, names):
    name = text_of(image.get('file_name'))
    if not entries:
        return Answer(name, None, 'no region is drawn')

    def shapes(height: int, width: int) -> List[Shape]:
        check_size((image.get('width'), image.get('height')), height, width)
        return [Shape(names[entry['category_id']], _mask(entry.get('segmentation'), height, width))
                for entry in entries]
    return Answer(name, shapes)


def _mask(segmentation, height, width):
    if not isinstance(segmentation, dict):
        raise InputError('labels-polygon', 'It has polygons in a COCO file, which lose islands and holes.',
                         'Export "CVAT for images 1.1", or "JSON" from Label Studio.')
    size = segmentation.get('size')
    check_size(tuple(size[::-1]) if isinstance(size, list) and len(size) == 2 else (size, ''), height, width)
    return decode_coco(segmentation.get('counts'), height, width)


def _entries(document, key, name):
    entries = document.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _damaged(name, 'has no list of %s' % key)
    return entries


def _number(entry, key, name):
    if type(entry.get(key)) is not int:
        raise _damaged(name, 'has an entry whose %s is no number' % key)
    return entry[key]


def _damaged(name, what):
    return InputError('labels-damaged', '%s %s.' % (name, what), 'Export it again.')
