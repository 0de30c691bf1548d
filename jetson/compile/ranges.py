"""Where INT8 ranges come from: the bundle's cache, or TensorRT's own calibration on frames."""
import abc
import hashlib
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from calibration import choose_frames, describe_frame
from calibration.calibrators import cache_calibrator, entropy_calibrator
from service.backends.cuda import cuda_library
from service.body import find_body
from service.bundle import BASE, Bundle
from service.durable import storage_error
from service.messages import OK, BackendError, InputError, ThermoscreenError
from service.quality import QualityLimits, check_frame
from service.readers import find_thermograms, read_thermogram

#: Frames that ranges are measured on, and files that are read to choose them. NVIDIA's samples take some hundred
#: pictures of a thousand classes; thermograms are of one.
FRAMES, CANDIDATES = 64, 256


class Ranges(abc.ABC):
    """A source of INT8 ranges.

    Attributes:
        flag: build option that names the ranges in an engine's key.
    """

    flag = ''

    @abc.abstractmethod
    def calibrator(self, trt: Any, network: Any) -> Any:
        """A TensorRT calibrator for a parsed network, for the thread whose CUDA context is current."""

    @abc.abstractmethod
    def to_dict(self, folder: str) -> Dict[str, Any]:
        """JSON values that `load_ranges` makes the same ranges of, in another process.

        Args:
            folder: for what is too large for JSON.
        Raises:
            StorageError: it cannot be written.
        """


class CachedRanges(Ranges):
    """The ranges that come with the bundle.

    Args:
        data: its calibration cache.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.flag = 'calibration=' + hashlib.sha256(data).hexdigest()[:12]

    def calibrator(self, trt: Any, network: Any) -> Any:
        """A calibrator that answers with the cache."""
        # Every chain gives 0 to 1, which tells a cache of amax from one of amax / 127.
        inputs = [network.get_input(number).name for number in range(network.num_inputs)]
        return cache_calibrator(trt, self._data, dict.fromkeys(inputs, 1.0))

    def to_dict(self, folder: str) -> Dict[str, Any]:
        """See `Ranges.to_dict`: the bundle has the cache."""
        return {}


class MeasuredRanges(Ranges):
    """Ranges that TensorRT measures while it builds, by its own entropy calibration.

    Frames that the quality gate refuses are left out, as in the service. The measured ranges are kept beside the
    engines and read again for the same frames, model and TensorRT.

    Args:
        tensors: network inputs that are measured on.
        stem: of the file that keeps the ranges; TensorRT's release follows.
        cuda: how CUDA is reached, one of `service.backends.CUDA_INTERFACES`.
    """

    def __init__(self, tensors: Sequence[np.ndarray], stem: str, cuda: str = 'auto') -> None:
        self._tensors, self._stem, self._cuda = list(tensors), stem, cuda

    @classmethod
    def from_files(cls, bundle: Bundle, paths: Sequence[str], folder: str,
                   note: Callable[[str], None]) -> 'MeasuredRanges':
        """Ranges of the usable frames among some files.

        Args:
            bundle: its chain prepares the frames, and its FP32 file is measured.
            paths: thermograms and folders of them.
            folder: of the engines.
            note: called with a sentence about what was left out.
        Raises:
            InputError: ``calibration-empty`` where no frame is usable; or as `find_thermograms`.
        """
        tensors = _prepared(bundle, paths, note)
        places = choose_frames([describe_frame(tensor) for tensor in tensors],
                               [str(number) for number in range(len(tensors))], FRAMES)
        tensors = [tensors[place] for place in places]
        digest = hashlib.sha256(b''.join(tensor.tobytes() for tensor in tensors)).hexdigest()[:12]
        ranges = cls(tensors, os.path.join(folder, 'int8-%s-%s' % (bundle.sha256(BASE)[:12], digest)))
        ranges.flag = 'measured=' + digest
        return ranges

    def calibrator(self, trt: Any, network: Any) -> Any:
        """A calibrator that hands the frames to TensorRT."""
        return entropy_calibrator(trt, cuda_library(self._cuda), self._tensors,
                                  '%s-%s.cache' % (self._stem, trt.__version__))

    def to_dict(self, folder: str) -> Dict[str, Any]:
        """See `Ranges.to_dict`: the frames become a file."""
        path = os.path.join(folder, 'frames.npy')
        try:
            np.save(path, np.concatenate(self._tensors), allow_pickle=False)
        except OSError as error:
            raise storage_error(error, path)
        return {'frames': path, 'stem': self._stem}


def load_ranges(fields: Optional[Dict[str, Any]], bundle: Bundle, cuda: str) -> Optional[Ranges]:
    """The ranges that `Ranges.to_dict` described.

    Args:
        fields: as it gave them; None for a build without ranges.
        bundle: whose cache is meant where there are no frames.
        cuda: as of `MeasuredRanges`.
    """
    if fields is None:
        return None
    if 'frames' in fields:
        frames = np.load(fields['frames'], allow_pickle=False)
        return MeasuredRanges([frames[number:number + 1] for number in range(len(frames))], fields['stem'], cuda)
    data = bundle.read_calibration()
    return None if data is None else CachedRanges(data)


def check_calibrator(calibrator: Any) -> None:
    """Raise what went wrong inside a calibrator of `Ranges`, which TensorRT itself cannot pass on.

    Raises:
        ThermoscreenError: as the calibrator recorded it; ``calibration-failed`` for an error of CUDA.
    """
    problem = calibrator.problem
    if isinstance(problem, ThermoscreenError):
        raise problem
    if problem is not None:
        raise BackendError('calibration-failed', 'The ranges could not be measured (%s).' % problem,
                           'Close other programs and try again, or build with --precision fp16.', detail=repr(problem))


def _prepared(bundle: Bundle, paths: Sequence[str], note: Callable[[str], None]) -> List[np.ndarray]:
    """Network inputs of the usable frames among at most `CANDIDATES` files."""
    files = find_thermograms(paths)
    tensors, left_out = [], 0
    for path in files[::-(-len(files) // CANDIDATES)]:
        try:
            thermogram = read_thermogram(path)
        except InputError:
            left_out += 1
            continue
        body = find_body(thermogram)
        if check_frame(thermogram, body, QualityLimits())[-1].severity == OK:
            tensors.append(bundle.chain.apply(thermogram, body).tensor)
        else:
            left_out += 1
    if not tensors:
        raise InputError('calibration-empty', 'None of the %d files can be used: none can be read and passes the '
                         'quality checks.' % len(files), 'Name frontal thermograms of this camera.')
    if left_out:
        note('%d of the frames cannot be read or do not pass the quality checks, and are left out.' % left_out)
    return tensors
