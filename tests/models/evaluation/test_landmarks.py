"""Nipples against marks: distances, shares, and tables of boxes that are right, wrong or of other pictures."""
import numpy as np
import pytest

from models.evaluation.landmarks import centre_error, nipple_errors, nipple_figures, read_landmarks
from service.messages import InputError
from service.regions import LEFT_NIPPLE, RIGHT_NIPPLE

from .made_up import torso_collection

HEAD = 'file,structure,x0,y0,x1,y1\n'


def test_the_centre_of_a_nipple():
    truth, shifted, nothing = np.zeros((3, 240, 320), bool)
    truth[100:103, 100:103] = shifted[104:107, 103:106] = True
    assert centre_error(shifted, truth) == 10  # 4 and 3 pixels of 240 rows
    assert centre_error(nothing, truth) == float('inf') and centre_error(truth, nothing) is None


def test_distances_are_those_of_the_scoring_tool():
    """Mean of the label's pixels to the middle of the box, in pixels of 480 rows; what is not found is far away."""
    labels = np.zeros((240, 320), np.uint8)
    labels[100:103, 100:103] = RIGHT_NIPPLE
    centres = {RIGHT_NIPPLE: (105.0, 98.0), LEFT_NIPPLE: (101.0, 200.0)}
    assert nipple_errors(labels, centres) == [10, float('inf')]
    assert nipple_errors(None, centres) == [float('inf')] * 2  # no result
    figures = nipple_figures([2, 10, 14, 30, float('inf')], list('ppqrs'))
    assert (figures['n'], figures['patients'], figures['median_px']) == (5, 4, 14)
    assert figures['near']['value'] == 0.4 and figures['far']['value'] == 0.4


def test_a_table_of_boxes(tmp_path):
    path = tmp_path / 'landmarks.csv'
    path.write_text(HEAD + 't00.png,right_nipple,10,20,20,40\nt00,left_breast,1,1,2,2\nzz,left_nipple,1,1,2,2\n')
    assert read_landmarks(path, torso_collection(2)) == ({'t00': {RIGHT_NIPPLE: (30, 15)}}, 1)
    path.write_text('patient,structure,x0,y0,x1,y1\np01,left_nipple,0,0,4,8\n')
    assert read_landmarks(path, torso_collection(2)) == ({'t01': {LEFT_NIPPLE: (4, 2)}}, 0)


@pytest.mark.parametrize('text, code', [
    (HEAD + 't00,right_nipple,10,20,nan,40\n', 'landmark-box'),
    (HEAD + 't00,right_nipple,30,20,20,40\n', 'landmark-box'),
    (HEAD + 't00,nipple,10,20,20,40\n', 'landmark-structure'), (HEAD + ',right_nipple,1,1,2,2\n', 'landmark-frame'),
    ('patient,structure,x0,y0,x1\n', 'table-columns')])
def test_a_bad_table_is_one_line(text, code, tmp_path):
    path = tmp_path / 'landmarks.csv'
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_landmarks(path, torso_collection(1))
    assert caught.value.code == code and '\n' not in str(caught.value)
