"""What a FLIR camera says of itself and of the scene: the constants that make counts temperatures."""
import datetime
import struct

from ...messages import InputError
from ...radiometry import AirConstants, FlirParameters, PlanckConstants, Scene
from ...radiometry.planck import ZERO_K_C
from .fff import CAMERA_INFO, damaged, record, record_order

#: Offsets in the record, and the time, are of ExifTool's tables of FLIR's tags (the time in seconds since 1970
#: in UTC, milliseconds, minutes west of Greenwich); both files of the tests agree with their Exif local time.
_SCENE, _HUMIDITY, _PLANCK, _AIR, _MODEL, _OFFSET_AND_R2, _TIME = 0x20, 0x3C, 0x58, 0x70, 0xD4, 0x308, 0x384
_MODEL_BYTES = 32
#: A relative humidity above this is a percentage; cameras store a share, a few of them percent.
_LARGEST_SHARE = 2.0
#: Digital cameras with thermal detectors are not older.
_FIRST_YEAR, _LAST_YEAR = 1995, 2100


def parameters_of(data, source):
    """The parameters of a frame, and when it was taken.

    Args:
        data (bytes): an FFF container.
        source (str): the file's name for sentences.
    Returns:
        tuple: (FlirParameters, UTC ISO-8601 or ``''``, camera model or ``''``).
    Raises:
        InputError: ``flir-no-calibration``, ``radiometry-constant`` or ``radiometry-value`` where the camera's
            statements cannot be, ``file-truncated`` or ``file-damaged``.
    """
    body = record(data, CAMERA_INFO, source)
    if body is None:
        raise InputError('flir-no-calibration', "%s holds raw counts without the camera's calibration, so they are no "
                         'temperatures; export it as CSV from the camera software.' % source)
    order = record_order(body, source)
    if len(body) < _OFFSET_AND_R2 + 8:
        raise damaged(source, 'camera record of %d bytes' % len(body))
    emissivity, distance, reflected, air, window, transmission = struct.unpack_from(order + '6f', body, _SCENE)
    humidity, = struct.unpack_from(order + 'f', body, _HUMIDITY)
    r1, b, f = struct.unpack_from(order + '3f', body, _PLANCK)
    o, r2 = struct.unpack_from(order + 'if', body, _OFFSET_AND_R2)
    try:
        parameters = FlirParameters(
            PlanckConstants(r1, b, f, float(o), r2),
            Scene(emissivity, reflected + ZERO_K_C, air + ZERO_K_C,
                  humidity if humidity > _LARGEST_SHARE else 100 * humidity, distance, window + ZERO_K_C, transmission),
            AirConstants(*struct.unpack_from(order + '5f', body, _AIR)))
    except InputError as error:
        raise InputError(error.code, '%s: %s' % (source, error.message.text), detail=error.detail)
    model = body[_MODEL:_MODEL + _MODEL_BYTES].partition(b'\0')[0].decode('ascii', 'replace')
    return parameters, _taken_at(body, order), ''.join(letter for letter in model if letter.isprintable()).strip()


def _taken_at(body, order):
    if len(body) < _TIME + 8:
        return ''
    seconds, milliseconds = struct.unpack_from(order + 'II', body, _TIME)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(0, seconds, 0, milliseconds & 0xFFFF)
    return moment.isoformat(timespec='milliseconds') + 'Z' if _FIRST_YEAR <= moment.year < _LAST_YEAR else ''
