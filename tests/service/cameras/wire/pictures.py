"""Pictures to put through a format, and checks of its refusals."""
import numpy as np
import pytest
from hypothesis import strategies as st

from service.cameras.wire import WireError
from service.messages import CameraError


def patient(shape, low_c=18.0, high_c=38.0, seed=1):
    """A smooth picture with a little noise: float32, Celsius."""
    rows, columns = np.ogrid[:shape[0], :shape[1]]
    warmth = np.exp(-((rows - shape[0] / 2) / shape[0]) ** 2 * 6 - ((columns - shape[1] / 2) / shape[1]) ** 2 * 6)
    noise = np.random.RandomState(seed).normal(0, 0.05, shape)
    return np.clip(low_c + (high_c - low_c) * warmth + noise, low_c, high_c).astype(np.float32)


def pictures(shape, low_c, high_c):
    """Strategy: any Celsius within bounds, from a flat picture to noise with its extremes in it."""
    def picture(seed, low, high, flat):
        celsius = np.random.RandomState(seed).uniform(min(low, high), max(low, high), shape)
        if flat:
            celsius[:] = low
        else:
            celsius.flat[:2] = low, high
        return celsius.astype(np.float32)
    ends = st.integers(int(low_c * 1000), int(high_c * 1000)).map(lambda thousandths: thousandths / 1000.0)
    return st.builds(picture, st.integers(0, 2 ** 31 - 1), ends, ends, st.booleans())


def refused(wire, data, *words):
    """The `WireError` of a decode: one sentence for an operator, with these words in it."""
    with pytest.raises(WireError) as caught:
        wire.decode(data)
    error = caught.value
    assert isinstance(error, CameraError) and error.code == 'camera-bad-frame'
    assert error.message.text.endswith('.') and error.message.text.isprintable() and error.message.next_step
    assert wire.camera in error.message.text
    for word in words:
        assert word in error.message.text, error.message.text
    return error
