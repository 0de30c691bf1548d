"""What is fed damaged bytes: every reader, the sidecar, and every wire format."""
import functools
import json
import os
import struct
import zlib

import cv2
import numpy as np

from service.cameras.wire import FORMATS
from service.capture_file import FIXED, HEADER_START, pack_capture, sha256
from service.capture_file import MAGIC as CAPTURE_MAGIC
from service.capture_file import SUFFIX as CAPTURE_SUFFIX
from service.messages import CameraError, InputError
from service.radiometry import Raw, flir_raw
from service.readers import count_frames, read_thermogram, rows
from service.readers.text import TextReader
from service.thermogram import MAX_SIDE_PX, MIN_SIDE_PX, Provenance, Thermogram
from tests.fakes import flir_files, text_files
from tests.fakes.dicom_files import BIG, IMPLICIT, mapping, thermogram
from tests.fakes.infiray_files import infiray_jpeg
from tests.fakes.jpeg_ls import awkward_counts, jpeg_ls
from tests.service.readers.files import body_c, matrix, npy, png, tiff, tiff_pages

SIDECAR = (b'{"scale": "centikelvin", "emissivity": 0.98, "captured_at": "2024-05-31T11:30:00+02:00", '
           b'"mirrored": true}')
LABELME = b'{"version": "5.3.1", "flags": {}, "shapes": [], "imagePath": "frame.png", "imageData": null}'
#: What a reader may give, degrees Celsius and grey levels, by the unit.
_POSSIBLE = {'celsius': (-273.15, 2000), 'relative': (0, 255)}
_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'


class FileTarget:
    """Files of one format.

    Args:
        name (str): of the target.
        suffix (str): of the files.
        seeds (list of bytes): good files.
        repair (callable): corrects the checksums of damaged bytes, so that what lies behind them is reached.
        sidecar (bool): the bytes are those of a sidecar beside a good picture.
    """

    keeps_size = False
    refusals = InputError

    def __init__(self, name, suffix, seeds, repair=None, sidecar=False):
        self.name, self.suffix, self.seeds, self.repair, self._sidecar = name, suffix, seeds, repair, sidecar

    def feed(self, data, folder):
        """Read bytes as a file.

        Args:
            data (bytes): of the file.
            folder (str): where it may lie.
        Raises:
            InputError: a refusal; any other exception is a fault.
        """
        path = os.path.join(folder, 'frame' + ('.png' if self._sidecar else self.suffix))
        if self._sidecar:
            _write(path, _picture())
            path_of_bytes = os.path.join(folder, 'frame.json')
        else:
            path_of_bytes = path
        _write(path_of_bytes, data)
        frames = count_frames(path)
        thermogram = read_thermogram(path, scale=None if self._sidecar else 'centikelvin', frame=1 + len(data) % frames)
        pixels = thermogram.pixels
        assert pixels.dtype == np.float32 and np.isfinite(pixels).all()
        assert MIN_SIDE_PX <= min(pixels.shape) and max(pixels.shape) <= MAX_SIDE_PX
        low, high = _POSSIBLE[thermogram.unit]
        assert low - 0.01 <= pixels.min() and pixels.max() <= high, (pixels.min(), pixels.max())
        assert all('\n' not in note for note in thermogram.provenance.notes)


class RowsTarget:
    """Rows of numbers, which must be read in bulk as they are one by one."""

    keeps_size, repair, refusals = False, None, InputError

    def __init__(self, name, seeds):
        self.name, self.seeds = name, seeds

    def feed(self, data, folder):
        """Read bytes as rows in both ways; see `FileTarget.feed`."""
        if not data:
            return
        both = _outcome(data)
        in_bulk, rows._plain_decimals = rows._plain_decimals, lambda *args: None
        try:
            slow = _outcome(data)
        finally:
            rows._plain_decimals = in_bulk
        if isinstance(both, InputError):
            assert both.message == slow.message
            raise both
        assert np.array_equal(both, slow)


def _outcome(data):
    try:
        return TextReader().decode(data, 'rows.txt').values
    except InputError as error:
        return error


class WireTarget:
    """Frames of one wire format."""

    keeps_size, repair, refusals = True, None, CameraError

    def __init__(self, wire):
        self.name, self._wire = 'wire ' + wire.name, wire

    @property
    def seeds(self):
        return [self._wire.encode(body_c(*self._wire.shape, seed=seed)) for seed in range(2)]

    def feed(self, data, folder):
        """Decode bytes as a frame; see `FileTarget.feed`."""
        decoded = self._wire.decode(data)
        assert decoded.pixels.dtype == np.float32 and decoded.pixels.shape == self._wire.shape
        assert np.isfinite(decoded.pixels).all() and decoded.unit in ('celsius', 'relative')
        assert isinstance(decoded.condition.usable, bool)


def with_right_checksums(data):
    """Bytes whose first PNG, at their start or within, has right chunk checksums as far as its lengths are right."""
    fixed, offset = bytearray(data), data.find(_PNG_MAGIC) + len(_PNG_MAGIC)
    while offset >= len(_PNG_MAGIC) and offset + 12 <= len(data):
        end = offset + 8 + struct.unpack_from('>I', data, offset)[0]
        if end + 4 > len(data):
            break
        struct.pack_into('>I', fixed, end, zlib.crc32(data[offset + 4:end]) & 0xFFFFFFFF)
        offset = end + 4
    return bytes(fixed)


def with_right_hashes(data):
    """A capture file whose hashes are right as far as its header can be read, wherever it lies otherwise."""
    fixed = bytearray(data)
    if len(data) < HEADER_START or not data.startswith(CAPTURE_MAGIC):
        return data
    start = HEADER_START + FIXED.unpack_from(data)[2]
    text, offset = data[HEADER_START:start], start
    try:
        for entry in json.loads(text.decode('ascii'))['frames']:
            blob = data[offset:offset + entry['bytes']]
            text = text.replace(entry['sha256'].encode('ascii'), sha256(blob).hex().encode('ascii'))
            offset += len(blob)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass  # damaged itself; the hash over it is corrected all the same
    fixed[HEADER_START:start] = text
    fixed[FIXED.size:HEADER_START] = sha256(bytes(fixed[:FIXED.size]) + text)
    return bytes(fixed)


def _captures():
    """Capture files of counts and of degrees."""
    body, provenance = body_c(), Provenance(source='frame', reader='test', captured_at='2024-05-31T09:30:00.250Z')
    flir = Raw(flir_raw(body, flir_files.I7), flir_files.I7, provenance)
    degrees = Raw.of(Thermogram(np.random.RandomState(0).uniform(20, 36, (60, 80)), 'celsius', provenance))
    return [pack_capture([flir, flir]), pack_capture([degrees]), pack_capture([Raw.of(
        Thermogram(body, 'celsius', provenance))])]


def _lepton(name):
    """A frame with telemetry: uint16."""
    wire = FORMATS[name]
    words = np.frombuffer(wire.encode(body_c(*wire.shape)), '<u2')
    return words.reshape(wire.height, wire.width).astype(np.uint16)


def _write(path, data):
    with open(path, 'wb') as stream:
        stream.write(data)


@functools.lru_cache(maxsize=None)
def _picture():
    return png((body_c() * 100).astype(np.uint16) + 27315)


def _csq(counts):
    """A recording of one packed picture, which begins where most of the damage is done."""
    return flir_files.fff([(0x01, 2, flir_files.raw_data(counts, pixels=jpeg_ls(counts, spiff=True))),
                           (0x20, 1, flir_files.camera_info())], '<', 2)


def _file_targets():
    body = body_c()
    counts, grey = (body * 100 + 27315).astype(np.uint16), (body * 5).astype(np.uint8)
    frames = [flir_files.frame(body_c(seed=seed), order='<') for seed in range(3)]
    packed = flir_files.frame(body, pixels=flir_files.png16)
    dump = FORMATS['p2pro'].encode(body_c(192, 256))
    header = 'File: x\r\nEmissivity;0,98\r\nTemperature \u00b0C\r\n\r\n'.encode('latin-1')
    texts = [matrix(body), matrix(body, ';', '\r\r\n', 5), matrix(body, comma=True)]
    yield FileTarget('text', '.txt', texts)
    yield RowsTarget('rows', texts + [matrix(body - 30, ',', ',\n'), matrix(body_c(40, 40), '\t')])
    yield FileTarget('csv', '.csv', [
        matrix(body, ','), header + matrix(body, ';', '\r\n', comma=True),
        text_files.thermal_studio([body_c(40, 40, seed) for seed in range(2)], text_files.HEADER),
        text_files.quoted(body_c(40, 50)), text_files.numbered(body_c(40, 50)), text_files.sized(body_c(40, 50))])
    yield FileTarget('png', '.png', [png(counts), png(grey), png(np.dstack([grey] * 3))], with_right_checksums)
    yield FileTarget('tiff', '.tif', [tiff(counts), tiff(counts, '>', 60), tiff(counts, compression=8), tiff(grey),
                                      tiff(body.astype(np.float32)), tiff(body, '>', compression=8),
                                      tiff_pages([body, counts, grey]),
                                      cv2.imencode('.tif', counts)[1].tobytes()])
    mapped = {0x00409096: mapping(last=40000), 0x00080023: '20261130', 0x00080201: '+0200', 0x00200020: 'L\\F'}
    yield FileTarget('dicom', '.dcm', [thermogram(counts, mapped), thermogram(counts, {}, IMPLICIT), thermogram(grey),
                                       thermogram(np.stack([counts] * 3), mapped, BIG),
                                       thermogram(body.astype(np.float32), mapped)])
    telemetry = [_lepton(name) for name in ('lepton-y16-telemetry', 'lepton25-y16-telemetry')]
    yield FileTarget('lepton-npy', '.npy', [npy(telemetry[1]), npy(np.roll(telemetry[1], 3, axis=0)),
                                            npy(telemetry[1] * 0.01 - 273.15), npy(telemetry[0])])
    yield FileTarget('jpeg', '.jpg', [cv2.imencode('.jpg', grey, [cv2.IMWRITE_JPEG_QUALITY, 90] + options)[1].tobytes()
                                      for options in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])])
    yield FileTarget('npy', '.npy', [npy(body), npy(body.astype('>f4')), npy(counts)])
    yield FileTarget('flir-jpeg', '.jpg', [flir_files.flir_jpeg(frames[0]), flir_files.flir_jpeg(packed, 1500),
                                           flir_files.flir_jpeg(flir_files.frame(body, pixels=jpeg_ls))],
                     with_right_checksums)
    kelvin64 = ((body + 273.15) * 64).astype(np.uint16)
    yield FileTarget('infiray-jpeg', '.jpg', [infiray_jpeg(kelvin64), infiray_jpeg(kelvin64, states_temperatures=True)])
    yield FileTarget('fff', '.fff', [frames[0], packed], with_right_checksums)
    yield FileTarget('seq', '.seq', [b''.join(frames)])
    yield FileTarget('csq', '.csq', [_csq(flir_raw(body_c(40, 50), flir_files.I7)), _csq(awkward_counts(56, 40))])
    yield FileTarget('tc001', '.raw', [struct.pack('<4H', 384, 256, 8, 2) + dump, dump * 2])
    yield FileTarget('capture', CAPTURE_SUFFIX, _captures(), with_right_hashes)
    yield FileTarget('sidecar', '.json', [SIDECAR, b'{"scale": "centikelvin"}', LABELME], sidecar=True)


#: Every target by its name.
TARGETS = {target.name: target for target in list(_file_targets()) + [WireTarget(wire) for wire in FORMATS.values()]}
