"""What is left out of a support bundle, and what is not left out for nothing."""
import pytest

from service.settings import Settings
from service.support.discretion import LEFT_OUT, Discretion, told_settings


@pytest.mark.parametrize('text, is_left_out', [
    ('/media/Ann Lind/a.csv is cut', True), ('of ann lind', True), ('ANN', True), ('scanned and annotated', False),
    ('Lindgren', False), ('media and usb', False), ('\\u0041nn', True), ('Jos\u0065\u0301', True), ('Jos\\xe9', True),
    ('\u674e\u5c0f\u9f8d', True), ('x\u674e\u5c0f\u9f8dx', True), ('supervisor', False), ('Operator 2', False)])
def test_a_text_with_a_known_name_is_left_out_whole(text, is_left_out):
    discretion = Discretion(Settings(files_root='/media/Ann Lind', camera='replay:/media/usb'),
                            ['Ann Lind', 'Jos\xe9', '\u674e\u5c0f\u9f8d', 'Supervisor', 'Operator 2'])
    assert (discretion.text(text) == LEFT_OUT) == is_left_out
    assert discretion.values({text: [(text, 1, None, True)]}) == {discretion.text(text): [
        (discretion.text(text), 1, None, True)]}


def test_an_object_of_another_kind_is_taken_as_text():
    assert Discretion(Settings(), ['Ann']).values({'a': Exception('Ann')}) == {'a': LEFT_OUT}


def test_of_the_settings_only_what_the_program_chose_is_told():
    told = told_settings(Settings(exams_folder='/var/lib/thermoscreen/exams', files_root='/media/Ann', port=81,
                                  bad_pixels='/etc/thermoscreen/pixels', palette='grey', camera='v4l2:/dev/video1'))
    assert told['exams_folder'] == '/var/lib/thermoscreen/exams' and told['bad_pixels'] == '/etc/thermoscreen/pixels'
    assert told['files_root'] == '(set)' and (told['port'], told['palette'], told['camera']) == (81, 'grey', 'v4l2')
    assert set(told) == set(vars(Settings())) and told['host'] == '127.0.0.1'
