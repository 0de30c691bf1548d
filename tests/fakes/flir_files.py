"""FLIR's files, written by hand from the description of the format; no byte comes from a camera."""
import struct
import zlib

import cv2
import numpy as np

from service.radiometry import FlirParameters, ObjectParameters, PlanckConstants, flir_raw

#: Constants of a FLIR i7 (ExifTool's sample picture), seen through a metre of air.
I7 = FlirParameters(PlanckConstants(13799.269, 1374.5, 1.35, -6646.0, 0.022241818),
                    ObjectParameters(emissivity=0.98, reflected_c=21.0, air_c=22.0, humidity_percent=50.0,
                                     distance_m=1.0))

#: 2024-05-31T09:30:00.250Z.
TAKEN_AT = (1717147800, 250)


def camera_info(parameters=I7, order='<', taken_at=TAKEN_AT, model=b'FLIR i7', humidity=None, patch=()):
    """A camera record; `patch` is (offset, struct format, value) to overwrite."""
    planck, setting, air = parameters.planck, parameters.object_parameters, parameters.air
    body = bytearray(2476)
    struct.pack_into(order + 'H', body, 0, 2)
    struct.pack_into(order + '6f', body, 0x20, setting.emissivity, setting.distance_m, setting.reflected_c + 273.15,
                     setting.air_c + 273.15, setting.window_c + 273.15, setting.window_transmission)
    struct.pack_into(order + 'f', body, 0x3C, setting.humidity_percent / 100 if humidity is None else humidity)
    struct.pack_into(order + '3f', body, 0x58, planck.r1, planck.b, planck.f)
    struct.pack_into(order + '5f', body, 0x70, air.alpha1, air.alpha2, air.beta1, air.beta2, air.x)
    body[0xD4:0xD4 + len(model)] = model
    struct.pack_into(order + 'if', body, 0x308, int(planck.o), planck.r2)
    struct.pack_into(order + 'IIh', body, 0x384, taken_at[0], taken_at[1], -120)
    for offset, kind, value in patch:
        struct.pack_into(order + kind, body, offset, value)
    return bytes(body)


def raw_data(raw, order='<', pixels=None):
    """A record of raw counts; `pixels` are other bytes in the place of the plain counts."""
    height, width = raw.shape
    head = struct.pack(order + '16H', 2, width, height, 0, 0, 0, width - 1, 0, height - 1, *[0] * 7)
    return head + (raw.astype(order + 'u2').tobytes() if pixels is None else pixels)


def png16(raw, swapped=True):
    """A PNG of counts, as FLIR writes it with the bytes of every count swapped."""
    height, width = raw.shape
    rows = b''.join(b'\0' + row.tobytes() for row in raw.astype('<u2' if swapped else '>u2'))
    chunks = ((b'IHDR', struct.pack('>IIBBBBB', width, height, 16, 0, 0, 0, 0)), (b'IDAT', zlib.compress(rows)),
              (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body) & 0xFFFFFFFF)
        for kind, body in chunks)


def fff(records, order='>', places=14, magic=b'FFF\0', version=100):
    """A container of (kind, subtype, body) records; directories have empty places."""
    offset, directory = 0x40 + 32 * places, b''
    for kind, subtype, body in records:
        directory += struct.pack(order + 'HHIIIIIII', kind, subtype, 101, 1, offset, len(body), 0, 0, 0)
        offset += len(body)
    header = magic + b'\0' * 16 + struct.pack(order + 'III', version, 0x40, places)
    return header.ljust(0x40, b'\0') + directory.ljust(32 * places, b'\0') + b''.join(body for _, _, body in records)


def frame(celsius, parameters=I7, order='>', record_order='<', pixels=None, **info):
    """A container that holds a frame; `pixels` makes other bytes of the counts."""
    raw = flir_raw(celsius, parameters)
    return fff([(0x20, 1, camera_info(parameters, record_order, **info)),
                (0x01, 2, raw_data(raw, record_order, pixels and pixels(raw)))], order)


def flir_jpeg(container, chunk_bytes=65000, numbers=None):
    """A JPEG in a palette's colours with a container in APP1 segments, numbered unless `numbers` says otherwise."""
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    picture = cv2.imencode('.jpg', cv2.applyColorMap(ramp, cv2.COLORMAP_JET))[1].tobytes()
    pieces = [container[start:start + chunk_bytes] for start in range(0, len(container), chunk_bytes)]
    numbers = numbers or [(number, len(pieces) - 1) for number in range(len(pieces))]
    return picture[:2] + b''.join(
        struct.pack('>BBH', 0xFF, 0xE1, len(piece) + 10) + b'FLIR\0\1' + bytes(pair) + piece
        for pair, piece in zip(numbers, pieces)) + picture[2:]
