"""Frames go into the input with their aspect kept, and labels come back to where they were."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chains import Fit, get_chain
from service.messages import BundleError


def test_an_unknown_chain_is_refused_with_the_known_ones():
    with pytest.raises(BundleError) as caught:
        get_chain('plateau-2')
    assert caught.value.code == 'chain-unknown' and 'plateau-1' in caught.value.message.text


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 700), st.integers(40, 700))
def test_the_picture_fills_one_side_and_keeps_its_aspect(height, width):
    fit = Fit.of((height, width), (240, 320))
    top, left, inner_height, inner_width = fit.inner
    assert inner_height == 240 or inner_width == 320
    assert 0 <= top and top + inner_height <= 240 and 0 <= left and left + inner_width <= 320
    assert abs(inner_height / float(inner_width) - height / float(width)) < 0.05 * height / float(width) + 0.02


@pytest.mark.parametrize('frame', [(480, 640), (120, 160), (512, 640), (640, 480)])
def test_labels_come_back_to_their_place(frame):
    fit = Fit.of(frame, (240, 320))
    labels = np.zeros(frame, np.uint8)
    labels[frame[0] // 4:frame[0] // 2, frame[1] // 5:frame[1] // 2] = 1
    there = fit.to_input(labels.astype(np.float32), padding=0).round().astype(np.uint8)
    back = fit.to_frame(there)
    overlap = (back & labels).sum() / float((back | labels).sum())
    assert overlap > 0.95


def test_padding_is_what_was_asked_for():
    padded = Fit.of((100, 100), (240, 320)).to_input(np.ones((100, 100), np.float32), padding=7)
    assert padded[0, 0] == 7 and padded[120, 160] == 1
