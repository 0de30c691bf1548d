"""COCO polygons as region labels of the thermograms of a collection."""
import dataclasses
import functools
import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Container, Dict, List, Tuple

import cv2
import numpy as np

from service import regions
from service.messages import InputError
from service.readers.files import read_bytes, shown_name
from service.thermogram import MAX_SIDE_PX

from .files import AnyPath
from .sample import Collection

#: Category to region id, the sides being those of the patient.
CATEGORIES = {
    'right_breast': regions.RIGHT_BREAST, 'left_breast': regions.LEFT_BREAST,
    'right_nipple': regions.RIGHT_NIPPLE, 'left_nipple': regions.LEFT_NIPPLE,
    'right_armpit': regions.RIGHT_ARMPIT, 'left_armpit': regions.LEFT_ARMPIT,
    'neck': regions.NECK,
    # The outline of the torso: apart from the regions it is background.
    'roi': regions.BACKGROUND,
}

#: Whose left and right the category names mean. In the labels of DMR-IR they are the picture's: 'left' is at column 204
#: of 640 on average, which in a frontal view is the patient's right.
SIDES = ('image', 'patient')

#: Picture and thermogram may differ in size, but in aspect ratio by no more than this.
_SHAPE_TOLERANCE = 0.01
#: Fractional bits of coordinates for OpenCV.
_SHIFT = 4

_MAX_BYTES = 128 << 20
#: An annotation may exceed the picture by this share of its side; beyond that it belongs to another picture.
_SLIP = 0.05


@dataclass(frozen=True)
class CocoImage:
    """One picture of the file; polygons are (category, points), in the order of the file."""

    stem: str
    width: int
    height: int
    polygons: Tuple[Tuple[str, Tuple[Tuple[float, float], ...]], ...]


def with_coco(collection: Collection, path: AnyPath, sides: str = 'image') -> Collection:
    """Attach the polygons of a COCO file as labels.

    Pictures are matched by file stem and sample key. Later polygons cover earlier ones. Samples that the file does not
    annotate keep their labels.

    Args:
        collection: of thermograms with the seven regions.
        path: the JSON file.
        sides: ``'image'`` or ``'patient'``: what left and right mean in the file.

    Returns:
        The same samples, with labels where the file has them.

    Raises:
        InputError: ``coco-sides`` if the polygons show the other meaning of left and right, ``coco-no-match`` if no
            picture is in the collection, or what is wrong with the file. A picture of another aspect ratio than its
            thermogram is refused when labels are read (``coco-size``).
    """
    name = shown_name(path)
    if sides not in SIDES:
        raise InputError('coco-sides', 'Sides of %s are those of the image or the patient, not %s.'
                         % (name, sides))
    if collection.regions != regions.REGIONS:
        raise InputError('coco-regions', '%s has other regions (%s) than %s can name.'
                         % (collection.name, ', '.join(collection.regions), name))
    images = read_coco(path, CATEGORIES)
    _check_sides(images.values(), sides, name)
    matched = set(images) & set(collection.keys)
    if not matched:
        raise InputError('coco-no-match', '%s annotates %d pictures, such as %s, and none of them is in %s.'
                         % (name, len(images), min(images), collection.name),
                         'Give it with the data it was drawn on.')
    samples = tuple(_attach(sample, images[sample.key], sides) if sample.key in matched else sample
                    for sample in collection)
    result = dataclasses.replace(collection, samples=samples)
    left = len(images) - len(matched)
    return result.noted('%d pictures annotated in %s are not among these' % (left, name)) if left else result


def draw_regions(image: CocoImage, sides: str, height: int, width: int) -> np.ndarray:
    """Region ids of one picture: uint8 HxW.

    Args:
        image: its polygons, in coordinates from pixel corner to pixel corner.
        sides: as in `with_coco`.
        height, width: of the thermogram; a picture of another size with the same aspect ratio is scaled.

    Raises:
        InputError: ``coco-size``.
    """
    if abs(image.width * height - image.height * width) > _SHAPE_TOLERANCE * image.width * height:
        raise InputError('coco-size', '%s was annotated as %dx%d and its thermogram is %dx%d; a picture of '
                         'another '
                         'shape cannot be scaled onto it.'
                         % (image.stem, image.width, image.height, width, height))
    labels = np.zeros((height, width), np.uint8)
    scale = np.array([width / image.width, height / image.height])
    for category, points in image.polygons:
        if category != 'roi':
            # OpenCV counts from the centre of a pixel.
            corners = (np.array(points) * scale - 0.5) * 2 ** _SHIFT
            cv2.fillPoly(labels, [np.rint(corners).astype(np.int32)], _region(category, sides), shift=_SHIFT)
    return labels


def _attach(sample, image, sides):
    return dataclasses.replace(sample, read_labels=functools.partial(draw_regions, image, sides))


def _region(category, sides):
    region = CATEGORIES[category]
    return int(regions.FLIPPED[region]) if sides == 'image' else region


def _check_sides(images, sides, name):
    """In frontal views the patient's right breast is on the left; check that the names agree."""
    offsets = []
    for image in images:
        middle = {category: np.mean([x for x, _ in points]) for category, points in image.polygons}
        if 'left_breast' in middle and 'right_breast' in middle:
            offsets.append(middle['right_breast'] - middle['left_breast'])
    if offsets and (np.median(offsets) > 0) != (sides == 'image'):
        place, meaning = ('right', 'patient') if sides == 'image' else ('left', 'image')
        raise InputError('coco-sides', '%s calls the breast on the %s of the picture left, so its sides are those of '
                         'the %s.' % (name, place, meaning), 'Say so.')


# -- the file


def read_coco(path: AnyPath, categories: Container[str]) -> Dict[str, CocoImage]:
    """The annotated pictures of a COCO file by file stem.

    Args:
        path: the JSON file.
        categories: known names, in lower case.

    Raises:
        InputError: ``coco-json``, ``coco-shape``, ``coco-size``, ``coco-category``, ``coco-image``,
            ``coco-image-twice``, ``coco-polygon``, ``coco-empty``, or what is wrong with the file.
    """
    return _CocoFile(path, categories).images()


class _CocoFile:
    def __init__(self, path, categories):
        self._name = shown_name(path)
        self._known = categories
        self._document = self._parse(read_bytes(path, _MAX_BYTES))

    def images(self):
        pictures, names = self._pictures(), self._categories()
        polygons: Dict[int, List[Any]] = {}
        for entry in self._entries('annotations'):
            shown = 'annotation %s' % entry.get('id')
            picture = self._get(pictures, entry.get('image_id'), 'coco-image', shown, 'picture')
            category = self._get(names, entry.get('category_id'), 'coco-category', shown, 'category')
            for points in self._polygons(entry, shown, picture):
                polygons.setdefault(entry['image_id'], []).append((category, points))
        if not polygons:
            raise self._error('coco-empty', 'has no annotations; export them again')
        found = {}
        for number, drawn in polygons.items():
            stem, width, height = pictures[number]
            if stem in found:
                raise self._error('coco-image-twice', 'annotates two pictures called %s; keep one' % stem)
            found[stem] = CocoImage(stem, width, height, tuple(drawn))
        return found

    def _parse(self, data):
        try:
            document = json.loads(data.decode('utf-8-sig'), parse_constant=_refuse)
            if isinstance(document, dict):
                return document
        except (ValueError, RecursionError):
            raise self._error('coco-json', 'is not valid JSON (NaN is not allowed); export it again')
        raise self._error('coco-shape', 'must be an object with images, annotations and categories')

    def _entries(self, key):
        entries = self._document.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._error('coco-shape', 'must have a list of objects called %s' % key)
        return entries

    def _pictures(self):
        """Picture id -> (stem, width, height)."""
        found = {}
        for entry in self._entries('images'):
            name, sides = entry.get('file_name'), (entry.get('width'), entry.get('height'))
            if not isinstance(name, str) or not _is_id(entry.get('id')):
                raise self._error('coco-shape', 'has a picture without id or file_name')
            stem = PurePosixPath(name.replace('\\', '/')).stem
            if not all(_is_id(side) and 1 <= side <= MAX_SIDE_PX for side in sides):
                raise self._error('coco-size', 'gives %s the size %.20sx%.20s; sides are whole pixels from 1 '
                                  'to %d'
                                  % (shown_name(name), *sides, MAX_SIDE_PX))
            if entry['id'] in found:
                raise self._error('coco-image-twice', 'gives two pictures the id %d; keep one' % entry['id'])
            found[entry['id']] = (stem,) + sides
        return found

    def _categories(self):
        """Category id -> name in lower case, with underscores."""
        found = {}
        for entry in self._entries('categories'):
            name, number = entry.get('name'), entry.get('id')
            plain = name.strip().lower().replace(' ', '_') if isinstance(name, str) else None
            if plain not in self._known:
                raise self._error('coco-category', 'has the category %.40r; known are %s'
                                  % (name, ', '.join(sorted(self._known))))
            if not _is_id(number) or number in found:
                raise self._error('coco-category', 'gives the category %s no number of its own' % name)
            found[number] = plain
        return found

    def _polygons(self, entry, shown, picture):
        shapes = entry.get('segmentation')
        if not isinstance(shapes, list) or not shapes:
            raise self._error('coco-polygon', 'has no polygons in %s; run-length masks are not read, export '
                              'polygons' % shown)
        return [self._points(shape, shown, picture) for shape in shapes]

    def _points(self, shape, shown, picture):
        """The corners of one flat list x, y, x, y ..., all of them roughly inside the picture."""
        if not isinstance(shape, list) or len(shape) < 6 or len(shape) % 2:
            raise self._error('coco-polygon', 'has a polygon of fewer than 3 points in %s of %s; draw it '
                              'again'
                              % (shown, picture[0]))
        limits = picture[1:] * (len(shape) // 2)
        for value, limit in zip(shape, limits):
            if not _is_number(value) or not -_SLIP * limit <= value <= (1 + _SLIP) * limit:
                raise self._error('coco-polygon', 'has the coordinate %.20s in %s, outside the picture %s of '
                                  '%dx%d; '
                                  'draw it again' % ((value, shown) + picture))
        return tuple((min(max(float(x), 0.0), picture[1]), min(max(float(y), 0.0), picture[2]))
                     for x, y in zip(shape[::2], shape[1::2]))

    def _get(self, table, number, code, shown, what):
        if not _is_id(number) or number not in table:
            raise self._error(code, 'has %s of the %s %.20s, which it does not list; export it again'
                              % (shown, what, number))
        return table[number]

    def _error(self, code, what):
        return InputError(code, '%s %s.' % (self._name, what))


def _refuse(word):
    raise ValueError('%s is not a number' % word)


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
