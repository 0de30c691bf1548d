"""Polygons become region ids on the patient's side; a file that cannot be right is refused in one line."""
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('torch', reason='PyTorch is not installed: this is the device half')

from models.data import open_data, with_coco  # noqa: E402
from service import regions  # noqa: E402
from service.messages import InputError  # noqa: E402

from . import builders  # noqa: E402

NAMES = ('left_breast', 'right_breast', 'left_nipple', 'right_nipple', 'left_armpit', 'right_armpit', 'ROI',
         'neck')
IDS = {name: number for number, name in enumerate(NAMES, 1)}


def box(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


def document(*shapes, width=64, height=48, name='folder/a_1.jpg'):
    """A COCO file of one picture; shapes are (category, polygon), sides as the picture has them."""
    shapes = shapes or (('ROI', box(2, 2, 62, 46)), ('left_breast', box(10, 20, 26, 36)),
                        ('right_breast', box(38, 20, 54, 36)), ('left_nipple', box(16, 26, 20, 30)))
    return {'images': [{'id': 7, 'file_name': name, 'width': width, 'height': height}],
            'categories': [{'id': number, 'name': category} for category, number in IDS.items()],
            'annotations': [{'id': i, 'image_id': 7, 'category_id': IDS[category], 'segmentation': [polygon]}
                            for i, (category, polygon) in enumerate(shapes)]}


@pytest.fixture
def plain(tmp_path):
    return open_data(builders.plain_folder(tmp_path / 'data', labels=()))


@pytest.fixture
def write(tmp_path):
    def write(content):
        return builders.write_text(tmp_path / 'labels.json', content if isinstance(content, str)
                                   else json.dumps(content))
    return write


def test_left_in_the_picture_is_the_patients_right(plain, write):
    labelled = with_coco(plain, write(document()))
    assert labelled.labelled().keys == ('a_1',) and labelled.keys == plain.keys
    labels = labelled[0].labels()
    assert labels.shape == (48, 64) and labels.dtype == np.uint8
    assert labels[22, 12] == regions.RIGHT_BREAST and labels[22, 40] == regions.LEFT_BREAST
    assert labels[28, 18] == regions.RIGHT_NIPPLE
    assert labels[4, 4] == labels[0, 0] == labels[28, 32] == regions.BACKGROUND
    assert np.array_equal(pickle.loads(pickle.dumps(labelled[0])).labels(), labels)


def test_sides_of_the_patient_stay(plain, write):
    shapes = ('right_breast', box(10, 20, 26, 36)), ('left_breast', box(38, 20, 54, 36))
    labels = with_coco(plain, write(document(*shapes)), sides='patient')[0].labels()
    assert labels[22, 12] == regions.RIGHT_BREAST and labels[22, 40] == regions.LEFT_BREAST


@pytest.mark.parametrize('shapes, sides', [
    ((('right_breast', box(10, 20, 26, 36)), ('left_breast', box(38, 20, 54, 36))), 'image'),
    ((('left_breast', box(10, 20, 26, 36)), ('right_breast', box(38, 20, 54, 36))), 'patient'),
])
def test_sides_that_cannot_be_are_refused(plain, write, shapes, sides):
    with pytest.raises(InputError, match='Say so') as caught:
        with_coco(plain, write(document(*shapes)), sides)
    assert caught.value.code == 'coco-sides'


def test_a_later_polygon_lies_over_an_earlier_one(plain, write):
    shapes = ('left_breast', box(10, 10, 40, 40)), ('neck', box(20, 20, 30, 30)), ('ROI', box(0, 0, 64, 48))
    labels = with_coco(plain, write(document(*shapes)))[0].labels()
    assert labels[25, 25] == regions.NECK and labels[12, 12] == regions.RIGHT_BREAST
    shapes = shapes[1], shapes[0]
    assert with_coco(plain, write(document(*shapes)))[0].labels()[25, 25] == regions.RIGHT_BREAST


@settings(max_examples=30)
@given(st.integers(0, 40), st.integers(0, 30), st.integers(4, 20), st.integers(4, 15))
def test_the_area_is_right(left, top, width, height):
    """A box from pixel corner to pixel corner covers its pixels, and at most half a pixel more around."""
    from models.data.coco import CocoImage, draw_regions
    corners = tuple(zip(*[iter(box(left, top, left + width, top + height))] * 2))
    for scale in (1, 2):
        labels = draw_regions(CocoImage('x', 64, 48, (('neck', corners),)), 'image', 48 * scale, 64 * scale)
        inside = labels[top * scale:(top + height) * scale, left * scale:(left + width) * scale]
        assert (inside == regions.NECK).all()
        assert (labels > 0).sum() <= (width * scale + 1) * (height * scale + 1)


def test_another_size_is_scaled_and_another_shape_refused(plain, write):
    doubled = document(('neck', box(20, 20, 60, 40)), width=128, height=96)
    assert with_coco(plain, write(doubled))[0].labels()[15, 20] == regions.NECK
    with pytest.raises(InputError, match='annotated as 128x90 and its thermogram is 64x48') as caught:
        with_coco(plain, write(document(('neck', box(20, 20, 60, 40)), width=128, height=90)))[0].labels()
    assert caught.value.code == 'coco-size'


def test_pictures_that_are_not_here_are_noted(plain, write):
    content = document()
    content['images'].append(dict(content['images'][0], id=8, file_name='zz.jpg'))
    content['annotations'].append(dict(content['annotations'][0], image_id=8))
    assert with_coco(plain, write(content)).notes[0] == (
        '1 pictures annotated in labels.json are not among these')


def test_a_collection_with_other_regions_is_refused(plain, write):
    with pytest.raises(InputError) as caught:
        with_coco(dataclasses.replace(plain, regions=('background', 'lesion')), write(document()))
    assert caught.value.code == 'coco-regions'


def change(**changes):
    """A document with the first annotation, picture or category changed."""
    content = document()
    for key, value in changes.items():
        content[key][0].update(value)
    return content


@pytest.mark.parametrize('content, code, words', [
    (document(('neck', [1, 1, 9, 9])), 'coco-polygon', 'fewer than 3 points'),
    (document(('neck', [1, 1, 9, 9, 1, 9, 4])), 'coco-polygon', 'fewer than 3 points'),
    (document(('neck', [1, 1, 9, 9, 1, 900])), 'coco-polygon', 'coordinate 900'),
    (document(('neck', [1, 1, 9, 9, 1, -1e300])), 'coco-polygon', 'coordinate -1e'),
    (document(('neck', [1, 1, 9, 9, 1, '9'])), 'coco-polygon', 'coordinate 9'),
    (document(('neck', [1, 1, 9, 9, 1, None])), 'coco-polygon', 'coordinate None'),
    (document(('neck', [1, 1, 9, 9, 1, True])), 'coco-polygon', 'coordinate True'),
    (change(annotations={'segmentation': {'counts': 'abc', 'size': [48, 64]}}), 'coco-polygon', 'run-length'),
    (change(annotations={'segmentation': []}), 'coco-polygon', 'no polygons'),
    (change(annotations={'image_id': 99}), 'coco-image', 'picture 99'),
    (change(annotations={'image_id': [7]}), 'coco-image', 'picture'),
    (change(annotations={'category_id': 99}), 'coco-category', 'category 99'),
    (change(categories={'name': 'belly'}), 'coco-category', "'belly'; known are"),
    (change(categories={'id': 2}), 'coco-category', 'no number of its own'),
    (change(images={'width': 10 ** 9}), 'coco-size', '1 to 4096'),
    (change(images={'height': 0}), 'coco-size', '1 to 4096'),
    (change(images={'width': 64.5}), 'coco-size', 'whole pixels'),
    (change(images={'file_name': None}), 'coco-shape', 'file_name'),
    (change(images={'file_name': 'other.jpg'}), 'coco-no-match', 'none of them is in data'),
    (dict(document(), images=document()['images'] * 2), 'coco-image-twice', 'id 7'),
    (dict(document(), annotations=[]), 'coco-empty', 'no annotations'),
    (dict(document(), annotations={}), 'coco-shape', 'annotations'),
    (dict(document(), categories=[3]), 'coco-shape', 'categories'),
    ([], 'coco-shape', 'object'),
    ('{"images": [NaN]}', 'coco-json', 'NaN'),
    (json.dumps(document()).replace('62', 'NaN', 1), 'coco-json', 'NaN'),
    ('[' * 100000, 'coco-json', 'not valid JSON'),
    (json.dumps(document())[:-30], 'coco-json', 'not valid JSON'),
])
def test_absurd_files(plain, write, content, code, words):
    with pytest.raises(InputError, match=words) as caught:
        with_coco(plain, write(content))
    assert caught.value.code == code and 'labels.json' in str(caught.value) and '\n' not in str(caught.value)


def test_two_pictures_of_one_name_are_refused(plain, write):
    content = document()
    content['images'].append(dict(content['images'][0], id=8, file_name='elsewhere/a_1.jpg'))
    assert with_coco(plain, write(content))[0].labelled
    content['annotations'].append(dict(content['annotations'][0], image_id=8))
    with pytest.raises(InputError, match='two pictures called a_1'):
        with_coco(plain, write(content))
