"""Masks come back pixel for pixel, and what is cut, too long or of another size is refused before it is unpacked."""
import json

import numpy as np
import pytest

pytest.importorskip('defusedxml', reason='the training extra is not installed: this is the device half')

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from models.labelling import cvat, label_studio  # noqa: E402
from models.labelling.judging import assemble  # noqa: E402
from models.labelling.masks import (  # noqa: E402
    MaskBox,
    decode_box,
    decode_brush,
    decode_coco,
    encode_box,
    encode_brush,
)
from service.messages import InputError  # noqa: E402

from .made import finished, random_map, sent, torso  # noqa: E402

SIZES = [(48, 64), (240, 320), (480, 640)]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SIZES), st.sets(st.integers(1, 7), max_size=6), st.booleans())
def test_any_map_comes_back_from_the_files_of_both_tools(seed, size, absent, full):
    labels = random_map(seed, *size, absent=tuple(absent), full=full)
    if not labels.any():
        return
    one = sent(labels)
    tasks = json.loads(label_studio.write_files([one])['tasks.json'])
    _, (brush,) = label_studio.read_tasks(finished(tasks), 'tasks.json')
    _, (box,) = cvat.read_xml(cvat.write_files([one])['annotations.xml'], 'annotations.xml')
    for answer in (brush, box):
        again, notes = assemble(answer.shapes(*size), None)
        assert np.array_equal(again, labels) and notes == ()


def code_of(call, *args):
    with pytest.raises(InputError) as caught:
        call(*args)
    assert caught.value.message.sentence and caught.value.message.next_step
    return caught.value.code


def test_a_brush_that_is_no_whole_mask():
    mask = torso() == 1
    good = encode_brush(mask)
    assert code_of(decode_brush, good, 48, 63) == 'mask-size'
    huge = [255, 255, 255, 255] + good[4:]
    assert code_of(decode_brush, huge, 48, 64) == 'mask-size', 'before there is an array of 4 GB'
    bits = ''.join(format(byte, '08b') for byte in good)
    longer = bits[:53] + '1' + '11' + '1' * 16 + '1' * 8
    for bad in (good[:-9], good[:3], [], None, 'rle', [256] * 9, [-1], [1.5], good[:4] + [0] * 9,
                [int(longer[start:start + 8].ljust(8, '0'), 2) for start in range(0, len(longer), 8)]):
        assert code_of(decode_brush, bad, 48, 64) == 'mask-cut', bad


def test_the_soft_edge_of_the_brush_counts_from_half():
    values = np.zeros((2, 4, 4), np.uint8)
    values[0, :, 3] = 0, 127, 128, 255
    # One literal item of 32 bytes, as the page writes soft edges: 16 bits for its length.
    head = format(32, '032b') + format(7, '05b') + '0010' '0011' '0111' '1111'
    bits = head + '0' + '11' + format(31, '016b') + ''.join(format(value, '08b') for value in values.ravel())
    bits += '0' * (-len(bits) % 8)
    mask = decode_brush([int(bits[start:start + 8], 2) for start in range(0, len(bits), 8)], 2, 4)
    assert mask.tolist() == [[False, False, True, True], [False] * 4]


def test_a_box_that_is_no_whole_mask():
    runs, box = encode_box(torso() == 2)
    for bad, at in ((runs[:-1], box), (runs + [1], box), ([-1] + runs[1:], box), ([10**30], box), ([], box)):
        assert code_of(decode_box, bad, at, 48, 64) == 'mask-cut'
    for at in (box._replace(left=60), box._replace(top=-1), box._replace(width=0), MaskBox(0, 0, 10**9, 10**9)):
        assert code_of(decode_box, runs, at, 48, 64) == 'mask-box'


def test_runs_of_coco():
    assert decode_coco([2, 1, 3], 2, 3).tolist() == [[False, True, False], [False, False, False]]
    nipple = decode_coco([848, 1, 46, 3, 44, 5, 44, 3, 46, 1, 2031], 48, 64)
    assert nipple.sum() == 13 and nipple[30:35, 19].all()
    # The same as pycocotools 2.0.11 compresses it.
    assert np.array_equal(decode_coco('`j01^12N20N2NQn1', 48, 64), nipple)
    for bad in ([2, 1, 2], [2, 1, 4], [2.0, 1, 3], None, 'zz\x00', '_', '0' * 100, [True, 5]):
        assert code_of(decode_coco, bad, 2, 3) == 'mask-cut', bad


def test_the_brush_as_the_tools_own_library_reads_and_writes_it():
    brush = pytest.importorskip('label_studio_sdk.converter.brush',
                                reason='label-studio-sdk (509 MB) is not installed here')
    for seed in range(3):
        mask = random_map(seed, 240, 320) == 1 + seed
        theirs = brush.decode_rle(encode_brush(mask)).reshape(240, 320, 4)
        assert np.array_equal(theirs[..., 3], mask * np.uint8(255))
        assert np.array_equal(decode_brush(brush.mask2rle(mask * np.uint8(255)), 240, 320), mask)


def test_the_box_as_the_tools_own_library_reads_and_writes_it():
    theirs = pytest.importorskip('cvat_sdk.masks', reason='cvat-sdk (138 MB) is not installed here')
    for seed in range(3):
        mask = random_map(seed, 240, 320) == 1 + seed
        runs, box = encode_box(mask)
        corners = [box.left, box.top, box.left + box.width - 1, box.top + box.height - 1]
        assert [int(value) for value in theirs.encode_mask(mask)] == runs + corners
        assert np.array_equal(theirs.decode_mask(runs + corners, image_width=320, image_height=240), mask)
