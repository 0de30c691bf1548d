"""Every file of the shared folder of labelling tools is read right, or refused as its table says."""
import json

import cv2
import numpy as np
import pytest

pytest.importorskip('defusedxml', reason='the training extra is not installed: this is the device half')

from models.labelling.judging import HELD, LABELLED, NOTHING, REFUSED, UNCHANGED, judge  # noqa: E402
from models.labelling.returned import read_returned  # noqa: E402

from .made import Record  # noqa: E402

#: What becomes of the one frame of each file, the code or a word of the note, and the pixels that differ.
FILES = {
    'ls_good.json': (LABELLED, '', 0), 'ls_polygon_island.json': (LABELLED, 'polygons', 5),
    'cvat_good.xml': (UNCHANGED, '', 0), 'cvat_mirrored.xml': (REFUSED, 'labels-sides', None),
    'cvat_bad_rle.xml': (REFUSED, 'mask-cut', None), 'coco_good.json': (UNCHANGED, '', 0),
    'coco_reordered.json': (UNCHANGED, '', 0), 'smask_cvat.zip': (UNCHANGED, '', 0)}

#: The same by the fault of a task in ls_faults.json.
FAULTS = {
    'wrong_size': (REFUSED, 'labels-size', None), 'wrong_size_consistent': (REFUSED, 'labels-size', None),
    'mirrored': (REFUSED, 'labels-sides', None), 'sides_renamed': (REFUSED, 'labels-sides', None),
    'mirrored_and_renamed': (HELD, 'labels-mirrored', None), 'edited_in_browser': (LABELLED, '', 6),
    'overlap_nipple_first': (LABELLED, '34 pixels', 0), 'unknown_label': (REFUSED, 'labels-unknown', None),
    'rle_truncated': (REFUSED, 'mask-cut', None), 'missing_image': (REFUSED, 'labels-foreign', None),
    'rotated': (REFUSED, 'labels-rotated', None), 'two_annotations': (HELD, 'labels-two', None),
    'cancelled': (NOTHING, 'skipped', None), 'never_labelled': (NOTHING, 'nobody', None),
    'two_labels_on_one_shape': (REFUSED, 'labels-names', None)}


@pytest.fixture
def folder(shared_data):
    if not (shared_data / 'labelling').is_dir():
        pytest.skip('the files of labelling tools are not among the shared data here')
    return shared_data / 'labelling'


def check(path, truth, state, words, differ):
    outcome, = judge(read_returned(path), Record(truth, 'frame.png'))
    said = (outcome.message.code if outcome.message else '') + ' '.join(outcome.notes)
    assert (outcome.state, words in said) == (state, True), (outcome.message, outcome.notes)
    assert (None if outcome.labels is None else int((outcome.labels != truth).sum())) == differ


def test_every_file_as_its_table_says(folder, tmp_path):
    truth = cv2.imread(str(folder / 'truth.png'), cv2.IMREAD_UNCHANGED)
    assert np.bincount(truth.ravel()).tolist()[1:] == [326, 258, 13, 21, 88, 100, 112]
    read = {path.name for path in folder.iterdir() if path.suffix in ('.json', '.xml', '.zip')}
    assert read == set(FILES) | {'ls_faults.json'}
    for name, expected in FILES.items():
        check(folder / name, truth, *expected)
    tasks = json.loads((folder / 'ls_faults.json').read_text())
    assert {task['data']['fault'] for task in tasks} == set(FAULTS)
    for task in tasks:
        (tmp_path / 'one.json').write_text(json.dumps([task]))
        check(tmp_path / 'one.json', truth, *FAULTS[task['data']['fault']])
