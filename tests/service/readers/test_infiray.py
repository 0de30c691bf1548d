"""JPEG pictures of InfiRay's phone apps: both ways of stating sizes, and headers that lie."""
import numpy as np
import pytest

from service.radiometry import Temperatures
from service.readers import SCALES, read_raw, read_thermogram
from tests.fakes.infiray_files import infiray_jpeg

from .contract import ReaderContract, refusal
from .files import body_c


def words(celsius):
    return np.round((celsius + 273.15) * 64).astype(np.uint16)


class TestThermalMaster(ReaderContract):
    name, suffix, tolerance, shape = 'infiray-jpeg', '.jpg', 1 / 128.0 + 1e-4, (192, 256)

    def content(self, celsius):
        return infiray_jpeg(words(celsius))


class TestP2Pro(TestThermalMaster):
    """States the sizes of the temperatures, and a height and depth of the grey picture that are not its own."""

    suffix, shape = '.jpeg', (60, 80)

    def content(self, celsius):
        return infiray_jpeg(words(celsius), states_temperatures=True, extra=bytes(5000))


@pytest.fixture
def jpeg_path(tmp_path):
    return tmp_path / 'frame.jpg'


BODY = body_c()


def test_a_grey_picture_of_another_size(jpeg_path):
    header = {0x20: ('Q', 768), 0x2A: ('H', 16), 0x2C: ('H', 24)}
    jpeg_path.write_bytes(infiray_jpeg(words(BODY), header, bytes(768), states_temperatures=True))
    assert np.abs(read_thermogram(jpeg_path).pixels - BODY).max() < 0.01


def test_what_the_file_states_reaches_the_record(jpeg_path):
    jpeg_path.write_bytes(infiray_jpeg(words(BODY), {0x0E: ('H', 0x0103)}))
    saved = read_raw(jpeg_path)
    assert saved.meaning == Temperatures(SCALES['kelvin64']) and np.array_equal(saved.values, words(BODY))
    assert saved.provenance.notes == (
        'the app states rotation 3 and mirroring 1; the pixels are as the sensor gave them',)
    jpeg_path.write_bytes(infiray_jpeg(words(BODY)))
    assert read_raw(jpeg_path).provenance.notes == ()


#: Headers that lie: ({offset: (struct format, value)}, code of the refusal).
LIES = {
    'a size beyond the data': ({0x30: ('Q', 9600), 0x3A: ('H', 80), 0x20: ('Q', 19000)}, 'file-damaged'),
    'a size beyond everything': ({0x20: ('Q', 2 ** 64 - 1)}, 'frame-too-large'),
    'an odd size': ({0x20: ('Q', 9601)}, 'file-damaged'),
    'no size': ({0x20: ('Q', 0)}, 'frame-too-small'),
    'no width': ({0x2A: ('H', 0)}, 'frame-too-small'),
    'a width that does not fit': ({0x2A: ('H', 79)}, 'file-damaged'),
    'a wide row': ({0x2A: ('H', 4800)}, 'frame-too-small')}


@pytest.mark.parametrize('name', sorted(LIES))
def test_headers_that_lie(jpeg_path, name):
    header, code = LIES[name]
    jpeg_path.write_bytes(infiray_jpeg(words(BODY), header))
    refusal(jpeg_path, code)


def test_a_header_that_is_too_short(jpeg_path):
    data = infiray_jpeg(words(BODY))
    jpeg_path.write_bytes(data[:2] + b'\xff\xe2\0\x20\0\2\2\0IJPEG\0' + bytes(20) + data[2:])
    refusal(jpeg_path, 'file-damaged')


@pytest.mark.parametrize('celsius', [280.0, -60.0])
def test_the_hot_range_is_refused(jpeg_path, celsius):
    """Its values are not in 1/64 K: owners of a P2 read 310 °C where 280 °C was."""
    hot = BODY.copy()
    hot[:1] = celsius
    jpeg_path.write_bytes(infiray_jpeg(words(hot)))
    assert 'hot range' in refusal(jpeg_path, 'format-unsupported').message.text
