"""Frames of a Lepton in files: telemetry rows, counts that are no temperatures, raw dumps."""
import numpy as np
import pytest

from service.cameras.registry import open_camera
from service.cameras.wire import FORMATS
from service.condition import Condition
from service.lepton import FRAME_SIZES, find_telemetry
from service.readers import read_raw, read_thermogram
from tests.service.cameras.wire.pictures import patient

from .contract import refusal
from .files import matrix, npy, png, tiff

WITH = [FORMATS['lepton-y16-telemetry'], FORMATS['lepton25-y16-telemetry']]


def frame(wire, condition=None, header=False, **carried):
    """uint16, with the telemetry rows behind or before the picture."""
    words = np.frombuffer(wire.encode(patient(wire.shape), condition, **carried), '<u2')
    whole = words.reshape(wire.height, wire.width).astype(np.uint16)
    return np.roll(whole, wire.height - wire.shape[0], axis=0) if header else whole


def save(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('header', [False, True])
@pytest.mark.parametrize('suffix, write', [('.tif', tiff), ('.png', png), ('.npy', npy)])
@pytest.mark.parametrize('wire', WITH, ids=lambda wire: wire.name)
def test_telemetry_rows_are_read_and_left_out(tmp_path, wire, suffix, write, header):
    path = save(tmp_path, 'frame' + suffix, write(frame(wire, header=header)))
    for scale in (None, 'centikelvin'):
        thermogram = read_thermogram(path, scale=scale)
        assert thermogram.pixels.shape == wire.shape
        assert np.abs(thermogram.pixels - patient(wire.shape)).max() <= 0.0051
        assert any('rows of Lepton telemetry were left out: TLinear in steps of 0.01 K, high gain' in note
                   for note in thermogram.provenance.notes)
    assert 'telemetry says centikelvin' in refusal(path, 'scale-contradiction', scale='ax5').message.text


def test_telemetry_states_the_steps_and_the_gain(tmp_path):
    path = save(tmp_path, 'a.tif', tiff(frame(WITH[0], Condition(gain='low', ffc='running'), resolution_k=0.1)))
    thermogram = read_thermogram(path)
    assert np.abs(thermogram.pixels - patient((120, 160))).max() <= 0.051
    assert any('steps of 0.1 K, low gain, shutter correction running' in note for note in thermogram.provenance.notes)


@pytest.mark.parametrize('condition, carried, said', [
    (None, {'tlinear': False}, 'TLinear off'), (Condition(agc=True), {}, 'AGC on')])
def test_counts_are_told_by_telemetry(tmp_path, condition, carried, said):
    path = save(tmp_path, 'a.tif', tiff(frame(WITH[0], condition, **carried)))
    for scale in (None, 'centikelvin'):
        message = refusal(path, 'lepton-counts', scale=scale).message
        assert said in message.sentence and 'TLinear' in message.next_step


@pytest.mark.parametrize('shape', [(122, 160), (63, 80)])
def test_a_frame_of_that_size_without_telemetry_is_refused(tmp_path, shape):
    for rows in (np.full(shape, 30000, np.uint16), np.zeros(shape, np.uint16)):
        refusal(save(tmp_path, 'a.tif', tiff(rows)), 'lepton-telemetry', scale='centikelvin')


@pytest.mark.parametrize('header', [False, True])
@pytest.mark.parametrize('write, name', [
    (lambda celsius: matrix(celsius, ','), 'a.csv'), (lambda celsius: tiff(celsius.astype(np.float32)), 'a.tif'),
    (npy, 'a.npy')])
def test_degrees_with_telemetry_among_them(tmp_path, write, name, header):
    """What Python users save: every row of a frame times 0.01 less 273.15."""
    celsius = frame(WITH[0], header=header) * 0.01 - 273.15
    thermogram = read_thermogram(save(tmp_path, name, write(celsius)))
    assert thermogram.pixels.shape == (120, 160)
    assert np.abs(thermogram.pixels - patient((120, 160))).max() <= 0.0051


def test_degrees_of_that_size_without_telemetry_are_kept(tmp_path):
    celsius = np.full((122, 160), 30.25)
    assert np.array_equal(read_thermogram(save(tmp_path, 'a.npy', npy(celsius))).pixels, celsius)


def test_other_sizes_are_left_alone():
    assert find_telemetry(np.zeros((120, 160), np.uint16)) is None


def test_14_bit_counts_are_no_centikelvin(tmp_path):
    counts = frame(WITH[0], tlinear=False)[:120]
    path = save(tmp_path, 'a.png', png(counts))
    assert 'Lepton with TLinear off' in refusal(path, 'lepton-counts', scale='centikelvin').message.text
    read_raw(path, 'ax5')  # what another camera means by such counts
    cold = np.full((60, 80), 16500, np.uint16)
    refusal(save(tmp_path, 'b.png', png(cold)), 'temperature-impossible', scale='centikelvin')


@pytest.mark.parametrize('size', FRAME_SIZES, ids=lambda size: size.name)
def test_a_raw_dump_is_named_for_what_it_is(tmp_path, size):
    wire = FORMATS[size.name]
    data = wire.encode(patient(wire.shape))
    assert len(data) == size.bytes
    for frames in (1, 3):
        path = save(tmp_path, 'dump.raw', data * frames)
        message = refusal(path, 'format-mismatch').message
        assert size.camera in message.sentence and 'format=%s"' % size.name in message.next_step
        assert ('3 frames' if frames == 3 else 'one frame') in message.sentence
    with open_camera('raw:%s?format=%s' % (path, size.name)) as camera:
        assert camera.read(5.0).thermogram.pixels.shape == wire.shape


def test_bytes_that_happen_to_be_letters_are_no_text(tmp_path):
    path = save(tmp_path, 'dump.raw', b'Ku' * (120 * 160))
    assert 'FLIR Lepton 3.5 (160x120)' in refusal(path, 'format-mismatch').message.sentence
    path = save(tmp_path, 'dump.raw', b'Ku' * 999)
    assert 'does not look like one' in refusal(path, 'format-mismatch').message.sentence
