"""The INT8 calibrators and what the builder does with one."""
import struct

import numpy as np

from .session import numpy_type, run

#: Algorithm of each class, as the enum and as a cache's first line name it.
_ALGORITHMS = {'IInt8EntropyCalibrator2': ('ENTROPY_CALIBRATION_2', 'EntropyCalibration2'),
               'IInt8EntropyCalibrator': ('ENTROPY_CALIBRATION', 'EntropyCalibration'),
               'IInt8MinMaxCalibrator': ('MINMAX_CALIBRATION', 'MinMaxCalibration'),
               'IInt8LegacyCalibrator': ('LEGACY_CALIBRATION', 'LegacyCalibration')}


class IInt8Calibrator:
    """Base of the calibrators."""

    def __init__(self):
        self._ready = True

    def get_batch_size(self):
        raise _PureVirtualError('get_batch_size')

    def get_batch(self, names):
        raise _PureVirtualError('get_batch')

    def read_calibration_cache(self):
        raise _PureVirtualError('read_calibration_cache')

    def write_calibration_cache(self, cache):
        raise _PureVirtualError('write_calibration_cache')

    def get_algorithm(self):
        for kind in type(self).__mro__:
            if kind.__name__ in _ALGORITHMS and '_bound' in vars(kind):
                return getattr(self._lib.enums['CalibrationAlgoType'], _ALGORITHMS[kind.__name__][0])
        raise _PureVirtualError('get_algorithm')


class _PureVirtualError(RuntimeError):
    def __init__(self, name):
        super().__init__('Tried to call pure virtual function "IInt8Calibrator::%s"' % name)


class NoScalesError(Exception):
    """Calibration that gave nothing to go by."""


def scales_from(library, calibrator, session, inputs, outputs, voice):
    """Scales by tensor name, from the calibrator's cache or from its batches.

    The batches are read from device memory, where the calibrator says they are, and run; the scale of an input or an
    output is its largest absolute value over all batches, divided by 127. The double sees no values in between.

    Args:
        inputs, outputs (list): (name, shape, DataType).
    Returns:
        dict: tensor name to scale.
    Raises:
        NoScalesError: neither cache nor batches, or a callback that failed; what it said is logged.
    """
    algorithm = dict(_ALGORITHMS.values())[calibrator.get_algorithm()._name]
    try:
        cache = calibrator.read_calibration_cache()
        if cache is not None and len(bytes(cache)):
            return _read(library, bytes(cache), algorithm, voice)
        calibrator.get_batch_size()
        largest = _measure(library, calibrator, session, inputs, outputs)
        if not largest:
            raise NoScalesError()
        scales = {name: float(value) / 127 for name, value in largest.items()}
        calibrator.write_calibration_cache(_write(library, scales, algorithm))
    except NoScalesError:
        raise
    except Exception as error:  # the real library catches whatever a callback raises and goes on without it
        voice.error('Exception caught in calibrator callback: %s' % error)
        raise NoScalesError()
    return scales


def _measure(library, calibrator, session, inputs, outputs):
    largest = {}
    names = [name for name, _, _ in inputs]
    while True:
        pointers = calibrator.get_batch(list(names))
        if not pointers:
            return largest
        feed = {}
        for (name, shape, dtype), pointer in zip(inputs, pointers):
            kind = numpy_type(dtype)
            count = int(np.prod(shape)) * kind.itemsize
            feed[name] = library.world.view(int(pointer), count).copy().view(kind).reshape(shape)
        answers = dict(run(session, feed, [name for name, _, _ in outputs]), **feed)
        for name, array in answers.items():
            largest[name] = max(largest.get(name, 0), np.abs(array.astype(np.float64)).max())


def _write(library, scales, algorithm):
    lines = ['TRT-%s-%s' % (library.cache_version, algorithm)]
    lines += ['%s: %s' % (name, struct.pack('>f', scale).hex()) for name, scale in sorted(scales.items())]
    return '\n'.join(lines).encode() + b'\n'


def _read(library, data, algorithm, voice):
    first, _, rest = data.decode('ascii').partition('\n')
    parts = first.strip().split('-')
    if len(parts) != 3 or parts[0] != 'TRT' or parts[2] != algorithm or (
            library.release >= (10,) and parts[1] != library.cache_version):
        voice.error('Calibration table does not match calibrator algorithm type.')
        raise NoScalesError()
    scales = {}
    for line in rest.splitlines():
        if line.strip():
            name, _, value = line.rpartition(':')
            scales[name] = struct.unpack('>f', bytes.fromhex(value.strip()))[0]
    if not scales:
        raise NoScalesError()
    return scales
