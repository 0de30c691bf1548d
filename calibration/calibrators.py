"""What TensorRT is given to measure INT8 ranges: a calibration cache, or frames that represent the others.

TensorRT and CUDA are passed in, so that nothing here imports them. TensorRT's calibrator classes are abstract: a
subclass answers its questions (batch size, next batch, cache to read, cache to write). TensorRT calls these from C++.
An exception there ends the process up to 8.2 and is printed and lost from 8.4 on ([NvidiaTensorrt3871]), so none leaves
a callback: `problem` keeps it for the caller that builds the engine.
"""
import contextlib
import os
from typing import Any, Iterable, List, Optional, Sequence, Union

import numpy as np

from service.durable import atomic_write
from service.messages import BackendError, InputError

from .cache import with_local_header

#: The descriptor of a frame: means of a grid of this many cells a side, and a histogram of this many bins.
_GRID, _BINS = 6, 16


def cache_calibrator(trt: Any, data: bytes, bounds: Optional[dict] = None) -> Any:
    """A calibrator that takes its ranges from a calibration cache and needs no frames.

    Args:
        trt: module ``tensorrt``.
        data: the cache; its header is replaced by the local version's.
        bounds: as for `calibration.cache.read_cache`; for a bundle those of the input, whose chain gives 0 to 1.

    Returns:
        A ``tensorrt.IInt8EntropyCalibrator2``; keep it until the engine is built.

    Raises:
        BackendError: ``calibrator-missing``: this TensorRT has no calibrators.
        InputError: as `calibration.cache.read_cache`.
    """
    base = _entropy_class(trt)
    local = with_local_header(data, trt.__version__, bounds=bounds)

    class CacheCalibrator(base):  # type: ignore[valid-type,misc]  # tensorrt is known at run time only
        """Reads a calibration cache."""

        problem = None

        def get_batch_size(self) -> int:
            """One: no frame is requested."""
            return 1

        def get_batch(self, names: List[str], *_: Any) -> None:
            """No frames: the cache has everything that TensorRT needs."""
            return None

        def read_calibration_cache(self, *_: Any) -> bytes:
            """The cache under the local header."""
            return local

        def write_calibration_cache(self, cache: Any, *_: Any) -> None:
            """Nothing new to keep."""
            return None

    return CacheCalibrator()


def entropy_calibrator(trt: Any, cuda: Any, batches: Iterable[np.ndarray], cache_path: str) -> Any:
    """A calibrator that lets TensorRT calibrate by itself, on a board that has INT8.

    An existing cache at `cache_path` is read, under the local header, instead of calibrating; remove it to calibrate
    again. The device buffer is allocated with the first batch and freed after the last.

    Args:
        trt: module ``tensorrt``.
        cuda: module of `service.backends.cuda.cuda_library`, with a context of this thread current.
        batches: float32 NxCxHxW of one shape, as the chain of the bundle prepares frames.
        cache_path: where TensorRT's cache is kept; written completely or not at all.

    Returns:
        A ``tensorrt.IInt8EntropyCalibrator2``; keep it until the engine is built, then look at its ``problem``: None,
        or the InputError, StorageError or CUDA error that ended the calibration.

    Raises:
        BackendError: ``calibrator-missing``: this TensorRT has no calibrators.
        InputError: ``calibration-empty``: no batch; ``calibration-batch``: the first one is wrong; or the errors of
            `calibration.cache.read_cache` for an existing cache.
    """
    base = _entropy_class(trt)
    existing = _read_existing(cache_path, trt.__version__)
    feed = iter(batches)
    first = _checked(next(feed, None))

    class EntropyCalibrator(base):  # type: ignore[valid-type,misc]  # tensorrt is known at run time only
        """Gives frames to TensorRT."""

        def __init__(self) -> None:
            base.__init__(self)
            self.problem: Optional[Exception] = None
            self._next: Optional[np.ndarray] = first
            self._buffer: Any = None

        def get_batch_size(self) -> int:
            """Frames of a batch."""
            return len(first)

        def get_batch(self, names: List[str], *_: Any) -> Optional[List[int]]:
            """Device address of the next batch in a list, or None after the last."""
            try:
                return self._copy_next()
            except Exception as error:
                self.problem = error
                # After a lasting error of CUDA nothing can be freed, and to say so would end the process.
                with contextlib.suppress(Exception):
                    self._free()
                return None

        def read_calibration_cache(self, *_: Any) -> Optional[bytes]:
            """The cache of an earlier calibration, or None."""
            return existing

        def write_calibration_cache(self, cache: Any, *_: Any) -> None:
            """Keep the result of the calibration."""
            try:
                atomic_write(cache_path, bytes(cache))
            except Exception as error:
                self.problem = error

        def _copy_next(self) -> Optional[List[int]]:
            if self._next is None:
                self._free()
                return None
            if self._buffer is None:
                self._buffer = cuda.mem_alloc(first.nbytes)
            cuda.memcpy_htod(self._buffer, self._next)
            following = next(feed, None)
            self._next = None if following is None else _checked(following, first.shape)
            return [int(self._buffer)]

        def _free(self) -> None:
            buffer, self._buffer = self._buffer, None
            if buffer is not None:
                buffer.free()

    return EntropyCalibrator()


def describe_frame(tensor: np.ndarray) -> np.ndarray:
    """What a prepared frame looks like, in few numbers.

    Args:
        tensor: float32 1xCxHxW, 0..1, as a chain prepares it; at least 6 pixels a side.

    Returns:
        float64 D: the means of 6x6 cells, and the shares of 16 levels of brightness, both over all channels. Both parts
        have about the same weight.
    """
    picture = np.asarray(tensor, np.float64)[0].mean(0)
    cells = [cell.mean() for row in np.array_split(picture, _GRID) for cell in np.array_split(row, _GRID, axis=1)]
    levels = np.histogram(picture, _BINS, (0, 1))[0] / float(picture.size)
    return np.concatenate([np.array(cells) / _GRID, levels])


def choose_frames(descriptors: Union[Sequence[np.ndarray], np.ndarray], patients: Sequence[str], count: int,
                  seed: int = 0) -> List[int]:
    """Choose frames that differ: from as many patients as possible, and spread over appearances.

    Every patient gives a frame before one gives a second. Among the allowed frames, the next is drawn with a
    probability that grows with the square of its distance from the nearest chosen one (the seeding of k-means++
    [Arthur2007]): spread out, but not a collection of outliers, which would widen the ranges.

    Args:
        descriptors: float NxD, one row per frame, such as from `describe_frame`.
        patients: patient of each frame.
        count: how many to choose; all frames where there are no more.
        seed: of the draws; the same seed gives the same choice.

    Returns:
        Indices of the chosen frames, ascending.
    """
    descriptors = np.asarray(descriptors, np.float64)
    _, owners = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if count >= len(descriptors):
        return list(range(len(descriptors)))
    random = np.random.RandomState(seed)
    taken = np.zeros(owners.max() + 1, int)
    free = np.ones(len(descriptors), bool)
    distance = np.ones(len(descriptors))
    chosen: List[int] = []
    while len(chosen) < count:
        allowed = free & (taken[owners] == taken[owners[free]].min())
        place = _draw(np.where(allowed, distance, 0), allowed, random)
        chosen.append(place)
        free[place] = False
        taken[owners[place]] += 1
        away = ((descriptors - descriptors[place]) ** 2).sum(1)
        distance = away if len(chosen) == 1 else np.minimum(distance, away)
    return sorted(chosen)


def _draw(weights: np.ndarray, allowed: np.ndarray, random: np.random.RandomState) -> int:
    """An index drawn by weight; with equal chances where all allowed frames look like chosen ones."""
    total = weights.sum()
    shares = weights / total if total > 0 else allowed / float(allowed.sum())
    return int(random.choice(len(shares), p=shares))


def _entropy_class(trt: Any) -> Any:
    if not hasattr(trt, 'IInt8EntropyCalibrator2'):
        raise BackendError('calibrator-missing', 'TensorRT %s has no calibrators any more.'
                           % getattr(trt, '__version__', ''),
                           'Build INT8 from the bundle\'s int8-qdq variant instead.')
    return trt.IInt8EntropyCalibrator2


def _read_existing(path: str, version: str) -> Optional[bytes]:
    if not os.path.exists(path):
        return None
    try:
        with open(path, 'rb') as stream:
            return with_local_header(stream.read(), version)
    except OSError as error:
        raise InputError('cache-unreadable', '%s cannot be read.' % path, 'Remove it to calibrate again.',
                         detail=str(error))


def _checked(batch: Optional[np.ndarray], shape: Optional[Sequence[int]] = None) -> np.ndarray:
    """The batch as contiguous float32; refuses what TensorRT would calibrate wrongly with."""
    if batch is None:
        raise InputError('calibration-empty', 'There is no frame to calibrate with.', 'Name some frames.')
    batch = np.asarray(batch)
    if batch.dtype != np.float32 or batch.ndim != 4 or (shape is not None and batch.shape != shape):
        raise InputError('calibration-batch', 'A calibration batch is %s%s; all must be float32 NxCxHxW of one shape.'
                         % (batch.dtype, list(batch.shape)))
    if not np.isfinite(batch).all():
        raise InputError('calibration-batch', 'A calibration batch contains values that are not finite.',
                         'Leave that frame out.')
    return np.ascontiguousarray(batch)
