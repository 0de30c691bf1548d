"""What TensorRT asks for INT8 ranges: a reader of a cache, and frames for its own entropy calibration.

TensorRT and pycuda are handed in, so that nothing here imports them. TensorRT's calibrator classes are abstract: a
subclass answers its questions (batch size, next batch, cache to read, cache to write). TensorRT calls these from C++,
where an exception would end the process or vanish; they are kept in `problem` for whoever asked for the engine.
"""
import os

import numpy as np

from service.durable import atomic_write
from service.messages import BackendError, InputError

from .cache import with_local_header


def cache_calibrator(trt, data, bounds=None):
    """A calibrator that has its ranges from a calibration cache and needs no frames.

    Args:
        trt (module): ``tensorrt``.
        data (bytes): the cache; its header is rewritten to the local version.
        bounds (dict or None): as `calibration.cache.read_cache`; for a bundle the input's, whose chain gives 0 to 1.
    Returns:
        tensorrt.IInt8EntropyCalibrator2: keep it until the engine is built.
    Raises:
        BackendError: ``calibrator-missing``: this TensorRT has no calibrators.
        InputError: as `calibration.cache.read_cache`.
    """
    base = _entropy_class(trt)
    local = with_local_header(data, trt.__version__, bounds=bounds)

    class CacheCalibrator(base):
        """Reads a calibration cache."""

        problem = None

        def get_batch_size(self):
            """One: no frame is asked for."""
            return 1

        def get_batch(self, names, *_):
            """No frames: TensorRT has what it needs from the cache."""
            return None

        def read_calibration_cache(self, *_):
            """The cache under the local header."""
            return local

        def write_calibration_cache(self, cache, *_):
            """Nothing new to keep."""
            return None

    return CacheCalibrator()


def entropy_calibrator(trt, cuda, batches, cache_path):
    """A calibrator that lets TensorRT calibrate by itself, on a board that has INT8.

    A cache that lies at `cache_path` is read, under the local header, instead of calibrating; remove it to calibrate
    anew. The device buffer is made with the first batch and freed after the last.

    Args:
        trt (module): ``tensorrt``.
        cuda (module): ``pycuda.driver``, with a context of this thread current.
        batches (iterable of numpy.ndarray): float32 NxCxHxW of one shape, as the chain of the bundle prepares frames.
        cache_path (str): where TensorRT's cache is kept; written whole or not at all.
    Returns:
        tensorrt.IInt8EntropyCalibrator2: keep it until the engine is built, then look at its ``problem``: None, or
        the InputError, StorageError or CUDA error that ended the calibration.
    Raises:
        BackendError: ``calibrator-missing``: this TensorRT has no calibrators.
        InputError: ``calibration-empty``: no batch; ``calibration-batch``: the first is of a wrong kind; or what
            `calibration.cache.read_cache` says of the cache that is there.
    """
    base = _entropy_class(trt)
    known = _read_existing(cache_path, trt.__version__)
    feed = iter(batches)
    first = _checked(next(feed, None), None)

    class EntropyCalibrator(base):
        """Hands frames to TensorRT."""

        def __init__(self):
            base.__init__(self)
            self.problem = None
            self._next = first
            self._buffer = None

        def get_batch_size(self):
            """Frames of a batch."""
            return len(first)

        def get_batch(self, names, *_):
            """Device address of the next batch in a list, or None after the last."""
            try:
                return self._copy_next()
            except Exception as error:
                self.problem = error
                self._free()
                return None

        def read_calibration_cache(self, *_):
            """The cache of an earlier calibration, or None."""
            return known

        def write_calibration_cache(self, cache, *_):
            """Keep what TensorRT found."""
            try:
                atomic_write(cache_path, bytes(cache))
            except Exception as error:
                self.problem = error

        def _copy_next(self):
            if self._next is None:
                self._free()
                return None
            if self._buffer is None:
                self._buffer = cuda.mem_alloc(first.nbytes)
            cuda.memcpy_htod(self._buffer, self._next)
            following = next(feed, None)
            self._next = None if following is None else _checked(following, first.shape)
            return [int(self._buffer)]

        def _free(self):
            if self._buffer is not None:
                self._buffer.free()
                self._buffer = None

    return EntropyCalibrator()


def _entropy_class(trt):
    if not hasattr(trt, 'IInt8EntropyCalibrator2'):
        raise BackendError('calibrator-missing', 'TensorRT %s has no calibrators any more; build INT8 from the '
                           'bundle\'s int8-qdq variant instead.' % getattr(trt, '__version__', ''))
    return trt.IInt8EntropyCalibrator2


def _read_existing(path, version):
    if not os.path.exists(path):
        return None
    try:
        with open(path, 'rb') as stream:
            return with_local_header(stream.read(), version)
    except OSError as error:
        raise InputError('cache-unreadable', '%s cannot be read; remove it to calibrate anew.' % path,
                         detail=str(error))


def _checked(batch, shape):
    """The batch as contiguous float32; refuses what TensorRT would calibrate wrongly with."""
    if batch is None:
        raise InputError('calibration-empty', 'There is no frame to calibrate with; name some.')
    batch = np.asarray(batch)
    if batch.dtype != np.float32 or batch.ndim != 4 or (shape is not None and batch.shape != shape):
        raise InputError('calibration-batch', 'A batch to calibrate with is %s%s; it must be float32 NxCxHxW and of '
                         'one shape.' % (batch.dtype, list(batch.shape)))
    if not np.isfinite(batch).all():
        raise InputError('calibration-batch', 'A batch to calibrate with holds values that are not finite; leave that '
                         'frame out.')
    return np.ascontiguousarray(batch)
