"""A COCO annotation file, every statement of it checked before a polygon is drawn."""
import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath

from service.messages import InputError
from service.readers.files import read_bytes, shown_name
from service.thermogram import MAX_SIDE_PX

_MAX_BYTES = 128 << 20
#: A hand may slip off the picture by this share of its side; further out is another picture.
_SLIP = 0.05


@dataclass(frozen=True)
class CocoImage:
    """One picture of the file: `stem` (str), `width` and `height` (int, pixels), and `polygons`.

    Every polygon is a pair (category name, tuple of (x, y) points), in the order of the file.
    """

    stem: str
    width: int
    height: int
    polygons: tuple


def read_coco(path, categories):
    """The annotated pictures of a COCO file.

    Args:
        path (str or os.PathLike): the JSON file.
        categories (container of str): names in lower case that are known.
    Returns:
        dict: file stem -> `CocoImage`, annotated pictures only.
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
        pictures, names, polygons = self._pictures(), self._categories(), {}
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
            raise self._error('coco-json', 'is not valid JSON (NaN is none); export it again')
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
        """The corners of one flat list x, y, x, y ..., all of them about inside the picture."""
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
    raise ValueError('%s is no number' % word)


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
