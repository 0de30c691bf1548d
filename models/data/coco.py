"""COCO polygons as region labels of thermograms that are already a collection."""
import dataclasses
import functools

import cv2
import numpy as np

from service import regions
from service.messages import InputError
from service.readers.files import shown_name

from .coco_file import read_coco

#: Category to region id, the sides being those of the patient.
CATEGORIES = {
    'right_breast': regions.RIGHT_BREAST, 'left_breast': regions.LEFT_BREAST,
    'right_nipple': regions.RIGHT_NIPPLE, 'left_nipple': regions.LEFT_NIPPLE,
    'right_armpit': regions.RIGHT_ARMPIT, 'left_armpit': regions.LEFT_ARMPIT,
    'neck': regions.NECK,
    # The outline of the torso: what it holds beside the regions is background to them.
    'roi': regions.BACKGROUND,
}

#: Whose left and right the category names mean. In the labels of DMR-IR they are the picture's: 'left'
#: lies at column 204 of 640 on average, which in a frontal view is the patient's right.
SIDES = ('image', 'patient')

#: Picture and thermogram may differ in size, not in shape, by more than this share.
_SHAPE_TOLERANCE = 0.01
#: Bits behind the point in coordinates for OpenCV.
_SHIFT = 4


def with_coco(collection, path, sides='image'):
    """Attach the polygons of a COCO file as labels.

    Pictures are matched by file stem and sample key. A later polygon lies over an earlier one. Samples that
    the file does not annotate lose no label they had.

    Args:
        collection (Collection): of thermograms with the seven regions.
        path (str or os.PathLike): the JSON file.
        sides (str): 'image' or 'patient', what left and right in the file mean.
    Returns:
        Collection: the same samples, with labels where the file has them.
    Raises:
        InputError: ``coco-sides`` where the polygons lie as the other meaning of left and right would have
            them, ``coco-no-match`` where no picture is in the collection, or what is wrong with the file. A
            picture of another shape than its thermogram is refused when labels are read (``coco-size``).
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
        raise InputError('coco-no-match', '%s annotates %d pictures, such as %s, and none of them is in %s; '
                         'give it '
                         'with the data it was drawn on.' % (name, len(images), min(images), collection.name))
    samples = tuple(_attach(sample, images[sample.key], sides) if sample.key in matched else sample
                    for sample in collection)
    result = dataclasses.replace(collection, samples=samples)
    left = len(images) - len(matched)
    return result.noted('%d pictures annotated in %s are not among these' % (left, name)) if left else result


def draw_regions(image, sides, height, width):
    """The labels of one picture.

    Args:
        image (CocoImage): its polygons, in coordinates from pixel corner to pixel corner.
        sides (str): as in `with_coco`.
        height, width (int): of the thermogram; a picture of the same shape in another size is scaled.
    Returns:
        numpy.ndarray: uint8 HxW, region ids.
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
            # OpenCV counts from the middle of a pixel.
            corners = (np.array(points) * scale - 0.5) * 2 ** _SHIFT
            cv2.fillPoly(labels, [np.rint(corners).astype(np.int32)], _region(category, sides), shift=_SHIFT)
    return labels


def _attach(sample, image, sides):
    return dataclasses.replace(sample, read_labels=functools.partial(draw_regions, image, sides))


def _region(category, sides):
    region = CATEGORIES[category]
    return int(regions.FLIPPED[region]) if sides == 'image' else region


def _check_sides(images, sides, name):
    """In frontal views the patient's right breast lies on the left; see that the names agree."""
    offsets = []
    for image in images:
        middle = {category: np.mean([x for x, _ in points]) for category, points in image.polygons}
        if 'left_breast' in middle and 'right_breast' in middle:
            offsets.append(middle['right_breast'] - middle['left_breast'])
    if offsets and (np.median(offsets) > 0) != (sides == 'image'):
        raise InputError('coco-sides', '%s calls the breast on the %s of the picture left, so its sides are '
                         'those of '
                         'the %s; say so.' % ((name, 'right', 'patient') if sides == 'image' else
                                              (name, 'left', 'image')))
