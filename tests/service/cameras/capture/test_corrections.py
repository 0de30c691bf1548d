"""Bad pixels, the blackbody and the denoiser: what each changes, and what it must leave alone."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cameras.capture import Corrections
from service.cameras.capture.corrections import (
    MOST_OFFSET_C,
    MOST_STUCK,
    STUCK_FRAMES,
    WEIGHT,
    BadPixels,
    Blackbody,
    Denoiser,
    parse_patch,
    read_bad_pixels,
)
from service.messages import InputError, SettingsError, ThermoscreenError
from service.settings import Settings
from service.thermogram import Thermogram

from .conftest import picture, thermogram

PATCH = (0.0, 0.0, 0.1, 0.1)


def test_a_listed_pixel_takes_the_median_of_its_neighbours():
    celsius = picture(1).copy()
    celsius[30, 40] = 80.0
    repaired = BadPixels([(30, 40)]).repair(celsius)
    assert repaired[30, 40] == np.median(np.delete(celsius[29:32, 39:42].ravel(), 4))
    repaired[30, 40] = celsius[30, 40]
    assert np.array_equal(repaired, celsius)


def test_a_cluster_takes_what_is_good_around_it():
    celsius = picture(1).copy()
    cluster = [(row, column) for row in range(25, 30) for column in range(35, 40)]
    for place in cluster:
        celsius[place] = -40.0
    repaired = BadPixels(cluster + [(999, 5)]).repair(celsius)
    assert abs(repaired[25:30, 35:40] - 33.0).max() < 0.3


def test_a_stuck_pixel_is_found_and_a_hot_one_is_not():
    pixels = BadPixels()
    for number in range(STUCK_FRAMES):
        celsius = picture(number).copy()
        celsius[12, 34] = 31.0
        celsius[40, 50] += 3.0
        repaired = pixels.repair(celsius)
    assert pixels.count == 1
    assert repaired[12, 34] != 31.0 and repaired[40, 50] == celsius[40, 50]
    pixels.reset()
    assert pixels.count == 0 and pixels.repair(celsius) is celsius


@pytest.mark.parametrize('noise_c, step_c', [(0.0, 0.0), (0.02, 0.4)])
def test_many_still_pixels_are_not_the_pixels_fault(noise_c, step_c):
    pixels = BadPixels()
    for number in range(2 * STUCK_FRAMES):
        celsius = picture(number, noise_c=noise_c)
        pixels.repair(np.round(celsius / step_c).astype(np.float32) * np.float32(step_c) if step_c else celsius)
    assert pixels.count == 0 and MOST_STUCK < 1


def test_another_size_starts_over():
    pixels = BadPixels([(50, 70)])
    pixels.repair(picture(1))
    assert pixels.count == 1
    assert np.array_equal(pixels.repair(picture(1, (45, 60))), picture(1, (45, 60))) and pixels.count == 0


def test_a_list_is_read(tmp_path):
    path = tmp_path / 'bad.txt'
    path.write_text('# left camera\n40, 30\n\n 0,119 # corner\n')
    assert read_bad_pixels(str(path)) == ((30, 40), (119, 0))


@pytest.mark.parametrize('content', [b'40;30', b'40', b'-1,3', b'1,2,3', b'\xff\xfe', b'99999,1', b'1,2\n' * 5000])
def test_invalid_lists(tmp_path, content):
    path = tmp_path / 'bad.txt'
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_bad_pixels(str(path))
    assert caught.value.code in ('bad-pixels-line', 'bad-pixels-unreadable') and 'bad.txt' in caught.value.message.text


def test_no_list_there(tmp_path):
    with pytest.raises(InputError) as caught:
        read_bad_pixels(str(tmp_path / 'none.txt'))
    assert caught.value.code == 'bad-pixels-unreadable'


@given(st.text(max_size=30))
def test_a_place_is_inside_the_picture_or_refused(text):
    try:
        left, top, width, height = parse_patch(text)
    except SettingsError as error:
        assert 'reference_patch' in error.message.text and '\n' not in error.message.text
    else:
        assert 0 <= left < left + width <= 1 and 0 <= top < top + height <= 1


@pytest.mark.parametrize('text', ['0,0,1', '0.5,0,0.6,0.1', 'nan,0,0.1,0.1', '0,0,0,0.1', 'left'])
def test_invalid_places(text):
    with pytest.raises(SettingsError):
        parse_patch(text)


def test_frames_are_moved_to_the_blackbody():
    blackbody = Blackbody(parse_patch('0,0,0.1,0.1'), 23.5)
    moved = blackbody.correct(picture(1), 0.0)
    assert np.median(moved[:6, :8]) == pytest.approx(23.5, abs=1e-4)
    assert np.allclose(moved - picture(1), blackbody.offset_c, atol=1e-4) and not blackbody.messages()


def test_the_offset_follows_slowly_and_arrives():
    blackbody = Blackbody(PATCH, 23.0)
    blackbody.correct(picture(1), 0.0)
    first = blackbody.offset_c
    blackbody.correct(picture(1) - 1, 0.1)
    assert 0 < blackbody.offset_c - first < 0.1
    for tenth in range(2, 400):
        blackbody.correct(picture(tenth) - 1, tenth / 10)
    assert blackbody.offset_c == pytest.approx(first + 1, abs=0.05)


@pytest.mark.parametrize('code, spoil', [('reference-covered', 'half'), ('reference-off', 'all')])
def test_a_blackbody_that_cannot_be_trusted_moves_nothing(code, spoil):
    blackbody = Blackbody(PATCH, 22.5)
    blackbody.correct(picture(1), 0.0)
    celsius = picture(2).copy()
    celsius[:6, :4 if spoil == 'half' else 8] += MOST_OFFSET_C + 2
    assert blackbody.correct(celsius, 0.1) is celsius and blackbody.offset_c is None
    message, = blackbody.messages()
    assert message.code == code and 'not corrected' in message.sentence
    assert blackbody.correct(picture(3), 0.2) is not celsius and not blackbody.messages()


def test_noise_falls_to_what_the_weight_promises():
    denoiser = Denoiser()
    for number in range(60):
        smoothed = denoiser.smooth(picture(number))
    error = smoothed - picture(0, noise_c=0.0)
    assert np.std(error) == pytest.approx(0.05 * np.sqrt(WEIGHT / (2 - WEIGHT)), rel=0.1)
    assert abs(error.mean()) < 0.002


def test_what_moves_is_shown_as_it_is():
    denoiser = Denoiser()
    for number in range(20):
        denoiser.smooth(picture(number))
    moved = np.roll(picture(21), 8, axis=1)
    smoothed = denoiser.smooth(moved)
    assert abs(smoothed - moved)[12:48, 20:27].max() < 0.1  # was body, is wall
    assert abs(smoothed - moved)[12:48, 61:67].max() < 0.1  # was wall, is body


def test_a_smoothed_frame_belongs_to_whoever_got_it():
    denoiser = Denoiser()
    first = denoiser.smooth(picture(1))
    kept = first.copy()
    denoiser.smooth(picture(2))
    assert np.array_equal(first, kept)
    assert denoiser.smooth(picture(3, (45, 60))).shape == (45, 60)


def test_without_corrections_a_frame_stays_what_it_is():
    frame = thermogram(number=1)
    corrections = Corrections()
    assert corrections.apply(frame, 0.0) is frame and corrections.messages() == []
    assert corrections.to_dict() == {'bad_pixels': 0, 'offset_c': None, 'denoised': False}


def test_settings_make_them_and_notes_say_what_was_done(tmp_path):
    path = tmp_path / 'bad.txt'
    path.write_text('40,30\n')
    corrections = Corrections.from_settings(Settings(bad_pixels=str(path), reference_patch='0,0,0.1,0.1',
                                                     reference_c=22.5, denoise=True))
    frame = corrections.apply(thermogram(number=1), 0.0)
    assert frame.provenance.notes[0] == '1 bad pixels repaired' and len(frame.provenance.notes) == 3
    assert 'shifted by +0.5' in frame.provenance.notes[1]
    told = corrections.to_dict()
    assert told['bad_pixels'] == 1 and told['denoised'] and told['offset_c'] == pytest.approx(0.5, abs=0.05)
    corrections.reset()
    assert corrections.to_dict()['offset_c'] is None


def test_relative_frames_are_not_moved():
    grey = Thermogram.from_relative(picture(1) * 3, 'counts')
    corrections = Corrections(blackbody=Blackbody(PATCH, 22.5))
    assert corrections.apply(grey, 0.0) is grey


@pytest.mark.parametrize('given', [{'bad_pixels': '/nowhere/bad.txt'}, {'reference_patch': '2,2,2,2'}])
def test_settings_that_make_no_sense_are_refused(given):
    with pytest.raises(ThermoscreenError):
        Corrections.from_settings(Settings(**given))
